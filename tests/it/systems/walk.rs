//! Every endpoint of a table, by everybody.
//!
//! What is expected of an endpoint is derived from the facts in its row by the rules of [`Expected::of`], never from
//! the configuration under test.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use super::shipped;
use super::stage::{EVERYBODY, Stage, System, Who};
use crate::harness::{Client, Request, Response};

/// What a row of a table says.
#[derive(Clone, Debug, serde::Deserialize)]
pub(super) struct Row {
    pub(super) path: String,
    pub(super) methods: Vec<String>,
    auth: Auth,
    role: Option<String>,
    from: From,
    /// The app asks nobody here, and its audit says or implies that it should.
    #[serde(default)]
    left_open: bool,
    /// It is meant for people without an account: the app asks for a token or a password of its own there.
    #[serde(default)]
    outsiders: bool,
    pub(super) limit: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Auth {
    Required,
    Optional,
    Public,
    /// No guard was found in the app's code.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum From {
    Audit,
    App,
}

/// Who is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Expected {
    /// Everybody, with whatever token.
    Open,
    /// Nobody, or somebody with a good token.
    Either,
    /// Whoever is known.
    Known,
    /// Admins.
    Admin,
}

impl Expected {
    /// The rules.
    fn of(system: &System, rows: &[Row]) -> Self {
        // Where audit and app speak of the same endpoint, the audit decides.
        let row = rows.iter().find(|row| row.from == From::Audit).unwrap_or(&rows[0]);
        let lemedia = system.name == "lemedia";
        // What lies under an admin's path is the admin's, whatever guard its file names.
        let admins = ["/api/admin/", "/api/v1/admin/"];
        if row.role.as_deref() == Some("admin")
            || (lemedia && admins.iter().any(|path| row.path.starts_with(path)))
        {
            return Self::Admin;
        }
        if row.outsiders {
            return Self::Open;
        }
        // What later versions forgot to guard is not public because of that.
        if row.left_open {
            return Self::Known;
        }
        match row.auth {
            Auth::Public => Self::Open,
            Auth::Optional => Self::Either,
            // No guard in its file is no word that it is public; but a link in a mail has to open.
            Auth::Unknown if row.path.contains("unsubscribe") => Self::Open,
            Auth::Required | Auth::Unknown => Self::Known,
        }
    }

    /// The status that `who` gets, where the app answers 200.
    fn status(self, who: Who) -> u16 {
        match (self, who) {
            (Self::Open, _) | (_, Who::Admin) => 200,
            (Self::Either, Who::Nobody | Who::User) | (Self::Known, Who::User) => 200,
            (Self::Admin, Who::User) => 403,
            (Self::Either | Self::Known | Self::Admin, Who::Nobody | Who::Expired | Who::Forged) => 401,
        }
    }
}

/// The rows of a system.
pub(super) fn rows(system: &System) -> Vec<Row> {
    serde_json::from_str(&shipped(&format!("examples/{}/endpoints.json", system.name))).unwrap()
}

/// The endpoints of a system, method by method, each with its expectation.
pub(super) fn endpoints(system: &System) -> Vec<(String, String, Expected)> {
    let mut pairs: BTreeMap<(String, String), Vec<Row>> = BTreeMap::new();
    for row in rows(system) {
        for method in &row.methods {
            let every = ["GET", "POST", "PUT", "PATCH", "DELETE"];
            let methods = if method == "*" { every.to_vec() } else { vec![method.as_str()] };
            for method in methods {
                pairs.entry((row.path.clone(), method.to_owned())).or_default().push(row.clone());
            }
        }
    }
    pairs.into_iter().map(|((path, method), rows)| (method, path, Expected::of(system, &rows))).collect()
}

/// A path that a pattern of the table means.
pub(super) fn sample(pattern: &str) -> String {
    let segment = |part: &str| match (part.starts_with("{*"), part.starts_with('{')) {
        (true, _) => "a/b".to_owned(),
        (false, true) => "7".to_owned(),
        (false, false) => part.to_owned(),
    };
    pattern.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// A request as the client of the app would send it.
pub(super) fn request(method: &str, path: &str) -> Request {
    match method {
        "WEBSOCKET" => Request::get(path)
            .field("Connection", "Upgrade")
            .field("Upgrade", "websocket")
            .field("Sec-WebSocket-Version", "13")
            .field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        "POST" => Request::post(path, "{}"),
        other => Request::new(other, path),
    }
}

/// What came of a walk.
#[derive(Debug, Default)]
pub(super) struct Tally {
    rows: usize,
    counts: BTreeMap<Expected, usize>,
    requests: usize,
    forwarded: usize,
    wrong: Vec<String>,
}

/// Walks the whole table of a system.
pub(super) fn every_endpoint(stage: &Stage) {
    let system = stage.system;
    let mut tally = Tally { rows: rows(system).len(), ..Tally::default() };
    let mut visitor = Visitor { stage, last: 1, client: None };
    for (number, (method, path, expected)) in endpoints(system).into_iter().enumerate() {
        *tally.counts.entry(expected).or_default() += 1;
        // An address and a user of its own for each endpoint: limits are other tests' matter.
        let from = Ipv4Addr::from(0x0A00_0000 + u32::try_from(number).unwrap());
        let user = format!("user-{number}@example.com");
        for who in EVERYBODY {
            let token = system.credential(who, &user);
            let asked = system.carry(request(&method, &sample(&path)), token);
            let answer = visitor.ask(asked.host(system.host).field("X-Forwarded-For", from.to_string()));
            tally.requests += 1;
            let status = expected.status(who);
            tally.forwarded += usize::from(status == 200);
            let switched = if method == "WEBSOCKET" && status == 200 { 101 } else { status };
            let told =
                if answer.status == switched { fault(system, &answer, who, expected, &user) } else { None };
            if answer.status != switched || told.is_some() {
                tally
                    .wrong
                    .push(format!("{method} {path} by {who:?}: {switched}, not {} {told:?}", answer.status));
            }
        }
    }
    let served = stage.app.served();
    println!("{}", Table { system, tally: &tally });
    assert!(tally.wrong.is_empty(), "{:#?}", tally.wrong);
    assert_eq!(served.len(), tally.forwarded, "what is refused does not reach the app");
    let unknown: Vec<String> = served
        .iter()
        .filter(|one| !matches!(one.status, 101 | 200))
        .map(|one| format!("{} {}", one.method, one.path))
        .collect();
    assert!(unknown.is_empty(), "not the app's: {unknown:#?}");
}

/// Walks the whole table once, as one caller from 127.0.0.`last` and without a proxy in between.
pub(super) fn from_one_address(stage: &Stage, who: Who, last: u8) {
    let system = stage.system;
    let mut visitor = Visitor { stage, last, client: None };
    let wrong: Vec<String> = endpoints(system)
        .into_iter()
        .filter_map(|(method, path, expected)| {
            let token = system.credential(who, "alice@example.com");
            let asked = system.carry(request(&method, &sample(&path)), token);
            let status = expected.status(who);
            let switched = if method == "WEBSOCKET" && status == 200 { 101 } else { status };
            let answer = visitor.ask(asked.host(system.host));
            (answer.status != switched).then(|| format!("{method} {path}: {switched}, not {}", answer.status))
        })
        .collect();
    assert!(wrong.is_empty(), "{} by {who:?}: {wrong:#?}", system.name);
}

/// What is wrong with an answer of the right status.
fn fault(system: &System, answer: &Response, who: Who, expected: Expected, user: &str) -> Option<String> {
    if answer.status == 401 && who == Who::Nobody {
        return (answer.text() != system.says("Not authenticated")).then(|| answer.text());
    }
    if answer.status != 200 {
        return None;
    }
    let seen = &answer.json()["headers"];
    let named = seen["x-auth-user"].as_str();
    let right =
        if expected == Expected::Open || who == Who::Nobody { named.is_none() } else { named == Some(user) };
    let carried = seen.get("authorization").or(seen.get("x-stagedoor-token"));
    (!right || (expected != Expected::Open && carried.is_some())).then(|| seen.to_string())
}

/// A client that keeps its connection for as long as the gateway does.
struct Visitor<'s> {
    stage: &'s Stage,
    /// It comes from 127.0.0.`last`.
    last: u8,
    client: Option<Client>,
}

impl Visitor<'_> {
    fn ask(&mut self, request: Request) -> Response {
        let connect =
            || Client::connect_from(IpAddr::from([127, 0, 0, self.last]), self.stage.gateway.address);
        let client = self.client.get_or_insert_with(connect);
        let answer = client.ask(&request);
        if answer.status == 101 || answer.field("connection") == "close" {
            self.client = None;
        }
        answer
    }
}

/// A line of the report.
struct Table<'t> {
    system: &'t System,
    tally: &'t Tally,
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { rows, counts, requests, forwarded, wrong } = self.tally;
        let count = |expected| counts.get(&expected).copied().unwrap_or_default();
        writeln!(
            f,
            "| system | rows | endpoints | open | either | known | admin | requests | reached the app | not as expected |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|")?;
        write!(
            f,
            "| {} | {rows} | {} | {} | {} | {} | {} | {requests} | {forwarded} | {} |",
            self.system.name,
            counts.values().sum::<usize>(),
            count(Expected::Open),
            count(Expected::Either),
            count(Expected::Known),
            count(Expected::Admin),
            wrong.len()
        )
    }
}
