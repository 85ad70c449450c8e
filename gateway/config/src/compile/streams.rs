//! Compiles `streams` of an app and of its routes.

use std::time::Duration;

use super::context::Context;
use crate::location::{Setting, Spanned};
use crate::problem::shown;
use crate::raw;
use stagedoor_core::guard::streams::{OnExpiry, StreamCap, StreamsPolicy};
use stagedoor_core::units;

/// The longest grace.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

const CLOSE: OnExpiry = OnExpiry::End { grace: Duration::ZERO };

/// What an app says, for routes that say nothing.
pub(super) fn of_app(raw: &raw::AppStreams, cx: &Context<'_>) -> StreamsPolicy {
    let raw::AppStreams { at: _, per_user, on_expiry } = raw;
    StreamsPolicy {
        per_user: cap(per_user).map_or(StreamCap::Unlimited, StreamCap::OfApp),
        on_expiry: self::on_expiry(on_expiry, CLOSE, cx),
    }
}

/// What a route says, over what its app does.
pub(super) fn of_route(raw: &raw::RouteStreams, app: StreamsPolicy, cx: &Context<'_>) -> StreamsPolicy {
    let raw::RouteStreams { at: _, per_user, on_expiry } = raw;
    StreamsPolicy {
        per_user: cap(per_user).map_or(app.per_user, StreamCap::OfRoute),
        on_expiry: self::on_expiry(on_expiry, app.on_expiry, cx),
    }
}

fn cap(raw: &Setting<u64>) -> Option<usize> {
    raw.as_ref().map(|most| usize::try_from(most.value).unwrap_or(usize::MAX))
}

fn on_expiry(raw: &Setting<String>, otherwise: OnExpiry, cx: &Context<'_>) -> OnExpiry {
    let Some(Spanned { value, at }) = raw else { return otherwise };
    parse(value).unwrap_or_else(|| {
        let hint = "\"close\", \"finish\", or \"grace:30s\" with any time up to 1d";
        cx.report.problem(at, format!("not what happens to a stream: `{}`", shown(value)), hint);
        CLOSE
    })
}

fn parse(text: &str) -> Option<OnExpiry> {
    match text {
        "close" => Some(CLOSE),
        "finish" => Some(OnExpiry::Finish),
        other => {
            let grace = units::duration(other.strip_prefix("grace:")?)?;
            (grace <= LONGEST).then_some(OnExpiry::End { grace })
        }
    }
}
