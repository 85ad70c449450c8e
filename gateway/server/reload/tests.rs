use super::*;

#[test]
fn a_place_is_told_as_far_as_there_is_one() {
    for (line_no, path, hint, expected) in [
        (7, "app.a.hosts", "mend it", "f.toml:7 (app.a.hosts): wrong; hint: mend it"),
        (0, "server.listen", "mend it", "f.toml (server.listen): wrong; hint: mend it"),
        (0, "", "", "f.toml: wrong"),
    ] {
        let problem = Problem {
            file: "f.toml".into(),
            line: line_no,
            path: path.to_owned(),
            message: "wrong".to_owned(),
            hint: hint.to_owned(),
        };
        assert_eq!(line(&problem), expected);
    }
}
