//! A system on stage: its stand-in, and the gateway with the configuration that is shipped for it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use tokio::sync::oneshot;

use super::{shipped, stand_in};
use crate::harness::{Client, Folder, Gateway, Request, Response, SECRET, Token, unix_now};

/// One of the five, and what the tests have to know to stage it.
#[derive(Debug)]
pub(super) struct System {
    pub(super) name: &'static str,
    /// One of its hosts.
    pub(super) host: &'static str,
    /// Where the real app listens, by its documents.
    pub(super) port: u16,
    /// The slot that its scripts use.
    pub(super) slot: Slot,
    /// The claim that names the user.
    pub(super) user_claim: &'static str,
    /// What stands around the text of a refusal.
    pub(super) refusal: &'static str,
}

/// A header for the gateway's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Bearer,
    Own,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Nobody,
    User,
    Admin,
    /// An admin, an hour ago.
    Expired,
    /// An admin, by a key that is not ours.
    Forged,
}

pub(super) const EVERYBODY: [Who; 5] = [Who::Nobody, Who::User, Who::Admin, Who::Expired, Who::Forged];

/// An app that ends with the value, and what it told.
pub(super) struct StandIn {
    address: SocketAddr,
    served: Arc<Mutex<Vec<stand_in::Served>>>,
    stop: Option<oneshot::Sender<()>>,
}

pub(super) struct Stage {
    pub(super) system: &'static System,
    pub(super) app: StandIn,
    pub(super) gateway: Gateway,
}

impl System {
    pub(super) fn token(&self, user: &str) -> Token {
        let now = unix_now();
        Token::of(user)
            .without(&["kid"])
            .claim("aud", self.name)
            .claim(self.user_claim, user)
            .claim("iat", now - 5)
            .claim("exp", now + 1200)
    }

    /// The credential that `who` sends under the name of `user`.
    pub(super) fn credential(&self, who: Who, user: &str) -> Option<String> {
        let token = self.token(user);
        let now = unix_now();
        Some(match who {
            Who::Nobody => return None,
            Who::User => token.roles(&["user"]).sign(),
            Who::Admin => token.roles(&["admin"]).claim("amr", json!(["pwd", "otp"])).sign(),
            Who::Expired => token.roles(&["admin"]).claim("iat", now - 4000).claim("exp", now - 3400).sign(),
            Who::Forged => {
                token.roles(&["admin"]).secret("Xp4Vq9KcT2mLr7WzB5sYd8NfJ1hGaUe3iQoZ6tRxMvE").sign()
            }
        })
    }

    /// Puts a token into the slot of the system's scripts.
    pub(super) fn carry(&self, request: Request, token: Option<String>) -> Request {
        match (token, self.slot) {
            (None, _) => request,
            (Some(token), Slot::Bearer) => request.bearer(&token),
            (Some(token), Slot::Own) => request.field("X-Stagedoor-Token", token),
        }
    }

    /// The body of a refusal with this text.
    pub(super) fn says(&self, text: &str) -> String {
        format!("{{\"{}\":\"{text}\"}}", self.refusal)
    }

    /// The file of the app as it is shipped.
    pub(super) fn config(&self) -> String {
        shipped(&format!("config/apps/{}.toml", self.name))
    }
}

impl Stage {
    pub(super) fn set(system: &'static System) -> Self {
        Self::set_with(system, system.config())
    }

    /// With a file of the app that was changed as its comments say.
    pub(super) fn set_with(system: &'static System, config: String) -> Self {
        let app = StandIn::start(system);
        let folder = folder(system, &config, app.address);
        Self { system, app, gateway: Gateway::start_in(folder) }
    }

    /// Asks as a client of that address, on a connection of its own.
    pub(super) fn ask(&self, request: Request, from: Ipv4Addr) -> Response {
        self.gateway.ask(&request.host(self.system.host).field("X-Forwarded-For", from.to_string()))
    }

    /// Asks as `alice`, or not as anybody, from an address that nobody else has.
    pub(super) fn ask_as(&self, who: Who, request: Request) -> Response {
        let token = self.system.credential(who, "alice");
        self.ask(self.system.carry(request, token), Ipv4Addr::new(10, 250, 0, 1))
    }

    /// The statuses of requests that 127.0.0.`last` sends one after the other; no proxy is in between.
    pub(super) fn ask_each_from(&self, last: u8, requests: &[Request]) -> Vec<u16> {
        let mut client = Client::connect_from(IpAddr::from([127, 0, 0, last]), self.gateway.address);
        requests.iter().map(|request| client.ask(&request.clone().host(self.system.host)).status).collect()
    }
}

impl StandIn {
    fn start(system: &System) -> Self {
        let table = shipped(&format!("examples/{}/endpoints.json", system.name));
        let endpoints = stand_in::read(&table).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let served = Arc::new(Mutex::new(Vec::new()));
        let told: stand_in::Told = Arc::new({
            let served = Arc::clone(&served);
            move |one| served.lock().unwrap_or_else(PoisonError::into_inner).push(one)
        });
        let (stop, stopped) = oneshot::channel();
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    ended = axum::serve(listener, stand_in::router(endpoints, told)) => ended.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { address, served, stop: Some(stop) }
    }

    /// What it served so far.
    pub(super) fn served(&self) -> Vec<stand_in::Served> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

/// The main file of the example and the file of the app, side by side; nothing is changed but addresses. One proxy is
/// trusted, so that a test may have as many clients as it likes.
pub(super) fn folder(system: &System, config: &str, app: SocketAddr) -> Folder {
    let folder = Folder::empty();
    let main = shipped(&format!("examples/{}/stagedoor.toml", system.name));
    let main = moved(&main, &format!("../../config/apps/{}.toml", system.name), "app.toml");
    let main = moved(&main, "\"127.0.0.1:8080\"]", "\"127.0.0.1:0\"]\ntrusted_proxies = [\"127.0.0.1\"]");
    folder.write("stagedoor.toml", &moved(&main, "127.0.0.1:9901", "127.0.0.1:0"));
    let documented = format!("upstream = \"http://127.0.0.1:{}\"", system.port);
    folder.write("app.toml", &moved(config, &documented, &format!("upstream = \"http://{app}\"")));
    folder.write_private(&format!("data/{}_secret", system.name), SECRET);
    folder
}

/// Replaces what has to be there once.
pub(super) fn moved(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "`{from}` in:\n{text}");
    text.replacen(from, to, 1)
}
