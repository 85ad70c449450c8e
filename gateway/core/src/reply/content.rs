//! The content of local answers: the format of a refusal, the gateway's own pages.

use std::borrow::Cow;

use crate::denial::Denial;
use crate::policy::ErrorShape;

/// The form in which a refusal is answered.
#[derive(Clone, Copy, Debug)]
pub struct RefusalFormat<'a> {
    /// Shape of the body.
    pub shape: ErrorShape,
    /// A browser navigates: an HTML page, whatever the shape.
    pub page: Option<PageContext<'a>>,
    /// Realm of the challenge: the app's name, or `stagedoor`.
    pub realm: &'a str,
}

/// What the page of a refusal needs to know in order to offer a next step.
#[derive(Clone, Copy, Debug)]
pub struct PageContext<'a> {
    /// The app's name, where an app is known.
    pub app: Option<&'a str>,
    /// The request can be sent again by its address alone: it was a GET.
    pub repeatable: bool,
    /// Where the browser goes after a code was redeemed: a [`crate::sign_in::ReturnPath`]. `None` if the app takes no
    /// codes.
    pub return_path: Option<&'a str>,
    /// The user who is signed in, where the page shows it.
    pub user: Option<&'a str>,
}

/// The answer to a request for one of the gateway's own pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageReply<'a> {
    /// HTML, for a browser.
    Html(GatewayPage<'a>),
    /// JSON, for a program: who is signed in, or what a code stands for; `None` if nobody is signed in.
    Json(Option<TokenSummary<'a>>),
    /// No content, for a program.
    Empty,
}

/// A page of the gateway's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayPage<'a> {
    /// Who is signed in, until when, and how to sign out.
    SignedIn(TokenSummary<'a>),
    /// Nobody is signed in.
    NotSignedIn {
        /// Why.
        denial: &'a Denial,
        /// As in [`PageContext::return_path`].
        return_path: Option<&'a str>,
    },
    /// The app asks for no sign-in.
    NotRequired,
    /// The form that takes a code.
    EnterCode {
        /// A person opened the link: the page that follows may submit its form by itself.
        direct: bool,
    },
    /// The app takes no codes.
    NoCodes,
    /// What a code stands for, before it is redeemed.
    ConfirmCode {
        /// The token that the code is exchanged for.
        token: TokenSummary<'a>,
        /// The code.
        code: &'a str,
        /// Where the browser goes afterwards: a [`crate::sign_in::ReturnPath`].
        return_path: &'a str,
        /// The user who is signed in now and would be signed out; empty if the name is not known.
        replaces: Option<Cow<'a, str>>,
        /// The page submits its form by itself.
        submits_itself: bool,
    },
    /// The code was redeemed; the page goes on to the app by itself.
    ///
    /// A page and no redirect: browsers hold all that follows a form to `form-action`, also where the app then
    /// sends them to another site.
    CodeRedeemed {
        /// Where the browser goes: a [`crate::sign_in::ReturnPath`].
        return_path: &'a str,
    },
    /// The form that asks whether to sign out.
    ConfirmSignOut,
    /// The token is out of the browser.
    SignedOut,
}

/// The user of a token, and how long it is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenSummary<'a> {
    /// The user.
    pub user: &'a str,
    /// When the token expires, in seconds since the epoch.
    pub expires: u64,
    /// Seconds until then.
    pub seconds_left: u64,
}
