//! `stagedoor completions`

use clap_complete::Shell;

use super::failure::Failure;
use super::output::print;

/// Print the completions of a shell
///
/// A script from which the shell completes commands and options at the Tab key.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &Args, mut cli: clap::Command) -> Result<(), Failure> {
    let name = cli.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli, name, &mut script);
    print(&String::from_utf8_lossy(&script))
}

const AFTER: &str = "\
Examples:
  source <(stagedoor completions bash)
  stagedoor completions bash > ~/.local/share/bash-completion/completions/stagedoor
  stagedoor completions fish > ~/.config/fish/completions/stagedoor.fish
  stagedoor completions zsh > ~/.zfunc/_stagedoor          # a folder of your fpath";
