//! The five systems whose audits this gateway answers: each with its stand-in, behind exactly the configuration that is
//! shipped for it, every endpoint of its table walked by everybody.

use std::fs;
use std::path::Path;

mod anime;
mod kometa;
mod lemedia;
mod media_downloader;
mod mvidarr;
mod stage;
#[path = "../../examples/stand-in/app.rs"]
mod stand_in;
mod walk;

use stage::System;

const ALL: [&System; 5] =
    [&media_downloader::SYSTEM, &mvidarr::SYSTEM, &kometa::SYSTEM, &lemedia::SYSTEM, &anime::SYSTEM];

/// A file of the repository.
fn shipped(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The main file of the repository runs one app, whatever else is shipped beside it.
#[test]
fn the_shipped_main_file_starts_none_of_them() {
    assert_eq!(checked("config/stagedoor.toml"), "1 app, 4 routes, 1 provider, 3 promises kept, 0 warnings");
}

/// As they lie there: the app's file is found two folders up, and no line of it is dangerous.
#[test]
fn each_example_checks_without_a_warning() {
    for system in ALL {
        let said = checked(&format!("examples/{}/stagedoor.toml", system.name));
        assert!(said.starts_with("1 app, "), "{}: {said}", system.name);
        assert!(said.contains(" 1 provider, ") && said.ends_with(" promises kept, 0 warnings"), "{said}");
    }
}

/// As the main file says at `include`: each app's file beside the app that stands there. Kometa's has a host that this one
/// has too, and says what to do.
#[test]
fn the_shipped_main_file_takes_each_of_them_in() {
    for system in ALL {
        let folder = crate::harness::Folder::empty();
        let file = format!("apps/{}.toml", system.name);
        let main = shipped("config/stagedoor.toml");
        let main = stage::moved(&main, "include = []", &format!("include = [\"{file}\"]"));
        folder.write("stagedoor.toml", &main);
        folder.write(&file, &system.config());
        let check =
            || crate::harness::Command::new(&folder, &["check", "--no-files", "stagedoor.toml"]).run();
        if system.name == "kometa" {
            let output = check();
            assert_eq!(output.code, Some(2), "{output:#?}");
            assert!(output.stderr.contains("host `localhost` stands at"), "{output:#?}");
            let config = stage::moved(
                &system.config(),
                "[\"kometa.example.com\", \"localhost\"]",
                "[\"kometa.example.com\"]",
            );
            folder.write(&file, &config);
        }
        let output = check();
        assert_eq!(output.code, Some(0), "{}: {output:#?}", system.name);
        assert!(output.stdout.contains("2 apps, ") && output.stdout.contains("0 warnings"), "{output:#?}");
    }
}

/// All five in one gateway: their names, hosts and providers are their own.
#[test]
fn they_stand_side_by_side() {
    let folder = crate::harness::Folder::empty();
    let list: Vec<String> = ALL.iter().map(|system| format!("\"{}.toml\"", system.name)).collect();
    folder.write("stagedoor.toml", &format!("version = 1\ninclude = [{}]\n", list.join(", ")));
    for system in ALL {
        let name = format!("{}.toml", system.name);
        folder.write(&name, &shipped(&format!("config/apps/{name}")));
    }
    let output = crate::harness::Command::new(&folder, &["check", "--no-files", "stagedoor.toml"]).run();
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(output.stdout.contains("5 apps, "), "{output:#?}");
}

/// Two of them read a variable of one name: `check` says so, and one of another name, as their comments say, ends it.
#[test]
fn two_apps_that_share_a_variable_are_told() {
    let folder = crate::harness::Folder::empty();
    folder.write("stagedoor.toml", "version = 1\ninclude = [\"anime.toml\", \"media-downloader.toml\"]\n");
    folder.write("anime.toml", &anime::SYSTEM.config());
    folder.write("media-downloader.toml", &media_downloader::SYSTEM.config());
    let check = || {
        crate::harness::Command::new(&folder, &["check", "stagedoor.toml"])
            .env("JWT_SECRET_KEY", crate::harness::SECRET)
            .env("ANIME_SECRET_KEY", "Xp4Vq9KcT2mLr7WzB5sYd8NfJ1hGaUe3iQoZ6tRxMvE")
            .run()
    };
    let output = check();
    let said = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(output.stdout.contains("1 warning"), "{output:#?}");
    assert!(
        said.contains(
            "shares a secret with `anime`, so its holder can sign tokens of both: `media-downloader`"
        ),
        "{said}"
    );
    let named =
        stage::moved(&anime::SYSTEM.config(), "env = \"JWT_SECRET_KEY\"", "env = \"ANIME_SECRET_KEY\"");
    folder.write("anime.toml", &named);
    let output = check();
    assert_eq!((output.code, output.stdout.contains("0 warnings")), (Some(0), true), "{output:#?}");
}

/// Where an audit asks for a rate without a figure: two thousand at once and two hundred a second, for each address.
#[test]
fn a_flood_from_one_address_has_its_rate() {
    for system in [&media_downloader::SYSTEM, &kometa::SYSTEM, &lemedia::SYSTEM, &anime::SYSTEM] {
        let stage = stage::Stage::set(system);
        let answer = stage.ask_as(stage::Who::Nobody, crate::harness::Request::get("/api/health"));
        assert_eq!(answer.field("ratelimit-policy"), "\"app.ip-1\";q=2000;w=10", "{}", system.name);
        assert_eq!(answer.field("x-ratelimit-remaining"), "1999", "{}", system.name);
    }
}

/// Whoever works through all of an app from one address is told what each path is, never to slow down.
#[test]
fn one_address_may_ask_for_everything_once() {
    for system in ALL {
        let stage = stage::Stage::set(system);
        walk::from_one_address(&stage, stage::Who::Nobody, 2);
        walk::from_one_address(&stage, stage::Who::User, 3);
    }
}

/// A password can be guessed ten times a minute, whatever the app thinks of it.
#[test]
fn logins_of_an_address_are_ten_a_minute() {
    for (system, path) in
        [(&media_downloader::SYSTEM, "/api/auth/login"), (&kometa::SYSTEM, "/api/v1/auth/token")]
    {
        let stage = stage::Stage::set(system);
        let logins = vec![crate::harness::Request::post(path, "username=a&password=b"); 11];
        assert_eq!(stage.ask_each_from(2, &logins), [vec![200; 10], vec![429]].concat(), "{}", system.name);
    }
}

/// In logs and metrics a route is its name; a list of patterns would be a long one.
#[test]
fn every_route_of_a_shipped_file_has_a_name() {
    let mut files: Vec<String> =
        vec!["config/stagedoor.toml".to_owned(), "deploy/compose/stagedoor.toml".to_owned()];
    for folder in ["config/apps", "config/profiles", "examples"] {
        let folder_path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in fs::read_dir(&folder_path).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            files.push(if folder == "examples" {
                format!("{folder}/{name}/stagedoor.toml")
            } else {
                format!("{folder}/{name}")
            });
        }
    }
    files.retain(|file| Path::new(env!("CARGO_MANIFEST_DIR")).join(file).exists());
    assert!(files.len() > 30, "{files:?}");
    let mut routes = 0;
    for file in files {
        let table: toml::Table = shipped(&file).parse().unwrap();
        let Some(app) = table.get("app").and_then(toml::Value::as_table) else { continue };
        let direct = app.get("route").map(|_| toml::Value::Table(app.clone()));
        for app in app.values().chain(&direct).filter_map(toml::Value::as_table) {
            let listed = app.get("route").and_then(toml::Value::as_array);
            let mut names: Vec<&str> = Vec::new();
            for route in listed.into_iter().flatten() {
                let name = route.get("name").and_then(toml::Value::as_str);
                names.push(name.unwrap_or_else(|| panic!("{file}: {route}")));
            }
            routes += names.len();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{file}: a name twice");
        }
    }
    assert!(routes > 50, "{routes}");
}

/// What stands in the last column of a README's table is in the configuration, letter for letter.
#[test]
fn each_readme_names_lines_that_are_there() {
    for system in ALL {
        let readme = shipped(&format!("examples/{}/README.md", system.name));
        let config = system.config();
        let rows: Vec<&str> = readme.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
        assert!(rows.len() >= 5, "{}", system.name);
        for row in rows {
            let column = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
            let lines: Vec<&str> = column.split('`').skip(1).step_by(2).collect();
            assert!(!lines.is_empty(), "{}: {row}", system.name);
            for line in lines {
                assert!(config.contains(line), "{}: `{line}` is not in the configuration", system.name);
            }
        }
    }
}

/// What `check` says of a file of the repository, behind its name.
fn checked(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let output = crate::harness::Command::new(
        &crate::harness::Folder::empty(),
        &["check", "--no-files", path.to_str().unwrap()],
    )
    .run();
    assert_eq!(output.code, Some(0), "{file}: {output:#?}");
    output.stdout.trim().rsplit_once(": ").unwrap().1.to_owned()
}
