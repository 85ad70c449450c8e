//! The form that takes a code.
//!
//! Trust: none; every field is the client's choice. Bounds: a form has at most [`crate::guard::gateway_pages::FORM_MAX`] bytes.
//! URL Standard §5 (`application/x-www-form-urlencoded`).

use std::borrow::Cow;

use crate::path;
use crate::secret::Secret;

/// The fields of a form.
#[derive(Debug)]
pub struct EnterForm {
    /// The code; empty if there is none, or more than one.
    pub code: Secret<Vec<u8>>,
    /// What to do with the code.
    pub step: FormAction,
    /// The page to show afterwards; may be empty. Not checked yet, see [`super::return_path`].
    pub to: Vec<u8>,
}

/// What to do with a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormAction {
    /// Show its user; a person decides.
    Show,
    /// Show its user; the page then redeems it by itself, because a person opened the link directly.
    ShowThenRedeem,
    /// Redeem it.
    Redeem,
    /// Redeem it if no user is signed in: no person has pressed a button.
    RedeemIfSignedOut,
}

impl EnterForm {
    /// Reads a form.
    ///
    /// A person may paste the whole address, with the code after its `#`. A form with a `look` never redeems.
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

/// The only field of this name, percent-decoded; a `+` is not decoded.
fn sole<'f>(form: &'f [u8], name: &str) -> Option<Cow<'f, [u8]>> {
    let mut all = values(form, name);
    match (all.next(), all.next()) {
        (Some(value), None) => Some(path::decode(value)),
        (Some(_) | None, _) => None,
    }
}

/// The values of all fields of this name, as they were sent.
fn values<'f>(form: &'f [u8], name: &str) -> impl Iterator<Item = &'f [u8]> {
    let pairs = form.split(|b| *b == b'&');
    pairs.filter_map(move |pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}
