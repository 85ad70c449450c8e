//! The writer of response header fields: removes fields that leak, adds security headers, grants CORS.
//!
//! Protects browsers where the app sends no security headers, and the app from telling its make and version. A security
//! header that the app sends itself is kept, and the gateway adds none beside it, because two would intersect (CSP) or
//! contradict each other. `set` and `remove` of the configuration are applied last.
//!
//! Every value is compiled once; an answer costs lookups and reference counts. Only the request id is built for each
//! answer, and the `RateLimit` fields where a limit was charged.
//!
//! RFC 9110 §7.6.1 (hop-by-hop), RFC 6797 (HSTS), CSP Level 3, Fetch (CORP), HTML (COOP).

mod csp;
mod frame_ancestors;
mod hsts;
mod http2;
mod location;
mod opener_policy;
mod preset;
mod removed_fields;
mod repeated_fields;
mod seen;
mod write;

use std::sync::LazyLock;

use http::{HeaderName, HeaderValue, header};

pub use csp::Csp;
pub use hsts::Hsts;
pub use http2::http2_answer;
pub(crate) use http2::with_fields;
pub use location::UpstreamAddress;
pub use preset::Preset;
pub use preset::permissions_closed;
pub(crate) use preset::{CLOSEABLE, CODE, PERMISSIONS_POLICY};
pub use write::write_head;

use crate::guard::cors::CorsGrant;
use crate::guard::limit::ChargedLimits;
use crate::public_address::PublicAddress;
use crate::request::Scheme;
use crate::response_fields::ResponseFields;
use csp::ContentPolicy;
use frame_ancestors::FramePolicy;
use removed_fields::AppCors;
use seen::{Edited, Seen};

/// Compiled `headers` of one app.
#[derive(Debug)]
pub struct ResponsePolicy {
    /// The settings that the other fields were compiled from.
    settings: HeaderSettings,
    /// Added to answers of the app that lack them.
    app: Vec<(Edited, HeaderName, HeaderValue)>,
    /// Added to local answers.
    local: Vec<(HeaderName, HeaderValue)>,
    frame_policy: FramePolicy,
    content: ContentPolicy,
    resources: ResourcePolicy,
    hsts: Option<HeaderValue>,
    set: Vec<(HeaderName, HeaderValue)>,
    remove: Vec<HeaderName>,
    app_cors: AppCors,
    /// Mapped to the public address; `None` where there is no app.
    own: Option<UpstreamAddress>,
}

/// Settings of `[app.X.headers]`, checked, before compilation.
#[derive(Clone, Debug)]
pub struct HeaderSettings {
    /// `preset`
    pub preset: Preset,
    /// `hsts`; `None` is a year, or nothing under `preset = "off"`.
    pub hsts: Option<Hsts>,
    /// `csp`
    pub csp: Option<Csp>,
    /// `frame`: who may frame the app, as CSP sources; an empty list forbids framing.
    pub frame: Option<Vec<String>>,
    /// `set`: fields that replace those of the app.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// `remove`: fields that are removed.
    pub remove: Vec<HeaderName>,
    /// `cors = "app"`: the app's own `access-control-*` passes.
    pub cors_app: bool,
    /// The address of the upstream, which answers may name and clients cannot use.
    pub own: Option<UpstreamAddress>,
}

impl HeaderSettings {
    /// A preset as it is, of an app that does not answer CORS itself and whose own address is not known.
    #[must_use]
    pub fn of(preset: Preset) -> Self {
        Self {
            preset,
            hsts: None,
            csp: None,
            frame: None,
            set: Vec::new(),
            remove: Vec::new(),
            cors_app: false,
            own: None,
        }
    }
}

/// The request and the results of its checks, as far as the answer depends on them.
#[derive(Clone, Copy, Debug)]
pub struct ResponseContext<'a> {
    /// The client uses https.
    pub https: bool,
    /// The host as the client wrote it, port included; empty where none is known.
    pub host: &'a str,
    /// The port that a trusted proxy names; used where the host names none.
    pub port: Option<u16>,
    /// The request id: visible ASCII.
    pub request_id: &'a str,
    /// What a browser of another origin may read.
    pub cors: &'a CorsGrant,
    /// The limits that were charged.
    pub limits: &'a ChargedLimits,
    /// The value of `Server-Timing`, if it is sent.
    pub server_timing: Option<&'a str>,
}

/// `Cross-Origin-Resource-Policy` of the app's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ResourcePolicy {
    /// `same-origin`, but none on audio, video and images: other pages may embed those.
    SameOriginExceptMedia,
    /// `same-origin`.
    SameOrigin,
    /// The gateway adds none.
    Unset,
}

impl ResponsePolicy {
    /// Compiles the settings.
    ///
    /// `hsts`, `csp` and `frame` hold under every preset, `off` included.
    #[must_use]
    pub fn compile(settings: &HeaderSettings) -> Self {
        let HeaderSettings { preset, hsts, csp, frame, set, remove, cors_app, own } = settings;
        let frame_policy =
            FramePolicy::compile(*preset, frame.as_deref(), csp.as_ref().and_then(Csp::enforced_ancestors));
        let hsts = match (hsts, preset) {
            (Some(hsts), Preset::Web | Preset::Api | Preset::Off) => hsts.value(),
            (None, Preset::Web | Preset::Api) => Hsts::default().value(),
            (None, Preset::Off) => None,
        };
        let by_operator = |name: &HeaderName| remove.contains(name) || set.iter().any(|(n, _)| n == name);

        let mut local = Preset::local();
        local.retain(|(name, _)| !remove.contains(name));
        for (name, value) in set {
            if !preset::says_how_long_to_keep(name) && local.iter().all(|(known, _)| known != name) {
                local.push((name.clone(), value.clone()));
            }
        }
        Self {
            settings: settings.clone(),
            app: preset.fields(),
            local,
            content: ContentPolicy::compile(
                *preset,
                &frame_policy,
                csp.as_ref(),
                by_operator(&header::X_FRAME_OPTIONS),
            ),
            frame_policy,
            resources: match preset {
                Preset::Web => ResourcePolicy::SameOriginExceptMedia,
                Preset::Api => ResourcePolicy::SameOrigin,
                Preset::Off => ResourcePolicy::Unset,
            },
            hsts: hsts.filter(|_| !by_operator(&header::STRICT_TRANSPORT_SECURITY)),
            set: set.clone(),
            remove: remove.clone(),
            app_cors: if *cors_app { AppCors::Kept } else { AppCors::Removed },
            own: own.clone(),
        }
    }

    /// Whether answers over https for `host` say Strict-Transport-Security although the configuration does not mention it.
    #[must_use]
    pub fn adds_hsts(&self, host: &str) -> bool {
        self.settings.hsts.is_none() && self.hsts.is_some() && hsts::suits(host)
    }

    /// What it was compiled from.
    pub(crate) fn settings(&self) -> &HeaderSettings {
        &self.settings
    }

    /// For answers before any app is known: the `api` set, but no HSTS, which is for an app to say of its host.
    #[must_use]
    pub fn bare() -> &'static Self {
        static BARE: LazyLock<ResponsePolicy> = LazyLock::new(|| {
            let mut bare = ResponsePolicy::compile(&HeaderSettings::of(Preset::Api));
            bare.hsts = None;
            bare
        });
        &BARE
    }

    /// The features that the preset's `Permissions-Policy` leaves to the app's own pages and that an app may not need;
    /// none where the configuration says the field itself.
    #[must_use]
    pub fn closeable(&self) -> &'static [&'static str] {
        let ours =
            self.app.iter().any(|(_, name, value)| *name == PERMISSIONS_POLICY && preset::is_web(value));
        let said = self.remove.contains(&PERMISSIONS_POLICY)
            || self.set.iter().any(|(name, _)| *name == PERMISSIONS_POLICY);
        if ours && !said { &CLOSEABLE } else { &[] }
    }

    /// Edits a final answer of the app, never a 1xx. Idempotent.
    pub fn apply<F: ResponseFields>(&self, fields: &mut F, at: &ResponseContext<'_>) {
        self.edit(fields, at, |fields, seen| tell_limits(fields, seen, at.limits));
    }

    /// Removes fields that leak from an interim answer (1xx) of the app. Adds nothing.
    pub fn clean_interim<F: ResponseFields>(fields: &mut F) {
        removed_fields::clean_interim(fields);
    }

    /// Adds the `api` set and `no-store` to a local answer; a field that it has already is kept.
    ///
    /// Cache fields in `set` are for the app's answers: a cached refusal or token would be sent to other clients.
    pub fn apply_to_local<F: ResponseFields>(&self, fields: &mut F, at: &ResponseContext<'_>) {
        self.edit_local(fields, at, |fields| tell_limits(fields, Seen::UNKNOWN, at.limits));
    }

    fn edit<F: ResponseFields>(
        &self,
        fields: &mut F,
        at: &ResponseContext<'_>,
        limits: impl FnOnce(&mut F, Seen),
    ) {
        fields.reserve(ADDED);
        let seen = removed_fields::remove(fields, self.app_cors);
        repeated_fields::keep_one_line(fields, seen);
        if let Some(own) = &self.own
            && seen.may_have(Edited::Address)
            && !at.host.is_empty()
        {
            let scheme = if at.https { Scheme::Https } else { Scheme::Http };
            own.map(fields, &PublicAddress::new(scheme, at.host, at.port));
        }
        let may_be_framed = seen.may_have(Edited::FrameOptions);
        let framed = if may_be_framed { fields.first(&header::X_FRAME_OPTIONS).cloned() } else { None };
        self.content.put(fields, seen, framed.as_ref());
        if let (None, Some(value)) = (framed, self.frame_policy.x_frame_options()) {
            fields.add(header::X_FRAME_OPTIONS, value);
        }
        for (field, name, value) in &self.app {
            if *field != Edited::OpenerPolicy || opener_policy::has_effect(at.https, at.host) {
                put_missing(fields, seen, *field, name, value);
            }
        }
        if self.resources.restricted(fields, seen) {
            let name = &preset::RESOURCE_POLICY;
            put_missing(fields, seen, Edited::ResourcePolicy, name, &preset::SAME_ORIGIN);
        }
        self.tell(fields, seen, at);
        limits(fields, seen);
        for name in &self.remove {
            fields.remove(name);
        }
        for (name, value) in &self.set {
            fields.set(name.clone(), value.clone());
        }
    }

    fn edit_local<F: ResponseFields>(
        &self,
        fields: &mut F,
        at: &ResponseContext<'_>,
        limits: impl FnOnce(&mut F),
    ) {
        let opener = opener_policy::has_effect(at.https, at.host);
        for (name, value) in &self.local {
            if opener || *name != preset::OPENER_POLICY {
                put_absent(fields, name, value);
            }
        }
        put_absent(fields, &header::CACHE_CONTROL, &preset::NO_STORE);
        self.tell(fields, Seen::UNKNOWN, at);
        if fields.first(&CODE).is_some() && !at.cors.headers.is_empty() {
            expose_code(fields);
        }
        limits(fields);
    }

    /// Adds the fields that depend on the request.
    fn tell<F: ResponseFields>(&self, fields: &mut F, seen: Seen, at: &ResponseContext<'_>) {
        if let Some(value) = &self.hsts
            && at.https
            && hsts::suits(at.host)
        {
            put_missing(fields, seen, Edited::Hsts, &header::STRICT_TRANSPORT_SECURITY, value);
        }
        for (name, value) in &at.cors.headers {
            replace(fields, seen, Edited::Cors, name.clone(), value.clone());
        }
        if at.cors.vary {
            vary_by_origin(fields, seen);
        }
        if let Ok(id) = HeaderValue::from_str(at.request_id) {
            replace(fields, seen, Edited::RequestId, preset::REQUEST_ID, id);
        }
        if let Some(Ok(timing)) = at.server_timing.map(HeaderValue::from_str)
            && !(seen.may_have(Edited::ServerTiming)
                && fields.all(&preset::SERVER_TIMING).any(|told| told == timing))
        {
            fields.add(preset::SERVER_TIMING, timing);
        }
    }
}

impl ResourcePolicy {
    /// Whether to add `Cross-Origin-Resource-Policy`. A 304 has no media type; the fields of the stored answer still hold.
    fn restricted<F: ResponseFields>(self, fields: &F, seen: Seen) -> bool {
        match self {
            Self::SameOriginExceptMedia => !fields.revalidates() && !seen.is_media(),
            Self::SameOrigin => true,
            Self::Unset => false,
        }
    }
}

/// Adds a field unless it is there.
fn put_missing<F: ResponseFields>(
    fields: &mut F,
    seen: Seen,
    field: Edited,
    name: &HeaderName,
    value: &HeaderValue,
) {
    if seen.may_have(field) {
        put_absent(fields, name, value);
    } else {
        fields.add(name.clone(), value.clone());
    }
}

fn put_absent<F: ResponseFields>(fields: &mut F, name: &HeaderName, value: &HeaderValue) {
    if fields.first(name).is_none() {
        fields.add(name.clone(), value.clone());
    }
}

/// One line in the place of all lines of the name.
fn replace<F: ResponseFields>(
    fields: &mut F,
    seen: Seen,
    field: Edited,
    name: HeaderName,
    value: HeaderValue,
) {
    if seen.may_have(field) {
        fields.set(name, value);
    } else {
        fields.add(name, value);
    }
}

/// Adds `Origin` to the one `Vary` line, unless it or `*` is there; several lines become one (RFC 9110 §5.3).
fn vary_by_origin<F: ResponseFields>(fields: &mut F, seen: Seen) {
    if !seen.may_have(Edited::Vary) {
        return fields.add(header::VARY, HeaderValue::from_static("Origin"));
    }
    let mut lines = fields.all(&header::VARY);
    let (first, further) = (lines.next(), lines.next());
    drop(lines);
    let value = match (first, further) {
        (None, _) => Some(HeaderValue::from_static("Origin")),
        (Some(line), None) if names_origin(line) => None,
        (Some(_), _) => {
            let told = fields.all(&header::VARY).any(names_origin);
            let lines: Vec<&[u8]> = fields.all(&header::VARY).map(HeaderValue::as_bytes).collect();
            let mut joined = lines.join(&b", "[..]);
            if !told {
                joined.extend_from_slice(b", Origin");
            }
            HeaderValue::from_bytes(&joined).ok()
        }
    };
    if let Some(value) = value {
        fields.set(header::VARY, value);
    }
}

/// Lets scripts of the allowed origins read [`CODE`] (Fetch, "CORS-safelisted response-header name"); `*` covers it.
fn expose_code<F: ResponseFields>(fields: &mut F) {
    let exposed = fields.first(&header::ACCESS_CONTROL_EXPOSE_HEADERS).map(HeaderValue::as_bytes);
    let value = match exposed {
        None => Ok(HeaderValue::from_static(seen::CODE_NAME)),
        Some(b"*") => return,
        Some(names) => HeaderValue::from_bytes(&[names, b", ", seen::CODE_NAME.as_bytes()].concat()),
    };
    if let Ok(value) = value {
        fields.set(header::ACCESS_CONTROL_EXPOSE_HEADERS, value);
    }
}

fn names_origin(line: &HeaderValue) -> bool {
    line.as_bytes()
        .split(|b| *b == b',')
        .map(<[u8]>::trim_ascii)
        .any(|name| name == b"*" || name.eq_ignore_ascii_case(b"origin"))
}

/// The `RateLimit` fields replace the app's own only if a limit of the gateway was charged.
fn tell_limits<F: ResponseFields>(fields: &mut F, seen: Seen, limits: &ChargedLimits) {
    limits.headers(|name, value| replace(fields, seen, Edited::Limits, name, value));
}

/// Room for what is added to an answer, so that a list grows once.
const ADDED: usize = 20;

#[cfg(test)]
mod tests;
