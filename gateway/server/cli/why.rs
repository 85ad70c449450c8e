//! `stagedoor why`

use serde::de::DeserializeOwned;
use serde_json::Value;
use stagedoor_config::shell_word;

use super::failure::Failure;
use super::gateway_args::GatewayArgs;
use super::output::print;
use crate::recent_refusals::RequestId;
use crate::terminal::is_coloured;
use crate::why::{RefusalExplanation, RefusalList};

/// Explain why a request was refused, and what would let it pass
///
/// Asks the running gateway, which keeps its last 10,000 refusals. The id is in `x-request-id` of every answer, on
/// the page that a browser shows, and in the access log. Without an id, it lists the newest refusals.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    /// The request id
    id: Option<String>,
    #[command(flatten)]
    gateway: GatewayArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    // `instance` of a problem document has the id as a URN (RFC 9562).
    let id = args.id.as_deref().map(|id| match id.split_at_checked(URN.len()) {
        Some((urn, id)) if urn.eq_ignore_ascii_case(URN) => id,
        Some(_) | None => id,
    });
    if let Some(id) = id.filter(|id| RequestId::parse(id).is_none()) {
        return Err(Failure::usage(
            format!("not a request id: `{}`", id.escape_debug()),
            "it stands in `x-request-id` of the answer, such as `0190a3c4-8f2e-7b11-9d3a-5c6f7e8d9a0b`",
        ));
    }
    let client = args.gateway.client()?;
    let answer = match id {
        Some(id) => client.get(&format!("/api/v1/why?id={id}"))?,
        None => client.get("/api/v1/why")?,
    };
    if args.json {
        return print(&format!("{answer:#}\n"));
    }
    match id {
        Some(_) => {
            let mut why = read::<RefusalExplanation>(answer)?;
            if let Some(command) = &mut why.remedy.command {
                command.push_str(&args.same_gateway());
            }
            print(&why.text(is_coloured(&std::io::stdout())))
        }
        None => print(&read::<RefusalList>(answer)?.text()),
    }
}

const URN: &str = "urn:uuid:";

impl Args {
    /// The arguments with which another command asks the same gateway.
    fn same_gateway(&self) -> String {
        match &self.gateway.config {
            Some(file) => format!(" --config={}", shell_word(&file.display().to_string())),
            None if self.gateway.upstream => " --upstream".to_owned(),
            None => String::new(),
        }
    }
}

fn read<T: DeserializeOwned>(answer: Value) -> Result<T, Failure> {
    let answer = serde_json::from_value(answer).map_err(anyhow::Error::new);
    answer.map_err(|error| {
        error
            .context("the answer of the gateway is not understood; hint: it may be of another version")
            .into()
    })
}

const AFTER: &str = "\
Examples:
  stagedoor why
  stagedoor why 0190a3c4-8f2e-7b11-9d3a-5c6f7e8d9a0b
  stagedoor why 0190a3c4-8f2e-7b11-9d3a-5c6f7e8d9a0b --json

Exit codes:
  0  done
  1  no gateway answers, or it does not know the request
  2  wrong usage, or mistakes in the configuration";
