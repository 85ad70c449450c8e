//! What a refusal says to a person: what happened, and what to do.

use crate::denial::Denial;

/// A headline and a sentence or two.
pub(super) struct Words {
    pub(super) headline: &'static str,
    pub(super) advice: &'static str,
}

/// The words for one refusal.
pub(super) fn of(denial: &Denial) -> Words {
    let (headline, advice) = match denial {
        Denial::BadRequest(_) | Denial::AmbiguousPath(_) => (
            "This address cannot be opened",
            "Check the address you opened, or start again from the front page.",
        ),
        Denial::UriTooLong | Denial::HeadersTooLarge => (
            "The request is too large",
            "Start again from the front page. Clearing this site's cookies may help.",
        ),
        Denial::HeadTimeout | Denial::BodyTimeout => {
            ("The request did not arrive", "Check your connection and try again.")
        }
        Denial::UnknownHost => (
            "Nothing is served here",
            "Check the address you opened. If you run this server, its log says what to add.",
        ),
        Denial::NotFound => {
            ("There is nothing here", "Check the address you opened, or start again from the front page.")
        }
        Denial::MethodNotAllowed { .. } | Denial::UnexpectedBody => {
            ("This cannot be done here", "Go back and try another way.")
        }
        Denial::LinkInvalid => (
            "This link no longer works",
            "It was used already, or its ten minutes are over. Ask whoever runs this server for a new one; \
             the command is `stagedoor token --link`.",
        ),
        Denial::MediaType => ("This cannot be read", "Go back and try another way."),
        Denial::AddressRefused => (
            "You have no access from here",
            "If you should have access from where you are, ask whoever runs this server.",
        ),
        Denial::AmbiguousCredentials => {
            ("You are signed in twice", "Clear this site's cookies, then open your enter link again.")
        }
        Denial::TokenMissing => (
            "You are not signed in",
            "Open your enter link, or ask whoever runs this server for one. Then come back to this page.",
        ),
        Denial::TokenExpired => (
            "Your visit has ended",
            "Open a new enter link: ask whoever runs this server for one. Then come back to this page.",
        ),
        Denial::TokenInvalid(_) => {
            ("You are not signed in any more", "Open a new enter link: ask whoever runs this server for one.")
        }
        Denial::RoleMissing | Denial::ScopeMissing | Denial::NotOwner | Denial::Destination(_) => (
            "This is not open to you",
            "If you should have access, ask whoever runs this server and name the request below.",
        ),
        Denial::CrossOrigin => {
            ("This came from another site", "Open this site directly and try again from there.")
        }
        Denial::UpgradeRefused => ("This is no page", "Open this address as an ordinary page."),
        Denial::BodyTooLarge { .. } => ("This is too large", "Send something smaller."),
        Denial::RateLimited(_) => ("Too much at once", "Wait a little, then try again."),
        Denial::IdentityUnavailable | Denial::Overloaded | Denial::Draining => {
            ("Not just now", "Try again in a few seconds.")
        }
        Denial::UpstreamUnreachable | Denial::UpstreamTimeout => {
            ("The app does not answer", "Try again in a minute. If it lasts, tell whoever runs this server.")
        }
        Denial::Internal(_) => (
            "Something went wrong here",
            "Try again. If it lasts, tell whoever runs this server and name the request below.",
        ),
    };
    Words { headline, advice }
}
