//! `stagedoor demo`

use std::fs::DirBuilder;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use stagedoor_core::config::Source;

use super::{Failure, compile, now, print};
use crate::demo;
use crate::materials::{DiskMaterials, random};
use crate::serve::{self, Beside, ConfigSource, Start};

/// See it work: a sample app with the gateway in front of it
///
/// A small media app without any defence runs inside this process, on loopback. What is printed is an
/// address for the browser and four lines to paste: refused, allowed, limited, too large.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    /// Where the gateway listens, on loopback; 0 takes any free port
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let listen = free(args.port)?;
    let app = demo::App::bind()?;
    let folder = Folder::create()?;
    let base = folder.0.clone();
    let name = base.join("demo").display().to_string().into();
    let config = Source { name, text: demo::config_text(app.address, listen) };
    let token = token(&config, &base)?;
    let lines = demo::lines(app.address, listen, &token);
    let start = move || {
        app.start()?;
        // The lines are for pasting at once: they are told when they work.
        std::thread::Builder::new().name("demo-lines".into()).spawn(move || {
            if answers(listen) {
                let _ = print(&lines);
            }
        })?;
        Ok(())
    };
    let beside = Some(Beside { start: Box::new(start), removed: base.clone() });
    Ok(serve::run(Start { config: ConfigSource::Text { source: config, base }, beside })?)
}

/// A token of the secret that the gateway is about to read.
fn token(config: &Source, base: &Path) -> Result<String, Failure> {
    let materials = DiskMaterials { base: base.to_owned(), may_generate: true, no_files: false };
    let policy = compile(std::slice::from_ref(config), &materials)?.policy;
    let provider = policy.providers.first().ok_or_else(|| anyhow::anyhow!("the demo has no provider"))?;
    let id: [u8; 16] = random();
    let (roles, lifetime) = (["user".to_owned()], Duration::from_secs(3_600));
    provider
        .sign("guest", &roles, &[], lifetime, &URL_SAFE_NO_PAD.encode(id), now())
        .map_err(|message| anyhow::anyhow!(message).into())
}

fn free(port: u16) -> Result<SocketAddr, Failure> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|listener| listener.local_addr()) {
        Ok(address) => Ok(address),
        Err(error) => Err(anyhow::anyhow!("cannot listen on port `{port}`: {error} (try `--port 0`)").into()),
    }
}

/// Whether somebody answers there within ten seconds.
fn answers(address: SocketAddr) -> bool {
    (0..200).any(|_| {
        let there = TcpStream::connect(address).is_ok();
        if !there {
            std::thread::sleep(Duration::from_millis(50));
        }
        there
    })
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
  0  stopped as told    1  could not start";
