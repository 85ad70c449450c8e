//! The form that takes a code.
//!
//! Trust: none; every field is the client's choice. Bounds: a form has at most [`crate::guard::gateway_pages::FORM_MAX`] bytes.
//! URL Standard §5 (`application/x-www-form-urlencoded`).

use std::borrow::Cow;

use crate::path;
use crate::secret::Secret;

/// What a form says.
#[derive(Debug)]
pub struct EnterForm {
    /// The code; empty if there is none, or more than one.
    pub code: Secret<Vec<u8>>,
    /// What is to be done with it.
    pub step: FormAction,
    /// Where the browser wants to go afterwards; empty if nowhere. Not judged yet, see [`super::return_path`].
    pub to: Vec<u8>,
}

/// What is to be done with a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormAction {
    /// Show what it is worth; a person decides.
    Show,
    /// Show what it is worth; the page goes on by itself, for a person brought the code.
    ShowThenRedeem,
    /// Redeem it.
    Redeem,
    /// Redeem it if nobody is in: no person has pressed a button.
    RedeemIfSignedOut,
}

impl EnterForm {
    /// Reads a form.
    ///
    /// What a person pastes may be the whole address: the code stands behind its `#`. A form that asks to look in
    /// any way never redeems.
    #[must_use]
    pub fn read(form: &[u8]) -> Self {
        let step = match (values(form, "look").next(), values(form, "auto").any(|value| !value.is_empty())) {
            (Some(b"go"), _) if values(form, "look").count() == 1 => FormAction::ShowThenRedeem,
            (Some(_), _) => FormAction::Show,
            (None, true) => FormAction::RedeemIfSignedOut,
            (None, false) => FormAction::Redeem,
        };
        Self { code: code(form), step, to: sole(form, "to").map(Cow::into_owned).unwrap_or_default() }
    }
}

fn code(form: &[u8]) -> Secret<Vec<u8>> {
    let decoded = Secret::new(sole(form, "code").map(Cow::into_owned).unwrap_or_default());
    let pasted = decoded.expose().rsplit(|b| *b == b'#').next().unwrap_or_default();
    let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'+';
    Secret::new(pasted.iter().copied().filter(|byte| !is_space(byte)).collect())
}

/// The only field of this name, percent-decoded; a `+` stays what it is.
fn sole<'f>(form: &'f [u8], name: &str) -> Option<Cow<'f, [u8]>> {
    let mut all = values(form, name);
    match (all.next(), all.next()) {
        (Some(value), None) => Some(path::decode(value)),
        (Some(_) | None, _) => None,
    }
}

/// What every field of this name says, as it was sent.
fn values<'f>(form: &'f [u8], name: &str) -> impl Iterator<Item = &'f [u8]> {
    let pairs = form.split(|b| *b == b'&');
    pairs.filter_map(move |pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}
