//! Secrets: where they are read from, and whether they are strong enough.

use zeroize::Zeroizing;

use super::context::Context;
use crate::location::{Location, Setting, Spanned};
use crate::materials::FileFault;
use crate::raw;
use stagedoor_core::secret::{Secret, Weakness, judge};

const MAKE_ONE: &str = "`generate = true` makes a good one, or `stagedoor secret new` prints one";
const SET_IT: &str = "set the variable where the gateway is started, or name a file: { file = \"data/secret\", generate = true }";

/// The secret, or `None` where there is none that may be used: that was reported.
pub(super) fn secret(raw: &raw::Secret, cx: &Context<'_>) -> Option<Secret<Vec<u8>>> {
    let raw::Secret { at, file, env, generate, dangerous_open_file, dangerous_weak } = raw;
    let generate = Spanned::value_or(generate.as_ref(), false);
    let open_allowed = dangerous(dangerous_open_file, "its file may be read by others", cx);
    let weak_allowed = dangerous(dangerous_weak, "it may be guessed", cx);
    if file.is_none() && env.is_none() {
        cx.report.vacant(
            at,
            "a secret with neither `file` nor `env`",
            "name its `file`, its variable `env`, or both",
        );
        return None;
    }
    if generate && file.is_none() {
        let hint = "name the `file`, or leave `generate` out";
        cx.report.vacant(at, "`generate` without a `file` to save the secret to", hint);
        return None;
    }
    if let Some(path) = file {
        cx.names(&path.value, generate);
    }
    if cx.materials.stand_in() {
        return Some(stand_in(cx));
    }
    let of_file = match file {
        Some(path) => read(path, open_allowed, cx)?,
        None => None,
    };
    let of_env = match env {
        Some(name) => variable(name, cx)?,
        None => None,
    };
    let found = match (of_file, of_env) {
        (Some(ours), Some(theirs)) if ours.expose() != theirs.expose() => {
            let hint = "one of them is stale: remove the file, or unset the variable";
            cx.report.problem(at, "file and variable hold two different secrets", hint);
            return None;
        }
        (Some(found), _) | (None, Some(found)) => found,
        (None, None) if generate => return made(at, file.as_ref()?, cx),
        (None, None) => {
            let hint = if file.is_some() { MAKE_ONE } else { SET_IT };
            cx.report.problem(at, format!("no secret: {}", nowhere(file, env)), hint);
            return None;
        }
    };
    strong(found, at, weak_allowed, cx)
}

/// Whether a `dangerous_` key is on; it is warned of at every start.
pub(super) fn dangerous(key: &Setting<bool>, means: &str, cx: &Context<'_>) -> bool {
    let Some(Spanned { value: true, at }) = key else { return false };
    let name = at.path.rsplit('.').next().unwrap_or_default();
    cx.report.warn(at, format!("{means}: `{name} = true`"), "remove it as soon as you can");
    true
}

fn read(path: &Spanned<String>, open_allowed: bool, cx: &Context<'_>) -> Option<Option<Secret<Vec<u8>>>> {
    let unreadable = |why: &str, hint: &str| {
        cx.report.problem(&path.at, format!("cannot read the secret ({why}): `{}`", path.value), hint);
        None
    };
    let material = match cx.materials.file(&path.value) {
        Ok(material) => material,
        Err(FileFault::Missing) => return Some(None),
        Err(fault) => {
            let (why, hint) = fault.explain("", "the gateway's user has to be able to read it");
            return unreadable(&why, hint);
        }
    };
    if material.open && !open_allowed {
        cx.report.problem(
            &path.at,
            format!("group or others can read the secret: `{}`", path.value),
            format!("chmod 600 {}", path.value),
        );
        return None;
    }
    let found = trimmed(&material.bytes);
    if found.expose().is_empty() {
        cx.report.problem(
            &path.at,
            format!("the secret is empty: `{}`", path.value),
            "write one, or remove the file",
        );
        return None;
    }
    Some(Some(found))
}

fn variable(name: &Spanned<String>, cx: &Context<'_>) -> Option<Option<Secret<Vec<u8>>>> {
    let Some(value) = cx.materials.env(&name.value) else { return Some(None) };
    let found = trimmed(&value);
    if found.expose().is_empty() {
        cx.report.problem(
            &name.at,
            format!("the secret is empty: `{}`", name.value),
            "set the variable, or unset it",
        );
        return None;
    }
    Some(Some(found))
}

fn made(at: &Location, path: &Spanned<String>, cx: &Context<'_>) -> Option<Secret<Vec<u8>>> {
    // No file is made for a configuration that is refused.
    if !cx.report.is_clean() {
        return Some(stand_in(cx));
    }
    match cx.materials.generate(&path.value) {
        Ok(Some(secret)) => Some(secret),
        Ok(None) => Some(stand_in(cx)),
        Err(fault) => {
            let by_user = "the gateway's user has to be able to write there";
            let (why, hint) = fault.explain("its folder is missing", by_user);
            cx.report.problem(at, format!("cannot save a secret ({why}): `{}`", path.value), hint);
            None
        }
    }
}

fn strong(
    found: Secret<Vec<u8>>,
    at: &Location,
    weak_allowed: bool,
    cx: &Context<'_>,
) -> Option<Secret<Vec<u8>>> {
    let Err(weakness) = judge(found.expose()) else { return Some(found) };
    if weak_allowed {
        return Some(found);
    }
    let (message, hint) = weakness.explain();
    let hint = match weakness {
        Weakness::KeyFile => hint,
        Weakness::TooShort(_) | Weakness::TooFewBits(_) | Weakness::WellKnown => MAKE_ONE.to_owned(),
    };
    cx.report.problem(at, message, hint);
    None
}

/// One trailing line break is an editor's, not the secret's.
fn trimmed(bytes: &Secret<Vec<u8>>) -> Secret<Vec<u8>> {
    let bytes = bytes.expose();
    let cut = bytes.strip_suffix(b"\r\n").or_else(|| bytes.strip_suffix(b"\n")).unwrap_or(bytes);
    Secret::new(cut.to_vec())
}

/// A random secret of 64 characters, long enough for any algorithm.
pub(super) fn stand_in(cx: &Context<'_>) -> Secret<Vec<u8>> {
    let random = Zeroizing::new(cx.materials.random());
    Secret::new(random.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect())
}

fn nowhere(file: &Setting<String>, env: &Setting<String>) -> String {
    match (file, env) {
        (Some(file), Some(env)) => {
            format!("the file is missing and the variable `{}` is not set: `{}`", env.value, file.value)
        }
        (Some(file), None) => format!("the file is missing: `{}`", file.value),
        (None, Some(env)) => format!("the variable is not set: `{}`", env.value),
        (None, None) => String::new(),
    }
}
