use super::*;

#[test]
fn exactly_one_of_file_and_upstream() {
    fn check(asked: ConfigChoice<'_>, default_exists: bool, expected: Result<ChosenConfig<'_>, &str>) {
        let chosen = asked.choose(default_exists).map_err(|failure| format!("{failure:?}"));
        match (&chosen, expected) {
            (Ok(chosen), Ok(expected)) => assert_eq!(*chosen, expected, "{asked:?}"),
            (Err(text), Err(part)) => assert!(text.starts_with("Usage") && text.contains(part), "{text}"),
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => {
                assert!(chosen.is_err() == expected.is_err(), "{asked:?}: {chosen:?}")
            }
        }
    }
    let nothing = ConfigChoice::default();
    let file = ConfigChoice { file: Some(Path::new("a.toml")), ..nothing };
    let flag = ConfigChoice { flag: Some("http://a"), ..nothing };
    let variable = ConfigChoice { variable: Some("http://b"), ..nothing };

    check(nothing, false, Err("nothing to protect"));
    check(nothing, true, Ok(ChosenConfig::File(Path::new(DEFAULT_FILE))));
    for default_exists in [false, true] {
        check(file, default_exists, Ok(ChosenConfig::File(Path::new("a.toml"))));
        check(flag, default_exists, Ok(ChosenConfig::Upstream("http://a")));
        check(
            ConfigChoice { variable: Some("http://b"), ..flag },
            default_exists,
            Ok(ChosenConfig::Upstream("http://a")),
        );
        check(ConfigChoice { flag: Some("http://a"), ..file }, default_exists, Err("two configurations"));
        check(ConfigChoice { variable: Some("http://b"), ..file }, default_exists, Err("two configurations"));
    }
    check(variable, false, Ok(ChosenConfig::Upstream("http://b")));
    check(variable, true, Err("two configurations"));
}
