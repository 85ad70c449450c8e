//! Content-Security-Policy (CSP Level 3).

use http::{HeaderValue, header};

use super::frame_ancestors::{FrameAncestors, FramePolicy};
use super::preset::Preset;
use super::seen::{Edited, Seen};
use crate::response_fields::ResponseFields;

/// `csp`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Csp {
    /// `mode = "enforce"`; else the policy is report-only.
    pub enforce: bool,
    /// Directives with their sources, in order.
    pub policy: Vec<(String, Vec<String>)>,
    /// `app = "replace"`: the app's own policies are removed.
    pub replace_app: bool,
}

/// The compiled policies of one app.
#[derive(Clone, Debug)]
pub(super) struct ContentPolicy {
    enforced: Option<HeaderValue>,
    /// `enforced` for an answer with an `X-Frame-Options` of the app: in browsers `frame-ancestors` overrides that field, so
    /// it must say the same. Differs from `enforced` only if the configuration does not say who may frame the app.
    when_nobody_frames: Option<HeaderValue>,
    when_self_frames: Option<HeaderValue>,
    report: Option<HeaderValue>,
    /// The policy for `frame` alone, beside a policy of the app without `frame-ancestors`.
    framing: Option<(FrameAncestors, HeaderValue)>,
    /// `set` or `remove` names `X-Frame-Options`, so that field does not carry `frame`.
    options_by_operator: bool,
    app: AppCsp,
}

/// Whether a policy that the app sends itself is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AppCsp {
    Kept,
    Replaced,
}

impl Csp {
    /// The sources of one directive of the policy.
    fn directive(&self, name: &str) -> Option<&[String]> {
        self.policy
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, sources)| sources.as_slice())
    }

    /// The sources of `frame-ancestors` in a policy that is enforced.
    pub(super) fn enforced_ancestors(&self) -> Option<&[String]> {
        if self.enforce { self.directive(FRAME_ANCESTORS) } else { None }
    }

    /// Whether it has a directive that the preset or an app's `X-Frame-Options` would add. If it is enforced, its own
    /// directive is used instead.
    pub(crate) fn overrules(&self, preset: Preset) -> bool {
        let mut names = preset.directives().iter().map(|(name, _)| *name).chain([FRAME_ANCESTORS]);
        names.any(|name| self.directive(name).is_some())
    }
}

impl ContentPolicy {
    /// `options_by_operator`: `set` or `remove` names `X-Frame-Options`.
    pub(super) fn compile(
        preset: Preset,
        frame_policy: &FramePolicy,
        csp: Option<&Csp>,
        options_by_operator: bool,
    ) -> Self {
        let enforced_by = |ancestors| enforced(preset, ancestors, csp.filter(|csp| csp.enforce));
        let enforced = enforced_by(frame_policy.ancestors());
        let (when_nobody_frames, when_self_frames) = match frame_policy {
            FramePolicy::Preset(_) => {
                (enforced_by(Some(&FrameAncestors::Nobody)), enforced_by(Some(&FrameAncestors::SelfOnly)))
            }
            FramePolicy::Configured(_) | FramePolicy::FromCsp(_) | FramePolicy::Unset => {
                (enforced.clone(), enforced.clone())
            }
        };
        Self {
            enforced,
            when_nobody_frames,
            when_self_frames,
            report: csp.filter(|csp| !csp.enforce).and_then(|csp| serialise(directives(csp))),
            framing: match frame_policy {
                FramePolicy::Configured(ancestors) => {
                    let alone = serialise(vec![(FRAME_ANCESTORS, ancestors.sources().to_owned())]);
                    alone.map(|value| (ancestors.clone(), value))
                }
                FramePolicy::FromCsp(_) | FramePolicy::Preset(_) | FramePolicy::Unset => None,
            },
            options_by_operator,
            app: if csp.is_some_and(|csp| csp.replace_app) { AppCsp::Replaced } else { AppCsp::Kept },
        }
    }

    /// Adds the gateway's policies. Beside an enforced policy of the app it adds only `frame`, and only if neither that
    /// policy nor `X-Frame-Options` says who may frame. `framed` is the app's `X-Frame-Options`.
    ///
    /// A report-only policy of the app replaces the gateway's report-only one, not the enforced one.
    pub(super) fn put<F: ResponseFields>(&self, fields: &mut F, seen: Seen, framed: Option<&HeaderValue>) {
        let told = seen.may_have(Edited::ContentPolicy);
        let reported = seen.may_have(Edited::ContentPolicyReport);
        match self.app {
            AppCsp::Replaced => {
                if told {
                    fields.remove(&header::CONTENT_SECURITY_POLICY);
                }
                if reported {
                    fields.remove(&header::CONTENT_SECURITY_POLICY_REPORT_ONLY);
                }
            }
            AppCsp::Kept if told && fields.first(&header::CONTENT_SECURITY_POLICY).is_some() => {
                if let Some((ancestors, value)) = &self.framing
                    && (self.options_by_operator || !ancestors.is_told_by(framed))
                    && !fields.all(&header::CONTENT_SECURITY_POLICY).any(says_who_frames)
                {
                    fields.add(header::CONTENT_SECURITY_POLICY, value.clone());
                }
                return;
            }
            AppCsp::Kept => {}
        }
        if fields.revalidates() {
            return;
        }
        let enforced = match framed.and_then(FrameAncestors::of_x_frame_options) {
            Some(FrameAncestors::Nobody) => &self.when_nobody_frames,
            Some(FrameAncestors::SelfOnly) => &self.when_self_frames,
            Some(FrameAncestors::Sources(_)) | None => &self.enforced,
        };
        if let Some(value) = enforced {
            // No line of it is left here.
            fields.add(header::CONTENT_SECURITY_POLICY, value.clone());
        }
        if let Some(value) = &self.report
            && !(reported && fields.first(&header::CONTENT_SECURITY_POLICY_REPORT_ONLY).is_some())
        {
            fields.add(header::CONTENT_SECURITY_POLICY_REPORT_ONLY, value.clone());
        }
    }
}

/// One policy: the configured one, if it is enforced, and the directives of the preset that it lacks.
fn enforced(preset: Preset, ancestors: Option<&FrameAncestors>, csp: Option<&Csp>) -> Option<HeaderValue> {
    let mut all: Vec<(&str, String)> = csp.map(directives).unwrap_or_default();
    let said =
        |all: &[(&str, String)], name: &str| all.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    for (name, sources) in preset.directives() {
        if !said(&all, name) {
            all.push((name, (*sources).to_owned()));
        }
    }
    if let Some(ancestors) = ancestors {
        all.retain(|(name, _)| !name.eq_ignore_ascii_case(FRAME_ANCESTORS));
        all.push((FRAME_ANCESTORS, ancestors.sources().to_owned()));
    }
    serialise(all)
}

/// Whether one of the policies in a line has `frame-ancestors`; two of them would intersect.
fn says_who_frames(line: &HeaderValue) -> bool {
    line.as_bytes().split(|byte| matches!(byte, b',' | b';')).any(|directive| {
        let name = directive.trim_ascii().split(u8::is_ascii_whitespace).next().unwrap_or_default();
        name.eq_ignore_ascii_case(FRAME_ANCESTORS.as_bytes())
    })
}

const FRAME_ANCESTORS: &str = "frame-ancestors";

fn directives(csp: &Csp) -> Vec<(&str, String)> {
    csp.policy.iter().map(|(name, sources)| (name.as_str(), sources.join(" "))).collect()
}

/// The text of the policy; `None` for an empty one.
fn serialise(directives: Vec<(&str, String)>) -> Option<HeaderValue> {
    if directives.is_empty() {
        return None;
    }
    let parts: Vec<String> = directives
        .into_iter()
        .map(|(name, sources)| if sources.is_empty() { name.to_owned() } else { format!("{name} {sources}") })
        .collect();
    HeaderValue::try_from(parts.join("; ")).ok()
}
