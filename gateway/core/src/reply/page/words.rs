//! What a refusal says to a person: what happened, and what to do.

use crate::denial::Denial;

/// A headline, a sentence or two, and what the page offers.
pub(super) struct Words {
    pub(super) headline: &'static str,
    pub(super) advice: &'static str,
    pub(super) next: Next,
}

/// What a page offers, where the app and the request allow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing.
    Nothing,
    /// To ask for the same address again.
    Again,
    /// To bring a code.
    Code,
    /// To see who one is.
    Who,
    /// To take the tokens out of the browser.
    Leave,
}

/// The words for one refusal. `codes`: the app takes codes.
pub(super) fn of(denial: &Denial, codes: bool) -> Words {
    let (headline, advice, next) = match denial {
        Denial::BadRequest(_) | Denial::AmbiguousPath(_) => (
            "This address cannot be opened",
            "Check the address you opened, or start again from the front page.",
            Next::Nothing,
        ),
        Denial::UriTooLong | Denial::HeadersTooLarge => (
            "The request is too large",
            "Start again from the front page. Clearing this site's cookies may help.",
            Next::Nothing,
        ),
        Denial::HeadTimeout | Denial::BodyTimeout => {
            ("The request did not arrive", "Check your connection and try again.", Next::Again)
        }
        Denial::UnknownHost => (
            "Nothing is served here",
            "Check the address you opened. If you run this server, its log says what to add.",
            Next::Nothing,
        ),
        Denial::NotFound => (
            "There is nothing here",
            "Check the address you opened, or start again from the front page.",
            Next::Nothing,
        ),
        Denial::MethodNotAllowed { .. } | Denial::UnexpectedBody => {
            ("This cannot be done here", "Go back and try another way.", Next::Nothing)
        }
        Denial::LinkInvalid => (
            "This link no longer works",
            "It was used already, or its ten minutes are over. Ask the person who gave it to you for a new one.",
            Next::Code,
        ),
        Denial::MediaType => ("This cannot be read", "Go back and try another way.", Next::Nothing),
        Denial::AddressRefused => (
            "You have no access from here",
            "If you should have access from where you are, ask whoever runs this server.",
            Next::Nothing,
        ),
        Denial::AmbiguousCredentials => (
            "You are signed in twice",
            if codes {
                "This browser brings two tokens that differ. Sign out, then open your link again."
            } else {
                "Clear this site's cookies, then try again."
            },
            Next::Leave,
        ),
        Denial::TokenMissing => ("You are not signed in", bring(codes), Next::Code),
        Denial::TokenExpired => ("Your visit has ended", bring(codes), Next::Code),
        Denial::TokenInvalid(_) => ("You are not signed in any more", bring(codes), Next::Code),
        Denial::RoleMissing | Denial::ScopeMissing | Denial::NotOwner | Denial::Destination(_) => (
            "This is not open to you",
            "If you should have access, ask whoever runs this server and name the request below.",
            Next::Who,
        ),
        Denial::CrossOrigin => (
            "This came from another site",
            "Open this site directly and try again from there.",
            Next::Nothing,
        ),
        Denial::UpgradeRefused => {
            ("This is no page", "Open this address as an ordinary page.", Next::Nothing)
        }
        Denial::BodyTooLarge { .. } => ("This is too large", "Send something smaller.", Next::Nothing),
        Denial::RateLimited(_) => (
            "Too much at once",
            "More was asked for in a short time than this server gives to one address or one account.",
            Next::Again,
        ),
        Denial::IdentityUnavailable | Denial::Overloaded | Denial::Draining => {
            ("Not just now", "This server is busy or starts anew.", Next::Again)
        }
        Denial::UpstreamUnreachable(_) | Denial::UpstreamTimeout => (
            "The app does not answer",
            "Try again in a minute. If it lasts, tell whoever runs this server.",
            Next::Again,
        ),
        Denial::Internal(_) => (
            "Something went wrong here",
            "Try again. If it lasts, tell whoever runs this server and name the request below.",
            Next::Again,
        ),
    };
    Words { headline, advice, next }
}

/// How to come in.
fn bring(codes: bool) -> &'static str {
    if codes {
        "Enter the code or the enter link you were given. If you have none, ask whoever runs this server for one."
    } else {
        "This app takes no sign-in from a browser: its programs bring a token. Ask whoever runs this server for one; \
         no link opens this page."
    }
}
