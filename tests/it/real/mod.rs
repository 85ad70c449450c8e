//! Real apps behind the gateway: installed programs, each with the configuration that stands in `examples/`.
//!
//! A relay between gateway and app remembers every byte that the app is told: so a test sees that a
//! refused request never reached it, and that the gateway's own token never did.

use std::path::Path;

use crate::harness::{Command, Gateway, Request};

mod calibre_web;
mod deluge;
mod epub;
mod gradio;
mod mopidy;
pub(crate) mod program;
mod pyload;
mod qbittorrent;
mod relay;
mod supysonic;
mod transmission;
mod visitor;

use program::Program;
use relay::Relay;
use visitor::Visitor;

/// An app, and the gateway in front of it with the configuration of an example.
#[derive(Debug)]
struct Stand {
    gateway: Gateway,
    relay: Relay,
    /// The first name that the configuration gives the app.
    host: String,
    /// A token of alice.
    token: String,
    app: Program,
}

impl Stand {
    /// Puts the gateway in front of `app`, with `examples/NAME/stagedoor.toml`.
    fn of(name: &str, app: Program) -> Self {
        Self::changed(name, app, |text| text.to_owned())
    }

    /// The same with a change to the text of the configuration.
    fn changed(name: &str, app: Program, change: impl Fn(&str) -> String) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        let text = std::fs::read_to_string(folder.join("stagedoor.toml")).unwrap();
        assert!(text.lines().count() <= 15, "a person should be able to take it in at a glance:\n{text}");
        let tables: toml::Table = text.parse().unwrap();
        let entry = tables["app"].as_table().unwrap().values().next().unwrap();
        let host = entry["hosts"][0].as_str().unwrap().to_owned();
        let relay = Relay::before(app.address);
        let gateway =
            Gateway::start(&change(&text).replace(entry["upstream"].as_str().unwrap(), &relay.url()));
        let token = token_of(&gateway, "alice");
        Self { gateway, relay, host, token, app }
    }

    /// Somebody without a token.
    fn stranger(&self) -> Visitor {
        Visitor::new(&self.host, self.gateway.address)
    }

    /// Alice's browser, which carries her token in the cookie.
    fn browser(&self) -> Visitor {
        self.stranger().with_cookie("stagedoor", &self.token)
    }

    /// The browser of another user.
    fn browser_of(&self, user: &str) -> Visitor {
        self.stranger().with_cookie("stagedoor", &token_of(&self.gateway, user))
    }

    /// Each of these is refused with 401 without a token and with a forged one, and the app never hears of it.
    fn refuses_strangers(&self, requests: &[Request]) {
        let forged = format!("{}AAAA", &self.token[..self.token.len() - 4]);
        for request in requests {
            let (missing, invalid) = self.relay.hears_nothing_of(|| {
                let forger = self.stranger().with_cookie("stagedoor", &forged);
                (self.stranger().send(request.clone()), forger.clone().send(request.clone()))
            });
            for (answer, code) in [(missing, "token_missing"), (invalid, "token_invalid")] {
                assert_eq!((answer.status, &*answer.code()), (401, code), "{request:?}: {answer:?}");
                assert!(answer.field("www-authenticate").starts_with("Bearer realm="), "{answer:?}");
            }
        }
    }

    /// Another page in alice's browser may not do this in her name, and the app never hears of it.
    fn refuses_other_pages(&self, request: Request) {
        let request = request.field("Origin", "http://evil.example").field("Sec-Fetch-Site", "cross-site");
        let answer = self.relay.hears_nothing_of(|| self.browser().send(request));
        assert_eq!((answer.status, &*answer.code()), (403, "cross_origin"), "{answer:?}");
    }

    /// What the app was told: who asks, from where, and nothing of the gateway's own token.
    fn told_the_app_of_alice(&self) {
        let heard = self.relay.heard();
        let heads = heard.matches(" HTTP/1.1\r\n").count();
        assert!(heads > 0);
        for line in
            ["x-auth-user: alice\r\n", "x-forwarded-for: 127.0.0.1\r\n", "x-forwarded-proto: http\r\n"]
        {
            assert_eq!(heard.matches(line).count(), heads, "not once in every request: {line:?}: {heard}");
        }
        let host = format!("x-forwarded-host: {}:{}\r\n", self.host, self.gateway.address.port());
        assert_eq!(heard.matches(&host).count(), heads, "not once in every request: {host:?}: {heard}");
        assert!(!heard.contains(&self.token), "the app saw the gateway's token: {heard}");
        assert!(!heard.contains("stagedoor"), "the app saw a carrier of the gateway's: {heard}");
    }
}

/// A token, made as the operator would make it.
fn token_of(gateway: &Gateway, user: &str) -> String {
    let made = Command::new(&gateway.folder, &["token", "--sub", user, "--config", "stagedoor.toml"]).run();
    assert_eq!(made.code, Some(0), "{made:?}");
    made.stdout.trim().to_owned()
}
