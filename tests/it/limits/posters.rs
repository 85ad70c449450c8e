//! A page of a media app asks for its pictures all at once: every limit that is shipped or shown lets it have them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use toml::Table;

use crate::harness::{Gateway, Request, Upstream, token};

/// What a wall of posters asks for, besides the page itself.
const POSTERS: usize = 120;
/// What a browser opens to one host over HTTP/1.1.
const CONNECTIONS: usize = 6;

const CONFIG: &str = r#"
[app.media]
hosts    = ["media.localhost"]
upstream = "UPSTREAM"
auth     = "required"
limit    = LIMIT
"#;

/// The limits of every app in the files that people start from, with the names of those files.
fn shown() -> BTreeMap<String, Vec<String>> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(top.join(path)).unwrap();
    let mut texts: Vec<(String, String)> = ["config/stagedoor.toml", "deploy/compose/stagedoor.toml"]
        .into_iter()
        .map(|path| (path.to_owned(), read(path)))
        .collect();
    for folder in ["config/apps", "config/profiles"] {
        for entry in fs::read_dir(top.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let path = format!("{folder}/{name}");
            let text = read(&path);
            texts.push((path, text));
        }
    }
    for block in read("README.md").split("```toml\n").skip(1) {
        texts.push(("README.md".to_owned(), block.split("```").next().unwrap().to_owned()));
    }
    let addresses = ["127.0.0.1:1", "127.0.0.1:2"].map(|address| address.parse().unwrap());
    let demo = stagedoor::demo::config_text(addresses[0], addresses[1]);
    texts.push(("stagedoor demo".to_owned(), demo));

    let mut limits: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, text) in texts {
        let table: Table = text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        let apps = table.get("app").and_then(|apps| apps.as_table()).into_iter().flat_map(Table::values);
        for limit in apps.chain([&toml::Value::Table(table.clone())]).filter_map(|app| app.get("limit")) {
            let inline = limit.as_table().unwrap().iter().map(|(key, value)| format!("{key} = {value}"));
            let inline = format!("{{ {} }}", inline.collect::<Vec<_>>().join(", "));
            limits.entry(inline).or_default().push(name.clone());
        }
    }
    limits
}

#[test]
fn a_page_of_posters_passes_every_limit_that_is_shipped_or_shown() {
    let limits = shown();
    let names: Vec<&String> = limits.values().flatten().collect();
    for file in ["README.md", "config/stagedoor.toml", "deploy/compose/stagedoor.toml", "stagedoor demo"] {
        assert!(names.iter().any(|name| *name == file), "{file} shows no limit: {names:?}");
    }
    for (limit, files) in &limits {
        let app = Upstream::start();
        let gateway = Gateway::before(&app, &CONFIG.replace("LIMIT", limit));
        let ask = |target: String| Request::get(&target).bearer(&token("alice"));
        assert_eq!(gateway.ask(&ask("/".to_owned())).status, 200, "{files:?}");
        // Seen once, and once more by somebody who goes back and forth.
        for _ in 0..2 {
            let refused: usize = std::thread::scope(|scope| {
                let connections = (0..CONNECTIONS).map(|connection| {
                    let (gateway, ask) = (&gateway, &ask);
                    scope.spawn(move || {
                        let mut client = gateway.client();
                        let pictures = (connection..POSTERS).step_by(CONNECTIONS);
                        let ask = |n| client.ask(&ask(format!("/posters/{n}.jpg"))).status;
                        pictures.map(ask).filter(|status| *status != 200).count()
                    })
                });
                let connections: Vec<_> = connections.collect();
                connections.into_iter().map(|connection| connection.join().unwrap()).sum()
            });
            assert_eq!(refused, 0, "of {POSTERS} pictures, with `{limit}` of {files:?}");
        }
    }
}
