#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

#[test]
fn the_file_goes_before_the_note() {
    fn check(written: Option<&str>, noted: Option<&str>, expected: &[&str]) {
        let chosen = choose(written.map(|text| text.parse().unwrap()), noted);
        let chosen = chosen.unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(chosen, expected, "{written:?} {noted:?}");
    }
    check(Some("127.0.0.1:9901"), None, &["127.0.0.1:9901"]);
    check(Some("0.0.0.0:9901"), Some("127.0.0.1:9901"), &["127.0.0.1:9901"]);
    check(Some("[::]:9901"), Some("off"), &["[::1]:9901"]);
    check(Some("127.0.0.1:9902"), Some("127.0.0.1:9901"), &["127.0.0.1:9902", "127.0.0.1:9901"]);
    check(Some("127.0.0.1:0"), Some("127.0.0.1:40000"), &["127.0.0.1:40000"]);
    check(None, Some("127.0.0.1:9901"), &["127.0.0.1:9901"]);
    check(Some("127.0.0.1:0"), None, &[]);
    check(None, Some("off"), &[]);
}

#[test]
fn mistakes_elsewhere_do_not_hide_where_it_is_asked() {
    fn check(text: &str, listen: &str, state: &str) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("stagedoor.toml");
        std::fs::write(&file, text).unwrap();
        let materials = DiskMaterials { may_generate: false, no_files: true, ..DiskMaterials::beside(&file) };
        let policy = policy(&file, &materials).unwrap();
        assert_eq!(policy.admin.listen.unwrap().to_string(), listen, "{text}");
        assert_eq!(policy.server.state_dir, dir.path().join(state), "{text}");
    }
    let good = "[admin]\nlisten = \"127.0.0.1:9911\"\n[state]\ndir = \"kept\"\n";
    check(&format!("version = 1\n{good}"), "127.0.0.1:9911", "kept");
    check(&format!("version = 1\n{good}[app.a]\nauth = \"pubic\"\n"), "127.0.0.1:9911", "kept");
    check(&format!("{good}[app.a\n"), "127.0.0.1:9911", "kept");
    check(&format!("{good}[app.a]\nhosts = [\n"), "127.0.0.1:9911", "kept");
    check(
        "[admin]\nlissten = 1\nlisten = \"127.0.0.1:9911\"\n[state]\ndir = \"kept\"\n",
        "127.0.0.1:9911",
        "kept",
    );
    check("nonsense", "127.0.0.1:9901", "data");
}
