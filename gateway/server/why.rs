//! Why a request was refused: the check that refused, its line of the configuration, and a change that would let it pass.
//!
//! The answer is rendered when an operator asks, from the record in [`crate::recent_refusals`] and the policy in force. It
//! names no line where another policy refused, or where the files on disk differ from the policy in force: the lines may
//! have moved.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stagedoor_config::{self as config, Change, Remedy};
use stagedoor_core::denial::Denial;
use stagedoor_core::guard::routes::Route;
use stagedoor_core::policy::App;
use stagedoor_core::text::{escaped, is_odd};

use crate::decision_trace::{self, Check, DecisionTrace};
use crate::gateway::Gateway;
use crate::live_policy::LivePolicy;
use crate::materials::DiskMaterials;
use crate::recent_refusals::{RefusalRecord, RequestId};
use crate::reload::Reloader;
use crate::telemetry::record::timestamp;

/// How many refusals a list has.
const LISTED: usize = 100;

/// The explanation of one refusal, as the admin API gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefusalExplanation {
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
    /// The place of the key behind the refusal; absent for a default.
    pub(crate) file: Option<String>,
    pub(crate) line: Option<usize>,
    pub(crate) key: Option<String>,
    /// The policy in force is not the one that refused.
    pub(crate) reloaded: bool,
    pub(crate) checks: Vec<Check>,
    pub(crate) remedy: RemedyAdvice,
}

/// What would let the request pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RemedyAdvice {
    pub(crate) change: Option<ConfigEdit>,
    /// A command for the operator that needs no change of the configuration.
    pub(crate) command: Option<String>,
    pub(crate) advice: String,
}

/// Lines to put into the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConfigEdit {
    /// `None` if the gateway runs without a file: the lines are for a file that the operator makes.
    pub(crate) file: Option<String>,
    pub(crate) table: String,
    /// The first line to replace; where nothing is replaced, the line after which they go, 0 for the top.
    pub(crate) line: usize,
    /// The last line to replace.
    pub(crate) last: usize,
    pub(crate) replaces: bool,
    pub(crate) text: String,
}

/// One refusal in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefusalSummary {
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
pub(crate) struct RefusalList {
    pub(crate) refusals: Vec<RefusalSummary>,
}

/// The explanation of a refusal; `None` if it is not kept, or no longer.
pub(crate) fn one(gateway: &Gateway, reloader: &Reloader, id: RequestId) -> Option<RefusalExplanation> {
    let refusal = gateway.refusals.find(id)?;
    let live = gateway.live();
    let why = RefusalExplanation::of(&refusal, &live, gateway);
    Some(if reloader.is_on_disk(&live.source) { why } else { why.without_lines() })
}

/// The list of the newest refusals.
pub(crate) fn newest(gateway: &Gateway) -> RefusalList {
    let brief = |refusal: &Arc<RefusalRecord>| RefusalSummary {
        request_id: refusal.id.to_string(),
        time: timestamp(refusal.time),
        status: refusal.denial.status().as_u16(),
        code: refusal.denial.code().to_owned(),
        app: refusal.app.as_deref().map(str::to_owned),
        method: refusal.method.to_string(),
        target: legible(&refusal.target),
    };
    RefusalList { refusals: gateway.refusals.newest(LISTED).iter().map(brief).collect() }
}

impl RefusalExplanation {
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
            remedy: advice(remedy, refusal),
        }
    }

    /// The explanation without lines, for files that differ from the policy in force.
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

    /// The text for a terminal.
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

impl RemedyAdvice {
    fn of(remedy: Remedy) -> Self {
        let Remedy { change, command, advice } = remedy;
        let command = command.map(|command| legible(command.as_bytes()));
        Self { change: change.map(ConfigEdit::of), command, advice: legible(advice.as_bytes()) }
    }

    fn write(&self, text: &mut String) {
        let Some(change) = &self.change else {
            let _ = writeln!(text, "to pass: {}", self.advice);
            return self.write_command("         ", text);
        };
        let ConfigEdit { file, table, line, last, replaces, text: lines } = change;
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

impl ConfigEdit {
    fn of(change: Change) -> Self {
        let Change { file, table, line, last, text, replaces } = change;
        let file = Path::new(&*file).is_file().then(|| file.to_string());
        Self { file, table, line, last, replaces, text }
    }
}

impl RefusalList {
    /// The text for a terminal.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for brief in &self.refusals {
            let RefusalSummary { request_id, time, status, code, app, method, target } = brief;
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

/// The app and the route of a refusal, in the policy that refused.
fn places<'l>(refusal: &RefusalRecord, live: &'l LivePolicy) -> (Option<&'l App>, Option<&'l Route>) {
    let name = refusal.app.as_deref();
    let app = live.policy.apps.iter().find(|app| Some(&*app.name) == name).map(Arc::as_ref);
    let index = refusal.route.as_ref().map(|(_, index)| *index);
    let route = app.and_then(|app| app.routes.all().find(|route| Some(route.index) == index));
    (app, route.map(Arc::as_ref))
}

/// The advice; for an unknown host of a gateway without a file, with the environment variable too.
fn advice(remedy: Remedy, refusal: &RefusalRecord) -> RemedyAdvice {
    let mut shown = RemedyAdvice::of(remedy);
    let unfiled = shown.change.as_ref().is_some_and(|change| change.file.is_none());
    if unfiled && matches!(refusal.denial, Denial::UnknownHost) {
        shown.advice.push_str("; `STAGEDOOR_HOSTS` names it without a file");
    }
    shown
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
        too_many_fields: refusal.too_many_fields,
    }
}

/// Bytes that a client sent, escaped so that a terminal shows them and does not act on them.
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
