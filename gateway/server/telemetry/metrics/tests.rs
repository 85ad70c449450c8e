#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::telemetry::record::tests::record;
use crate::telemetry::record::{EventRefusal, Label, Record};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

fn resolved(metrics: &Metrics, apps: &[(&str, &[&str])]) -> PolicyMetrics {
    let apps = apps.iter().map(|(name, routes)| {
        (Arc::from(*name), ["-"].iter().chain(*routes).map(|route| Arc::from(*route)).collect())
    });
    PolicyMetrics::over(metrics, apps)
}

fn at<'a>(app: usize, route: usize) -> Record<'a> {
    // The texts are wrong on purpose: labels come from the policy, by position.
    let label = |index| Some(Label { text: "wrong", index });
    Record { app: label(app), route: label(route), ..record() }
}

#[track_caller]
fn check(metrics: &Metrics, lines: &[&str]) {
    let text = metrics.encode().unwrap();
    for line in lines {
        assert!(text.lines().any(|l| l == *line), "{line} is missing in\n{text}");
    }
}

#[track_caller]
fn check_absent(metrics: &Metrics, part: &str) {
    let text = metrics.encode().unwrap();
    assert!(!text.contains(part), "{part} is in\n{text}");
}

#[test]
fn one_observation_counts_everything_once() {
    let metrics = Metrics::new().unwrap();
    let policy = resolved(&metrics, &[("film", &["GET /api/{id}"])]);
    policy.observe(&at(0, 1));
    policy.observe(&at(0, 1));
    let refusal = EventRefusal { code: "rate_limited", limit: Some("app.ip-1"), reason: None };
    policy.observe(&Record { status: 429, refusal: Some(refusal), route: None, upstream: None, ..at(0, 1) });
    policy.observe(&Record { app: None, route: None, status: 421, upstream: None, ..at(0, 0) });
    policy.observe(&Record { status: 999, ..at(0, 1) });
    policy.observe(&Record { status: 418, ..at(0, 1) });
    check(
        &metrics,
        &[
            r#"stagedoor_requests_total{app="film",route="GET /api/{id}",status="200"} 2"#,
            r#"stagedoor_requests_total{app="film",route="-",status="429"} 1"#,
            r#"stagedoor_requests_total{app="-",route="-",status="421"} 1"#,
            r#"stagedoor_requests_total{app="film",route="GET /api/{id}",status="other"} 1"#,
            r#"stagedoor_requests_total{app="film",route="GET /api/{id}",status="418"} 1"#,
            r#"stagedoor_denied_total{app="film",route="-",code="rate_limited"} 1"#,
            r#"stagedoor_limited_total{app="film",limit="app.ip-1"} 1"#,
            r#"stagedoor_request_seconds_count{app="film"} 5"#,
            r#"stagedoor_response_bytes_total{app="film"} 6170"#,
            r#"stagedoor_request_bytes_total{app="film"} 0"#,
            r#"stagedoor_gateway_seconds_bucket{app="film",le="0.00006"} 5"#,
            r#"stagedoor_gateway_seconds_bucket{app="film",le="0.00004"} 0"#,
            r#"stagedoor_upstream_seconds_count{app="film"} 4"#,
            r#"stagedoor_upstream_seconds_count{app="-"} 0"#,
        ],
    );
}

#[test]
fn every_promised_name_is_there_from_the_start() {
    let metrics = Metrics::new().unwrap();
    let _policy = resolved(&metrics, &[("film", &[])]);
    metrics.loaded(Duration::from_secs(1_800_000_000));
    metrics.connection_refused(ConnectionRefusal::PerAddress);
    metrics.reloaded(ReloadResult::Failed, Duration::ZERO);
    metrics.http2_limited(Http2Limit::Frames);
    check(
        &metrics,
        &[
            "# TYPE stagedoor_request_seconds histogram",
            "# TYPE stagedoor_connections gauge",
            "# TYPE stagedoor_jwt_cache_total counter",
            "stagedoor_connections 0",
            r#"stagedoor_connections_refused_total{reason="per_address"} 1"#,
            r#"stagedoor_connections_refused_total{reason="total"} 0"#,
            r#"stagedoor_http2_limited_total{reason="frames"} 1"#,
            r#"stagedoor_http2_limited_total{reason="protocol"} 0"#,
            r#"stagedoor_streams{app="film",kind="websocket"} 0"#,
            r#"stagedoor_streams_closed_total{reason="draining"} 0"#,
            r#"stagedoor_jwt_cache_total{result="hit"} 0"#,
            r#"stagedoor_jwt_cache_total{result="miss"} 0"#,
            r#"stagedoor_state_keys{kind="limit"} 0"#,
            r#"stagedoor_state_keys{kind="token"} 0"#,
            "stagedoor_limit_overflow_total 0",
            "stagedoor_config_loaded_timestamp_seconds 1800000000",
            r#"stagedoor_config_reload_total{result="failed"} 1"#,
            r#"stagedoor_config_reload_total{result="ok"} 0"#,
            "stagedoor_panics_total 0",
            "stagedoor_log_dropped_total 0",
            concat!("stagedoor_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ],
    );
}

#[test]
fn of_several_certificates_for_a_host_the_one_that_ends_first_is_told() {
    let metrics = Metrics::new().unwrap();
    let hosts = |ends: &[u64]| ends.iter().map(|end| ("a.example".to_owned(), *end)).collect::<Vec<_>>();
    for ends in [[100, 200, 300], [300, 200, 100], [200, 100, 300]] {
        metrics.certificates(&hosts(&ends), 2);
        check(
            &metrics,
            &[r#"stagedoor_tls_not_after_seconds{host="a.example"} 100"#, "stagedoor_tls_renewals_failing 2"],
        );
    }
    metrics.certificates(&hosts(&[250]), 0);
    check(&metrics, &[r#"stagedoor_tls_not_after_seconds{host="a.example"} 250"#]);
    metrics.certificates(&[], 0);
    check_absent(&metrics, "a.example");
}

#[test]
fn a_reload_keeps_what_stays_and_forgets_what_went() {
    let metrics = Metrics::new().unwrap();
    let refusal = EventRefusal { code: "rate_limited", limit: Some("app.ip-1"), reason: None };
    let old = resolved(&metrics, &[("film", &["kept", "gone"]), ("music", &["all"])]);
    for (app, route) in [(0, 1), (0, 2), (1, 1)] {
        old.observe(&Record { status: 429, refusal: Some(refusal), ..at(app, route) });
    }

    let new = resolved(&metrics, &[("film", &["kept"])]);
    new.forget_others(&metrics, &HashSet::from([("film", "app.ip-1")]));
    new.observe(&Record { status: 429, refusal: Some(refusal), ..at(0, 1) });
    check(
        &metrics,
        &[
            r#"stagedoor_requests_total{app="film",route="kept",status="429"} 2"#,
            r#"stagedoor_denied_total{app="film",route="kept",code="rate_limited"} 2"#,
            r#"stagedoor_limited_total{app="film",limit="app.ip-1"} 3"#,
            r#"stagedoor_request_seconds_count{app="film"} 3"#,
        ],
    );
    check_absent(&metrics, "gone");
    check_absent(&metrics, "music");
}

#[test]
fn labels_that_read_the_same_end_to_end_are_told_apart() {
    let metrics = Metrics::new().unwrap();
    let policy = resolved(&metrics, &[("film", &["s-1"]), ("films", &["-1"])]);
    policy.observe(&at(0, 1));
    check(&metrics, &[r#"stagedoor_requests_total{app="film",route="s-1",status="200"} 1"#]);
    check_absent(&metrics, r#"stagedoor_requests_total{app="films""#);
}

#[test]
fn a_stream_is_counted_while_it_is_open() {
    let metrics = Metrics::new().unwrap();
    let policy = resolved(&metrics, &[("film", &[])]);
    let mut first = policy.open_stream(0, StreamKind::Websocket);
    let second = policy.open_stream(0, StreamKind::Websocket);
    check(&metrics, &[r#"stagedoor_streams{app="film",kind="websocket"} 2"#]);
    first.ends(StreamEnd::Draining);
    drop((first, second));
    check(
        &metrics,
        &[
            r#"stagedoor_streams{app="film",kind="websocket"} 0"#,
            r#"stagedoor_streams_closed_total{reason="draining"} 1"#,
            r#"stagedoor_streams_closed_total{reason="client"} 1"#,
        ],
    );
}

#[test]
fn a_label_of_the_configuration_cannot_break_the_text() {
    let metrics = Metrics::new().unwrap();
    let policy = resolved(&metrics, &[("film", &["a\"b\\c\nd"])]);
    policy.observe(&at(0, 1));
    check(&metrics, &[r#"stagedoor_requests_total{app="film",route="a\"b\\c\nd",status="200"} 1"#]);
}
