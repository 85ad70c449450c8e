#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::sink::Sink;
use super::*;
use crate::telemetry::record::tests::record;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const LONG: Duration = Duration::from_secs(20);

fn counter() -> IntCounter {
    IntCounter::new("dropped", "dropped").unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn events_reach_the_file_before_close_returns() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("logs/access.jsonl");
    let dropped = counter();
    let log =
        AccessLogWriter::over(Sink::rotating(path.clone(), 1 << 20, 2), LineFormat::Json, dropped.clone())
            .unwrap();
    for _ in 0..1_000 {
        log.record(&record(), &Redaction::default());
    }
    assert!(log.close(LONG));
    assert_eq!(read(&path).lines().count(), 1_000);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(dropped.get(), 0);

    log.record(&record(), &Redaction::default());
    assert_eq!(dropped.get(), 1, "an event after the end is counted");
}

#[test]
fn a_full_disk_drops_and_counts() {
    let dropped = counter();
    let log = AccessLogWriter::over(
        Sink::rotating("/dev/full".into(), 1 << 30, 2),
        LineFormat::Json,
        dropped.clone(),
    )
    .unwrap();
    for _ in 0..10 {
        log.record(&record(), &Redaction::default());
    }
    assert!(log.close(LONG));
    assert_eq!(dropped.get(), 10);
}

#[test]
fn a_closed_pipe_drops_and_counts() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let dropped = counter();
    let log = AccessLogWriter::over(Sink::stream(writer), LineFormat::Json, dropped.clone()).unwrap();
    log.record(&record(), &Redaction::default());
    assert!(log.close(LONG));
    assert_eq!(dropped.get(), 1);
}

#[test]
fn a_reader_that_does_not_read_fills_the_queue_and_no_more() {
    let (mut reader, writer) = io::pipe().unwrap();
    let dropped = counter();
    let log = AccessLogWriter::over(Sink::stream(writer), LineFormat::Json, dropped.clone()).unwrap();
    let mut events = 0;
    while dropped.get() == 0 {
        log.record(&record(), &Redaction::default());
        events += 1;
        assert!(log.events.lock().pending.len() <= QUEUE_MAX && events < 1_000_000);
    }
    assert!(!log.close(Duration::from_millis(1)));
    drop(log);
    let mut all = String::new();
    reader.read_to_string(&mut all).unwrap();
    assert_eq!(all.lines().count() as u64 + dropped.get(), events);
}

#[test]
fn files_are_rotated_by_size_at_line_ends() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let numbered = |n: usize| dir.path().join(format!("a.{n}"));
    let mut sink = Sink::rotating(path.clone(), 8, 2);
    assert_eq!(sink.write(b"11\n22\n33\n44\n55\n66\n77\n").lost, 0);
    assert_eq!([read(&path), read(&numbered(1)), read(&numbered(2))], ["77\n", "55\n66\n", "33\n44\n"]);
    assert!(!numbered(3).exists());
    sink.write(b"longer than a file\n8\n");
    assert_eq!([read(&path), read(&numbered(1))], ["8\n", "longer than a file\n"]);
}

#[test]
fn what_is_no_file_is_never_moved_away() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let reader = {
        let path = path.clone();
        std::thread::spawn(move || fs::read_to_string(path).unwrap())
    };
    let mut sink = Sink::rotating(path, 4, 2);
    assert_eq!(sink.write(b"11\n22\n33\n").lost, 0);
    drop(sink);
    assert_eq!(reader.join().unwrap(), "11\n22\n33\n");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn without_old_files_the_one_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let mut sink = Sink::rotating(path.clone(), 4, 0);
    sink.write(b"11\n22\n");
    assert_eq!(read(&path), "22\n");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_cannot_be_opened_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    fs::create_dir(&path).unwrap();
    let mut sink = Sink::rotating(path.clone(), 1 << 20, 0);
    let written = sink.write(b"1\n2\n");
    assert_eq!((written.lost, written.error.is_some()), (2, true));
    fs::remove_dir(&path).unwrap();
    assert_eq!(sink.write(b"3\n").lost, 0);
    assert_eq!(read(&path), "3\n");
}
