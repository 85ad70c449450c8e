//! Fields that an app writes twice.

use super::*;

/// An app behind a proxy of its own has both their words.
#[test]
fn a_security_field_that_the_app_doubles_stands_once() {
    let doubled = "x-frame-options: DENY\nx-frame-options: SAMEORIGIN\nreferrer-policy: origin\n\
                   referrer-policy: no-referrer\nx-content-type-options: nosniff\nx-content-type-options: nosniff\n\
                   strict-transport-security: max-age=1\nstrict-transport-security: max-age=2\n\
                   cross-origin-opener-policy: same-origin\ncross-origin-opener-policy: unsafe-none\n\
                   cross-origin-resource-policy: same-site\ncross-origin-resource-policy: cross-origin\n\
                   content-security-policy: default-src 'self'\ncontent-security-policy: img-src *\nlink: </a>\nlink: </b>";
    for preset in [Preset::Web, Preset::Api, Preset::Off] {
        let map = edit(&with(preset, |_| {}), doubled);
        for (name, expected) in [
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("strict-transport-security", "max-age=1"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-site"),
            // Each of these counts.
            ("content-security-policy", "default-src 'self' || img-src *"),
            ("link", "</a> || </b>"),
        ] {
            assert_eq!(lines(&map, name), expected, "{preset:?} {name}");
        }
    }
    // Nobody asked for what a page must be able to embed.
    let embeds = "cross-origin-embedder-policy: require-corp\ncross-origin-embedder-policy: require-corp";
    let embeds = edit(&with(Preset::Web, |_| {}), embeds);
    assert_eq!(lines(&embeds, "cross-origin-embedder-policy"), "require-corp || require-corp");
}

/// As HTML and Referrer Policy have it: values in one line count like lines, and what nobody knows like nothing.
#[test]
fn several_values_are_read_as_browsers_read_them() {
    let told = |name: &str, values: &[&str]| {
        let given: Vec<String> = values.iter().map(|value| format!("{name}: {value}")).collect();
        lines(&edit(&with(Preset::Web, |_| {}), &given.join("\n")), name)
    };
    for (values, expected) in [
        (&["SAMEORIGIN", "sameorigin"][..], "SAMEORIGIN"),
        (&["sameorigin, SAMEORIGIN"], "sameorigin"),
        (&["SAMEORIGIN, SAMEORIGIN", "SAMEORIGIN"], "SAMEORIGIN"),
        (&["DENY, SAMEORIGIN"], "DENY"),
        (&["SAMEORIGIN", "ALLOW-FROM https://a.example"], "DENY"),
        (&["ALLOWALL", "x"], "DENY"),
        (&["ALLOW-FROM https://a.example", "ALLOW-FROM https://b.example"], "ALLOW-FROM https://a.example"),
        (&["SAMEORIGIN"], "SAMEORIGIN"),
    ] {
        assert_eq!(told("x-frame-options", values), expected, "{values:?}");
    }
    for (values, expected) in [
        (&["origin", "no-referrer"][..], "no-referrer"),
        (&["no-referrer", "strict-unknown"], "no-referrer"),
        (&["no-referrer", ","], "no-referrer"),
        (&["no-referrer, strict-unknown", "unknown"], "no-referrer, strict-unknown"),
        (&["unknown", "Same-Origin, other"], "Same-Origin, other"),
        (&["unknown", "other"], "other"),
    ] {
        assert_eq!(told("referrer-policy", values), expected, "{values:?}");
    }
}
