//! Remedies for refusals by host, address, path, origin or size of the head.

use super::case::{Case, Path, Refused, Remedy, app_key, change, nothing};
use crate::edit::{Change, Step, quoted};
use stagedoor_core::denial::PathRemedy;
use stagedoor_core::guard::access::AccessPolicy;
use stagedoor_core::guard::cors::CorsPolicy;
use stagedoor_core::guard::origin::OriginPolicy;
use stagedoor_core::policy::App;
use stagedoor_core::units::show_size;

impl Case<'_> {
    pub(super) fn host(&self) -> Remedy {
        let Some(host) = self.refused.host.map(name) else {
            return nothing("the host is too long to be one that could be added");
        };
        let Some(app) = self.policy.apps.first() else { return nothing("there is no app") };
        let line = self.page(app).and_then(|page| page.append(&app_key(app, &["hosts"]), &quoted(&host)));
        let advice = if self.policy.apps.len() > 1 {
            let names: Vec<&str> = self.policy.apps.iter().map(|app| &*app.name).collect();
            format!(
                "`{host}` then leads to `{}`; choose the app that is meant: {}",
                app.name,
                names.join(", ")
            )
        } else {
            format!("`{host}` then leads to `{}`: add it only if the name is yours", app.name)
        };
        change(line, advice)
    }

    pub(super) fn listed(&self, caution: &str) -> Remedy {
        let line = self.new_route(&[]);
        change(
            line,
            format!(
                "{} then goes to the app, under the app's own `auth` and limits{caution}",
                self.requests()
            ),
        )
    }

    /// Which list refuses the client.
    pub(super) fn list_that_refuses(&self) -> &'static str {
        match self.refused.app.map(|app| &app.access) {
            Some(AccessPolicy::Listed { allow: _, deny })
                if deny.iter().any(|net| net.contains(&self.refused.client.to_canonical())) =>
            {
                "access.deny"
            }
            Some(AccessPolicy::Listed { .. } | AccessPolicy::Anyone) | None => "access.allow",
        }
    }

    pub(super) fn address(&self) -> Remedy {
        let Some(app) = self.refused.app else { return nothing("the app is not known") };
        let AccessPolicy::Listed { allow: _, deny } = &app.access else {
            return nothing("the app admits every address now");
        };
        let client = self.refused.client.to_canonical();
        let Some(page) = self.page(app) else { return change(None, String::new()) };
        if self.list_that_refuses() == "access.allow" {
            let line = page.append(&app_key(app, &["access", "allow"]), &quoted(&client.to_string()));
            return change(line, format!("lets the address `{client}` in, for everybody who uses it"));
        }
        let gone: Vec<usize> =
            deny.iter().enumerate().filter(|(_, net)| net.contains(&client)).map(|(at, _)| at).collect();
        let nets: Vec<String> =
            gone.iter().filter_map(|at| deny.get(*at)).map(|net| format!("`{net}`")).collect();
        let line = page.without(&app_key(app, &["access", "deny"]), &gone);
        change(line, format!("lets all of {} in, not this address alone", nets.join(", ")))
    }

    pub(super) fn path_spelling(&self, remedy: PathRemedy) -> Remedy {
        let Some(app) = self.refused.app else { return nothing("the client has to send another host") };
        match remedy {
            PathRemedy::NoKey => nothing("the client has to send another path: no key lets this one pass"),
            PathRemedy::EncodedSlash => self.encoded_slash(app),
            PathRemedy::Backslash => {
                let advice = "lets a backslash stand in the name of a file, where the path means the same with a slash \
                              in its place: only for an app that keeps it within its segment";
                change(self.app_text(app, "backslash", "name"), advice.to_owned())
            }
            PathRemedy::Spelling | PathRemedy::SpellingInAnyCase => self.other_spelling(app, remedy),
        }
    }

    fn encoded_slash(&self, app: &App) -> Remedy {
        let of_route = self.met().filter(|route| route.index > 0).and_then(|route| {
            let refused = Refused { route: Some(route), ..*self.refused };
            let case = Case { policy: self.policy, source: self.source, refused: &refused };
            Some((case.route_key(&["encoded_slash"], "true")?, case.requests()))
        });
        let of_app = || self.page(app)?.set(&app_key(app, &["encoded_slash"]), "true");
        let (line, whose) = match of_route {
            Some((line, whose)) => (Some(line), whose),
            None => (of_app(), "of every path of the app".to_owned()),
        };
        let advice = format!(
            "lets `%2F` in, {whose}: only for an app that keeps it within its segment; one that decodes it \
             first reads another path than the one that was judged"
        );
        change(line, advice)
    }

    fn other_spelling(&self, app: &App, remedy: PathRemedy) -> Remedy {
        if let Some(twin) = self.twin() {
            return self.spelt_twice(&twin);
        }
        if self.refused.path.is_some_and(|path| path.contains("//")) {
            let advice = "`//` is then matched and forwarded as `/` in every path of the app";
            return change(self.app_text(app, "slashes", "merge"), advice.to_owned());
        }
        if remedy == PathRemedy::SpellingInAnyCase {
            return nothing("the client has to send another path: some apps would read this one past a rule");
        }
        let advice = "only for an app to which paths that differ in case are different paths: another reads \
                      past the rules of the route";
        change(self.app_text(app, "case", "exact"), advice.to_owned())
    }

    /// A key of the app with a text.
    fn app_text(&self, app: &App, key: &str, value: &str) -> Option<Change> {
        self.page(app)?.set(&app_key(app, &[key]), &quoted(value))
    }

    pub(super) fn long_uri(&self) -> Remedy {
        let bytes = size(self.policy.server.limits.head.uri);
        let line = self.server("uri_bytes", &quoted(&show_size(bytes.saturating_mul(2))));
        change(
            line,
            "lets longer addresses in for every app; twice as long may still not be enough".to_owned(),
        )
    }

    pub(super) fn large_head(&self) -> Remedy {
        let head = &self.policy.server.limits.head;
        let line = if self.refused.too_many_fields {
            self.server("header_count", &head.count.saturating_mul(2).to_string())
        } else {
            self.server("header_bytes", &quoted(&show_size(size(head.bytes).saturating_mul(2))))
        };
        change(line, "lets larger heads in for every app; twice as large may still not be enough".to_owned())
    }

    pub(super) fn cross_origin(&self) -> Remedy {
        let Some(app) = self.refused.app else { return nothing("the app is not known") };
        if self.refused.origin == Some("null") {
            return self.null_origin(app);
        }
        let Some(origin) = self.refused.origin.filter(|origin| *origin != "*") else {
            let more = match self.refused.route.map(|route| route.origin) {
                Some(OriginPolicy::Strict) => {
                    "; where people enter by a link from another site, that route needs `origin.check = \"cookies\"`"
                }
                Some(OriginPolicy::Cookies | OriginPolicy::Always) => {
                    "; what other sites may load, and changes nothing, needs a route with `origin.check = \"off\"`"
                }
                Some(OriginPolicy::Off) | None => "",
            };
            return nothing(&format!(
                "the browser names no origin that could be listed: call it from a page of the app{more}"
            ));
        };
        let page = self.page(app);
        let item = quoted(&origin.to_ascii_lowercase());
        let line = page.and_then(|page| match &app.cors {
            CorsPolicy::App => page.set(&app_key(app, &["cors"]), &format!("{{ origins = [{item}] }}")),
            CorsPolicy::Listed(listed) if listed.any => {
                page.set(&app_key(app, &["cors", "origins"]), &format!("[{item}]"))
            }
            CorsPolicy::Listed(_) | CorsPolicy::SameOrigin => {
                page.append(&app_key(app, &["cors", "origins"]), &item)
            }
        });
        let more = match &app.cors {
            CorsPolicy::App => "; CORS is then the gateway's, no longer the app's",
            CorsPolicy::Listed(listed) if listed.any => "; other origins can then no longer read",
            CorsPolicy::Listed(_) | CorsPolicy::SameOrigin => "",
        };
        change(line, format!("lets pages of `{origin}` act in the name of your users, and read{more}"))
    }

    /// A page of the app itself sends this where it says `Referrer-Policy: no-referrer` and, over plain http, the browser
    /// tells nothing else of where it comes from. Any sandboxed page sends it too, so it is never listed.
    fn null_origin(&self, app: &App) -> Remedy {
        const TOLD: &str = "a page of the app that says `Referrer-Policy: no-referrer` has the origin `null` over plain \
             http; with `same-origin` in its place it is known again, and other sites still learn no address";
        let key = app_key(app, &["headers", "set", "referrer-policy"]);
        let page = self.page(app);
        if page.as_ref().is_some_and(|page| page.find(&key).is_some()) {
            return nothing(
                "a sandboxed page, or one of another site, has the origin `null`: it cannot be listed",
            );
        }
        match page.and_then(|page| page.set(&key, &quoted("same-origin"))) {
            Some(line) => change(Some(line), TOLD.to_owned()),
            None => nothing(&format!("{TOLD}: write `headers.set.referrer-policy = \"same-origin\"`")),
        }
    }

    fn server(&self, key: &str, value: &str) -> Option<Change> {
        let path: Path<'_> = ["server", "limits", key].map(Step::Key).to_vec();
        self.main()?.set(&path, value)
    }
}

/// A host without its port, in lower case.
fn name(host: &str) -> String {
    let bare = match host.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
        Some(address) => address,
        None => host.split(':').next().unwrap_or(host),
    };
    bare.to_ascii_lowercase()
}

fn size(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
