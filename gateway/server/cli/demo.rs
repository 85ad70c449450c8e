//! `stagedoor demo`

use std::fs::DirBuilder;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use stagedoor_config::SourceFile;

use super::failure::Failure;
use super::output::print;
use crate::demo;
use crate::materials::random;
use crate::serve::{self, Companion, RunningGateway, Start};
use crate::signals::Hangup;
use crate::source::ConfigSource;

/// See it work: a sample app with the gateway in front of it
///
/// A small media app without any defence runs inside this process, on loopback. The command prints a
/// link for the browser and four lines to paste: refused, allowed, limited, too large.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    /// Where the gateway listens, on loopback; 0 takes any free port
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let listen = free(args.port)?;
    let app = demo::SampleApp::bind()?;
    let folder = Folder::create()?;
    let base = folder.0.clone();
    let name = base.join("demo").display().to_string().into();
    let address = app.address;
    let config = SourceFile { name, text: demo::config_text(address, listen) };
    let config = ConfigSource::Text { source: config, base: base.clone(), no_environment: true };
    let companion = Companion { start: Box::new(move || app.start()), removed: base };
    // The lines are printed once they work, so that they can be pasted at once.
    let on_ready = Box::new(move |ready: &RunningGateway<'_>| {
        match lines(ready, address, listen) {
            Ok(lines) => {
                let _ = print(&lines);
            }
            Err(reason) => eprintln!("the demo cannot show itself: {reason}"),
        }
        None
    });
    Ok(serve::run(Start {
        config,
        companion: Some(companion),
        on_ready: Some(on_ready),
        hangup: Hangup::End,
    })?)
}

fn lines(ready: &RunningGateway<'_>, app: SocketAddr, listen: SocketAddr) -> Result<String, String> {
    let token = ready.sign("guest", &["user".to_owned()], Duration::from_secs(3_600))?;
    let link = ready.link(&token)?;
    Ok(demo::lines(app, listen, token.expose(), link.expose()))
}

fn free(port: u16) -> Result<SocketAddr, Failure> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|listener| listener.local_addr()) {
        Ok(address) => Ok(address),
        Err(error) => Err(anyhow::anyhow!("cannot listen on port `{port}`: {error} (try `--port 0`)").into()),
    }
}

/// A private folder for the demo's secrets, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn create() -> std::io::Result<Self> {
        let mark: [u8; 9] = random();
        let path = std::env::temp_dir().join(format!("stagedoor-demo-{}", URL_SAFE_NO_PAD.encode(mark)));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const AFTER: &str = "\
Examples:
  stagedoor demo
  stagedoor demo --port 0

Exit codes:
  0  stopped by a signal    1  could not start";
