#![allow(clippy::unwrap_used, reason = "tests")]

use super::closeable;
use crate::Problem;
use crate::tests::{APP, HOUSE, loaded, text};

#[test]
fn what_an_app_leaves_open_is_told_with_the_lines_that_close_it() {
    let mut file = text(&[HOUSE, APP]);
    let found = of(&file);
    let paths: Vec<&str> = found.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["app.media.headers", "app.media.websocket", "app.media.body.get"]);
    assert_eq!(
        found.first().unwrap().message,
        "its pages may ask for `camera`, `microphone`, `display-capture`, `geolocation`"
    );
    for problem in &found {
        assert_eq!((&*problem.file, problem.line), ("stagedoor.toml", 6));
        let (_, line) = problem.hint.split_once(": ").unwrap();
        let line = line.split(';').next().unwrap();
        file.push_str(&format!("{line}\n"));
    }
    assert_eq!(of(&file), [], "{file}");
}

fn of(file: &str) -> Vec<Problem> {
    let compiled = loaded(file);
    closeable(&compiled.policy, &compiled.source)
}
