//! The pairs of two tables are those that requests meet.

use std::collections::BTreeSet;

use super::*;

/// The label of the route that is met, in either table.
type Labels = [Option<String>; 2];

/// Every request of up to four segments from a few, by these methods.
fn requests() -> Vec<(&'static str, String)> {
    let segments = ["a", "b", "other", ""];
    let mut paths: Vec<String> = vec![String::new()];
    let mut all = Vec::new();
    for _ in 0..4 {
        paths =
            paths.iter().flat_map(|path| segments.iter().map(move |next| format!("{path}/{next}"))).collect();
        all.extend(paths.clone());
    }
    let methods = ["GET", "HEAD", "POST", "PUT"];
    all.iter().flat_map(|path| methods.map(|method| (method, path.clone()))).collect()
}

#[test]
fn every_pair_that_a_request_meets_is_told_and_no_other() {
    let tables = [
        &[][..],
        &["GET /a"],
        &["* /a", "GET /a"],
        &["* /{*r}"],
        &["* /{x}/b", "* /a/{y}"],
        &["* /a/{*r}", "* /a/{x}", "POST /a/b"],
        &["HEAD /a/", "GET /a/{x}", "* /{x}/{y}/{z}"],
        &["* /", "GET /{*r}", "* /a/b/{x}"],
        &["* /a/a/a", "* /{x}/a/{*r}", "GET /a/{y}/b"],
    ];
    for one in tables {
        for other in tables {
            let build = |lines| build(lines, Unlisted::Inherit, PathPolicy::default()).unwrap();
            let (old, new) = (build(one), build(other));
            let label = |route: Option<&Arc<Route>>| route.map(|route| route.label.to_string());
            let told: BTreeSet<Labels> =
                old.pairs(&new).unwrap().iter().map(|pair| [label(pair.old), label(pair.new)]).collect();
            let met: BTreeSet<Labels> = requests()
                .iter()
                .map(|(method, path)| {
                    let met = |table: &RoutesPolicy| label(table.met(method, path.as_bytes()));
                    [met(&old), met(&new)]
                })
                .collect();
            assert_eq!(told, met, "{one:?} → {other:?}");
        }
    }
}
