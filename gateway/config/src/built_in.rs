//! The profiles that are built into the program: one file in `config/profiles/` each.

/// A built-in profile.
#[derive(Clone, Copy, Debug)]
pub(super) struct BuiltIn {
    pub(super) name: &'static str,
    pub(super) version: u64,
    /// There is a newer version of it, too.
    pub(super) older: bool,
    pub(super) text: &'static str,
}

impl BuiltIn {
    /// The name of its file, without the ending; that of an older version has the version in it.
    pub(super) fn stem(&self) -> String {
        let Self { name, version, older, text: _ } = self;
        if *older { format!("{name}@{version}") } else { (*name).to_owned() }
    }

    /// How it is called in messages, and wherever it decides.
    pub(super) fn label(&self) -> String {
        format!("profile {}", self.stem())
    }
}

/// The profile of a `use`: of several versions the newest, unless one is named.
pub(super) fn find<'a>(all: &'a [BuiltIn], asked: &str) -> Option<&'a BuiltIn> {
    let (name, version) = match asked.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (asked, None),
    };
    all.iter().filter(|built_in| built_in.name == name).find(|built_in| match version {
        Some(version) => version == built_in.version.to_string(),
        None => !built_in.older,
    })
}

/// The newest version of a profile.
macro_rules! newest {
    ($name:literal, $version:literal) => {
        BuiltIn {
            name: $name,
            version: $version,
            older: false,
            text: include_str!(concat!("../../../config/profiles/", $name, ".toml")),
        }
    };
}

/// Every profile there is, by name and version. One that is superseded stays, as `NAME@VERSION.toml`.
pub(super) const BUILT_IN: &[BuiltIn] = &[
    newest!("calibre-web", 1),
    newest!("deluge", 1),
    newest!("generic-api", 1),
    newest!("generic-spa", 1),
    newest!("gradio", 1),
    newest!("jellyfin", 1),
    newest!("kodi", 1),
    newest!("lidarr", 1),
    newest!("mopidy", 1),
    newest!("navidrome", 1),
    newest!("prowlarr", 1),
    newest!("pyload", 1),
    newest!("qbittorrent", 1),
    newest!("radarr", 1),
    newest!("sonarr", 1),
    newest!("subsonic", 1),
    newest!("supysonic", 1),
    newest!("transmission", 1),
];
