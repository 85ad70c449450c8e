//! Why a request was refused: the check that did it, the line behind that, and what would let it pass.
//!
//! Rendered when somebody asks, from what [`crate::recent_refusals`] kept and the policy in force. Where another
//! policy refused, its lines may have moved or gone: then no line is named, nor where the files on disk are others
//! than those in force.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stagedoor_config::{self as config, Change, Remedy};
use stagedoor_core::denial::Denial;
use stagedoor_core::policy::{App, Route};
use stagedoor_core::text::{escaped, is_odd};

use crate::decision_trace::{self, Check, DecisionTrace};
use crate::gateway::Gateway;
use crate::live_policy::LivePolicy;
use crate::materials::DiskMaterials;
use crate::recent_refusals::{RefusalRecord, RequestId};
use crate::reload::Reloader;
use crate::telemetry::record::timestamp;

/// Refusals that are listed where none is named.
const LISTED: usize = 100;

/// The whole answer about one refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Why {
    pub(crate) request_id: String,
    pub(crate) time: String,
    pub(crate) app: Option<String>,
    pub(crate) route: Option<String>,
    /// Empty where the head could not be read, like `target`.
    pub(crate) method: String,
    /// Without secrets, and cut.
    pub(crate) target: String,
    pub(crate) host: Option<String>,
    pub(crate) client: String,
    pub(crate) user: Option<String>,
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) reason: String,
    pub(crate) guard: String,
    /// Where the key stands that refused; absent for defaults.
    pub(crate) file: Option<String>,
    pub(crate) line: Option<usize>,
    pub(crate) key: Option<String>,
    /// Another policy is in force than the one that refused.
    pub(crate) reloaded: bool,
    pub(crate) checks: Vec<Check>,
    pub(crate) remedy: Advice,
}

/// What would let it pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Advice {
    pub(crate) change: Option<Paste>,
    /// A command for the caller, which opens nothing.
    pub(crate) command: Option<String>,
    pub(crate) advice: String,
}

/// Lines to paste.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Paste {
    /// `None`: the gateway runs without a file, and the lines are for one of the operator's own.
    pub(crate) file: Option<String>,
    pub(crate) table: String,
    /// The first line that is replaced, else the line it goes behind, 0 being the top.
    pub(crate) line: usize,
    /// The last line that is replaced.
    pub(crate) last: usize,
    pub(crate) replaces: bool,
    pub(crate) text: String,
}

/// One refusal among others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Brief {
    pub(crate) request_id: String,
    pub(crate) time: String,
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) app: Option<String>,
    pub(crate) method: String,
    pub(crate) target: String,
}

/// The newest refusals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Newest {
    pub(crate) refusals: Vec<Brief>,
}

/// Why this request was refused; `None` if that is not known, or no longer.
pub(crate) fn one(gateway: &Gateway, reloader: &Reloader, id: RequestId) -> Option<Why> {
    let refusal = gateway.refusals.find(id)?;
    let live = gateway.live();
    let why = Why::of(&refusal, &live, gateway);
    Some(if reloader.is_on_disk(&live.source) { why } else { why.without_lines() })
}

/// The newest refusals, in short.
pub(crate) fn newest(gateway: &Gateway) -> Newest {
    let brief = |refusal: &Arc<RefusalRecord>| Brief {
        request_id: refusal.id.to_string(),
        time: timestamp(refusal.time),
        status: refusal.denial.status().as_u16(),
        code: refusal.denial.code().to_owned(),
        app: refusal.app.as_deref().map(str::to_owned),
        method: refusal.method.to_string(),
        target: legible(&refusal.target),
    };
    Newest { refusals: gateway.refusals.newest(LISTED).iter().map(brief).collect() }
}

impl Why {
    fn of(refusal: &RefusalRecord, live: &LivePolicy, gateway: &Gateway) -> Self {
        let same = refusal.generation == live.generation;
        let (app, route) = if same { places(refusal, live) } else { (None, None) };
        let refused = config::Refused { app, route, ..refused(refusal) };
        let (decided, checks, remedy) = if same {
            let trace = DecisionTrace {
                verdict: Err(&refusal.denial),
                reached: refusal.guard,
                app,
                route,
                client: Some(refusal.client),
                source: &live.source,
            };
            let base = Path::new("").to_owned();
            let stand_ins = DiskMaterials { base, may_generate: false, no_files: true, no_environment: true };
            let remedy = config::remedy(&live.policy, &live.source, &refused, &stand_ins, gateway.now());
            (config::decided(&live.policy, &live.source, &refused), trace.checks(), remedy)
        } else {
            let advice =
                "the configuration was loaded anew since: send the request again, and ask about that one";
            (None, Vec::new(), Remedy { advice: advice.to_owned(), ..Remedy::default() })
        };
        let (key, line) = decided.unzip();
        let (file, line) =
            (line.as_ref().map(|line| line.file.to_string()), line.and_then(|line| line.number()));
        Self {
            request_id: refusal.id.to_string(),
            time: timestamp(refusal.time),
            app: refusal.app.as_deref().map(str::to_owned),
            route: refusal.route.as_ref().map(|(label, _)| label.to_string()),
            method: refusal.method.to_string(),
            target: legible(&refusal.target),
            host: refusal.host.as_deref().map(|host| legible(host.as_bytes())),
            client: refusal.client.to_string(),
            user: refusal.user.as_deref().map(|user| legible(user.as_bytes())),
            status: refusal.denial.status().as_u16(),
            code: refusal.denial.code().to_owned(),
            reason: refusal.denial.reason().into_owned(),
            guard: decision_trace::name(refusal.guard).to_owned(),
            file,
            line,
            key: key.map(str::to_owned),
            reloaded: !same,
            checks,
            remedy: told(remedy, refusal),
        }
    }

    /// Where the files are not those in force, their lines are others.
    fn without_lines(mut self) -> Self {
        (self.file, self.line) = (None, None);
        for check in &mut self.checks {
            (check.file, check.line) = (None, None);
        }
        self.remedy.change = None;
        if !self.reloaded {
            self.remedy.advice =
                "the file on disk is not the one in force: reload it, or put it back, and ask again"
                    .to_owned();
        }
        self
    }

    /// For people.
    pub(crate) fn text(&self, colour: bool) -> String {
        let mut text = String::new();
        let (method, target) = (or_dash(&self.method), or_dash(&self.target));
        let host = self.host.as_ref().map_or(String::new(), |host| format!(" on {host}"));
        let user = self.user.as_ref().map_or(String::new(), |user| format!(" as {user}"));
        let _ = writeln!(text, "{method} {target}{host}{user}, from {} at {}\n", self.client, self.time);
        let checks = decision_trace::text(&self.checks, colour);
        if !checks.is_empty() {
            let _ = writeln!(text, "{checks}");
        }
        let _ = writeln!(text, "refused: {} {}: {}", self.status, self.code, self.reason);
        match (&self.key, &self.file, self.line) {
            (Some(key), Some(file), Some(line)) => {
                let _ = writeln!(text, "by:      {}, `{key}` at {file}:{line}", self.guard);
            }
            (Some(key), Some(file), None) => {
                let _ = writeln!(text, "by:      {}, `{key}` of {file}", self.guard);
            }
            (Some(key), None, _) => {
                let _ = writeln!(text, "by:      {}, `{key}`", self.guard);
            }
            (None, ..) if self.reloaded => {
                let _ = writeln!(text, "by:      {}", self.guard);
            }
            (None, ..) => {
                let _ =
                    writeln!(text, "by:      {}, with no key of its own in the configuration", self.guard);
            }
        }
        self.remedy.write(&mut text);
        text
    }
}

impl Advice {
    fn of(remedy: Remedy) -> Self {
        let Remedy { change, command, advice } = remedy;
        let command = command.map(|command| legible(command.as_bytes()));
        Self { change: change.map(Paste::of), command, advice: legible(advice.as_bytes()) }
    }

    fn write(&self, text: &mut String) {
        let Some(change) = &self.change else {
            let _ = writeln!(text, "to pass: {}", self.advice);
            return self.write_command("         ", text);
        };
        let Paste { file, table, line, last, replaces, text: lines } = change;
        let place = match (replaces, line, last) {
            (true, line, last) if line == last => format!("instead of line {line}"),
            (true, line, last) => format!("instead of lines {line} to {last}"),
            (false, 0, _) => "at the top".to_owned(),
            (false, line, _) => format!("behind line {line}"),
        };
        let place = match file {
            Some(file) => format!("in {file}, {place} ([{table}])"),
            None => format!("in a file of your own ([{table}]), for the gateway runs without one"),
        };
        let _ = writeln!(text, "to pass: {place}:\n");
        for line in lines.trim_matches('\n').lines() {
            let _ = writeln!(text, "    {line}");
        }
        let _ = writeln!(text, "\ncaution: {}", self.advice);
        self.write_command("or:      ", text);
    }

    fn write_command(&self, label: &str, text: &mut String) {
        if let Some(command) = &self.command {
            let _ = writeln!(text, "{label}{command}");
        }
    }
}

impl Paste {
    fn of(change: Change) -> Self {
        let Change { file, table, line, last, text, replaces } = change;
        let file = Path::new(&*file).is_file().then(|| file.to_string());
        Self { file, table, line, last, replaces, text }
    }
}

impl Newest {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for brief in &self.refusals {
            let Brief { request_id, time, status, code, app, method, target } = brief;
            let app = app.as_deref().unwrap_or("-");
            let (method, target) = (or_dash(method), or_dash(target));
            let _ = writeln!(text, "{time}  {request_id}  {status} {code}  {app}  {method} {target}");
        }
        if text.is_empty() {
            text.push_str("nothing was refused since the gateway started\n");
        }
        text
    }
}

/// App and route in the policy that refused.
fn places<'l>(refusal: &RefusalRecord, live: &'l LivePolicy) -> (Option<&'l App>, Option<&'l Route>) {
    let name = refusal.app.as_deref();
    let app = live.policy.apps.iter().find(|app| Some(&*app.name) == name).map(Arc::as_ref);
    let index = refusal.route.as_ref().map(|(_, index)| *index);
    let route = app.and_then(|app| app.routes.all().find(|route| Some(route.index) == index));
    (app, route.map(Arc::as_ref))
}

/// A host that a gateway without a file does not know has a second way in.
fn told(remedy: Remedy, refusal: &RefusalRecord) -> Advice {
    let mut advice = Advice::of(remedy);
    let unfiled = advice.change.as_ref().is_some_and(|change| change.file.is_none());
    if unfiled && matches!(refusal.denial, Denial::UnknownHost) {
        advice.advice.push_str("; `STAGEDOOR_HOSTS` names it without a file");
    }
    advice
}

fn refused(refusal: &RefusalRecord) -> config::Refused<'_> {
    let path = refusal.target.split(|byte| *byte == b'?').next().unwrap_or_default();
    config::Refused {
        denial: &refusal.denial,
        reached: refusal.guard,
        app: None,
        route: None,
        method: &refusal.method,
        path: std::str::from_utf8(path).ok().filter(|path| refusal.whole_path && !path.is_empty()),
        host: refusal.host.as_deref(),
        origin: refusal.origin.as_deref(),
        client: refusal.client,
        user: refusal.user.as_deref(),
        roles: &refusal.roles,
        declared: refusal.declared,
        handshake: refusal.handshake,
        crowded: refusal.crowded,
    }
}

/// What a client sent as text that shows what was sent, on a terminal too.
fn legible(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_odd(c) {
                out.push_str(&escaped(c));
            } else {
                out.push(c);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

#[cfg(test)]
mod tests;
