#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

/// Writes the files, loads the first, and tells what came of it: the names, or `line message` of each problem.
fn loaded(files: &[(&str, &str)]) -> Result<Vec<String>, Vec<String>> {
    let dir = tempfile::Builder::new().prefix("with [brackets]").tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let root = format!("{}/", dir.path().display());
    let shorten = |text: &str| text.replace(&root, "");
    let (main, _) = files.first().unwrap();
    load(&dir.path().join(main))
        .map(|sources| sources.iter().map(|s| shorten(&s.name)).collect())
        .map_err(|problems| problems.iter().map(|p| shorten(&format!("{} {}", p.line, p.message))).collect())
}

fn check(files: &[(&str, &str)], expected: Result<&[&str], &[&str]>) {
    let loaded = loaded(files);
    let loaded: Result<Vec<&str>, Vec<&str>> = match &loaded {
        Ok(names) => Ok(names.iter().map(String::as_str).collect()),
        Err(problems) => Err(problems.iter().map(String::as_str).collect()),
    };
    assert_eq!(loaded, expected.map(<[_]>::to_vec).map_err(<[_]>::to_vec), "{files:?}");
}

#[test]
fn includes_are_read_in_order_and_once() {
    check(&[("main.toml", "")], Ok(&["main.toml"]));
    check(&[("main.toml", "include = [\"apps/*.toml\"]")], Ok(&["main.toml"]));
    check(
        &[
            ("main.toml", "include = [\"*.toml\", \"apps/z.toml\", \"apps/*.toml\"]"),
            ("apps/b.toml", ""),
            ("apps/a.toml", ""),
            ("apps/z.toml", ""),
            ("apps/.hidden.toml", ""),
            ("apps/notes.txt", ""),
            ("apps/folder.toml/x", ""),
        ],
        Ok(&["main.toml", "apps/z.toml", "apps/a.toml", "apps/b.toml"]),
    );
}

#[test]
fn includes_are_found_in_a_file_with_mistakes() {
    check(
        &[("main.toml", "version = \ninclude = [\"a.toml\", 7]\n[server"), ("a.toml", "")],
        Ok(&["main.toml", "a.toml"]),
    );
    check(&[("main.toml", "include = \"a.toml\"")], Ok(&["main.toml"]));
}

#[test]
fn every_file_that_cannot_be_had_is_told() {
    check(
        &[
            ("main.toml", "version = 1\ninclude = [\n  \"a.toml\",\n  \"b[\",\n  \"c.toml\"]"),
            ("a.toml/x", ""),
        ],
        Err(&[
            "3 no such file: `a.toml`",
            "4 not a pattern of files: invalid range pattern: `b[`",
            "5 no such file: `c.toml`",
        ]),
    );
}

#[test]
fn files_that_are_no_text_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let main = dir.path().join("main.toml");
    let message = || load(&main).unwrap_err().remove(0).message;
    assert!(message().starts_with("no such file: "), "{}", message());
    fs::write(&main, b"a = \"\xff\"").unwrap();
    assert!(message().starts_with("not UTF-8 from byte 5 on: "), "{}", message());
    fs::write(&main, vec![b'#'; (4 << 20) + 1]).unwrap();
    assert!(message().starts_with("larger than 4 MiB: "), "{}", message());
    fs::remove_file(&main).unwrap();
    fs::create_dir(&main).unwrap();
    assert!(message().starts_with("not a regular file: "), "{}", message());
    assert_eq!(load(Path::new("/dev/null")).unwrap_err().len(), 1);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    let dir = tempfile::tempdir().unwrap();
    let main = dir.path().join("main.toml");
    fs::write(&main, "\u{FEFF}version = 1").unwrap();
    assert_eq!(load(&main).unwrap().first().unwrap().text, "version = 1");
}
