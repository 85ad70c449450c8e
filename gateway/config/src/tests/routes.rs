//! What a route may not say, and what is to be minded of it.

use super::{APP, HOUSE, check, loaded, text};

fn with(app: &str, route: &str) -> String {
    text(&[HOUSE, APP, app, "[[app.media.route]]\n", route])
}

#[test]
fn no_route_leads_into_the_gateways_own_pages() {
    for path in ["/.stagedoor", "/.stagedoor/x", "/.stagedoor/{*rest}"] {
        let told = format!("the gateway's own pages are there: `GET {path}`");
        check(&with("", &format!("match = \"GET {path}\"\n")), &[&told]);
    }
    check(&with("", "match = \"GET /stagedoor\"\n"), &[]);
}

#[test]
fn a_preflight_is_the_apps_only_where_cors_is() {
    let route = |more: &str| format!("match = \"POST /a\"\n{more}");
    let told = "the gateway answers preflights of this app: `preflight`";
    check(&with("", &route("preflight = \"app\"\n")), &[told]);
    check(&with("cors = \"app\"\n", &route("preflight = \"app\"\n")), &[]);
}

#[test]
fn a_preflight_that_passes_a_guarded_route_is_warned_of() {
    for (route, warned) in [
        ("preflight = \"app\"\n", 0),
        ("preflight = \"app\"\nroles = [\"a\"]\n", 1),
        ("preflight = \"app\"\nscopes = [\"a\"]\n", 1),
        ("roles = [\"a\"]\n", 0),
    ] {
        let compiled = loaded(&with("cors = \"app\"\n", &format!("match = \"POST /a\"\n{route}")));
        let told =
            compiled.warnings.iter().filter(|told| told.message.starts_with("anybody's preflight reaches"));
        assert_eq!(told.count(), warned, "{route}");
    }
}
