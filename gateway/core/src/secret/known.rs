//! Well-known secrets, which documents, tutorials and source code print.

/// Beginnings of secrets that are refused: the text itself says that it is a sample.
pub(super) const MARKERS: &[&str] = &["djangoinsecure"];

/// Samples and placeholders, folded by [`fold`]. A secret that is made of them alone is as well known as they are; in a
/// longer one they count for nothing, and the rest has to do.
///
/// Longer entries come before the shorter ones they contain.
pub(super) const WORDS: &[&str] = &[
    // Live keys that were printed.
    "0fd0cef5f2b4126b3fda2d7ce00137fd5b65c9a29ea2e001fd5d53b02905be64",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "towerjwtsecret2025",
    // Token debuggers and library manuals.
    "astringsecretatleast256bitslong",
    "astringsecretatleast384bitslong",
    "astringsecretatleast512bitslong",
    "avalidstringsecretthatisatleast512bitslongwhichisverylong",
    "qwertyuiopasdfghjklzxcvbnm123456",
    "your256bitsecret",
    "your384bitsecret",
    "your512bitsecret",
    "thisisasecretkey",
    "thisismysecret",
    "thisisasecret",
    "notsosecret",
    "averysecretkey",
    "verysecretkey",
    "supersecretkey",
    "supersecretjwt",
    "supersecret",
    "topsecret",
    "mysecretkey",
    "mysecret",
    "jwtsecretkey",
    "jwtsecret",
    "secretkeyhere",
    "yoursecretkeyhere",
    "yoursecretkey",
    "yoursecrethere",
    "yourjwtsecret",
    "yoursecret",
    "secretkey",
    "secret",
    "keyboardcat",
    "shhhhhared",
    "shhhhh",
    // Placeholders.
    "pleasechangemeinproduction",
    "changemeinproduction",
    "changethisinproduction",
    "changeinproduction",
    "pleasechangeme",
    "pleasechange",
    "changeme",
    "changethis",
    "changeit",
    "replaceme",
    "replacethis",
    "replacewith",
    "insertyour",
    "insecure",
    "placeholder",
    "donotuse",
    "defaultkey",
    "examplekey",
    "notsecure",
    "unsafe",
    // Passwords and rows of a keyboard.
    "correcthorsebatterystaple",
    "password",
    "passw0rd",
    "letmein",
    "iloveyou",
    "administrator",
    "qwertyuiop",
    "qwerty",
    "asdfghjkl",
    "zxcvbnm",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "deadbeef",
    "cafebabe",
    "loremipsumdolorsitamet",
    "loremipsum",
    // The names of what is protected here.
    "stagedoor",
    "mediadownloader",
    "mvidarr",
    "lemedia",
    "kometa",
];

/// Lower-case ASCII letters and digits alone: how spelling, case and separators are set aside.
pub(super) fn fold(secret: &[u8]) -> String {
    secret.iter().filter(|b| b.is_ascii_alphanumeric()).map(|b| char::from(b.to_ascii_lowercase())).collect()
}
