//! Takes one step of the record of a request again and again, so that its instructions can be counted.
//!
//! `record STEP CALLS` makes CALLS calls inside [`again`], the one function whose instructions count. `record` alone lists
//! the steps. `tests/bench/steps` runs it under callgrind.

use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use prometheus::IntCounter;
use stagedoor::telemetry::access::AccessLogWriter;
use stagedoor::telemetry::metrics::{Metrics, PolicyMetrics};
use stagedoor::telemetry::record::{Label, LineFormat, Record};
use stagedoor::telemetry::redact::Redaction;
use stagedoor_config::{FileFault, Material, Materials, SourceFile, compile};
use stagedoor_core::clock::Now;
use stagedoor_core::secret::Secret;

const STEPS: &[&str] = &["line", "access_log", "metrics"];

const POLICY: &str = r#"
version = 1
[server]
listen = ["127.0.0.1:8080"]
[log]
access = { file = "/dev/null", max_size = "1GiB", keep = 1 }
[app.media]
hosts = ["media.example.com"]
upstream = "http://127.0.0.1:8330"
auth = "public"
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(step), Some(calls)) = (arguments.next(), arguments.next()) else {
        for step in STEPS {
            writeln!(std::io::stdout(), "{step}")?;
        }
        return Ok(());
    };
    let calls: u32 = calls.parse()?;
    let source = SourceFile { name: "record.toml".into(), text: POLICY.to_owned() };
    let now = Now::new(Duration::from_secs(10_000), Duration::from_secs(1_790_000_000));
    let compiled = compile(&[source], &Nothing, None, now).map_err(|problems| format!("{problems:?}"))?;
    let policy = compiled.policy;
    let app = policy.apps.first().ok_or("no app")?;
    let redaction = Redaction::of_app(&policy, app);
    let record = record(Label::app(app));
    match step.as_str() {
        "line" => {
            let mut line = Vec::with_capacity(1024);
            again(calls, || {
                line.clear();
                record.write(LineFormat::Json, &redaction, &mut line);
                black_box(&line);
            });
            std::io::stdout().write_all(&line)?;
        }
        "access_log" => {
            let log = AccessLogWriter::start(&policy.log, IntCounter::new("lost", "lost")?)?;
            again(calls, || log.record(&record, &redaction));
            if !log.close(Duration::from_secs(5)) {
                return Err("the log was not written".into());
            }
        }
        "metrics" => {
            let counters = PolicyMetrics::resolve(&Metrics::new()?, &policy);
            counters.observe(&record);
            again(calls, || counters.observe(&record));
        }
        _ => return Err("no such step".into()),
    }
    Ok(())
}

/// The calls whose instructions count.
#[inline(never)]
fn again(calls: u32, mut call: impl FnMut()) {
    for _ in 0..calls {
        call();
    }
}

fn record(app: Label<'_>) -> Record<'_> {
    Record {
        time: Duration::from_millis(1_790_000_000_123),
        request_id: "01900000-0000-7000-8000-000000000001",
        app: Some(app),
        route: Some(Label { text: "-", index: 0 }),
        method: "GET",
        target: b"/api/library/items/42?page=1&sort=-added",
        status: 200,
        refusal: None,
        user: Some("bob"),
        ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        bytes_in: 0,
        bytes_out: 1024,
        gateway: Duration::from_micros(31),
        upstream: Some(Duration::from_micros(180)),
        upstream_fault: None,
        ended_by: None,
        detail: None,
        retries: 0,
        total: Duration::from_micros(260),
        tls: false,
        host: Some("media.example.com"),
        https: false,
        protocol: Some("HTTP/1.1"),
        upstream_url: Some("http://127.0.0.1:8330"),
        referer: Some(b"https://pages.example/"),
        user_agent: Some(
            b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        ),
    }
}

/// A machine without files, variables or chance.
struct Nothing;

impl Materials for Nothing {
    fn file(&self, _: &str) -> Result<Material, FileFault> {
        Err(FileFault::Missing)
    }

    fn env(&self, _: &str) -> Option<Secret<Vec<u8>>> {
        None
    }

    fn generate(&self, _: &str) -> Result<Option<Secret<Vec<u8>>>, FileFault> {
        Ok(Some(Secret::new(b"k7Qw2mZx9RtB4nVc8LpY1sHd6JfG3aEu".to_vec())))
    }

    fn random(&self) -> [u8; 32] {
        [7; 32]
    }

    fn stand_in(&self) -> bool {
        false
    }
}
