//! Signing a browser in and out by the gateway's own pages: the cookie that carries a token, the form that takes a code,
//! the user of a request, and the page to show afterwards.
//!
//! [`crate::guard::gateway_pages`] checks the requests for these pages.

mod cookie;
mod form;
mod return_path;
mod session;
mod token_cookie;

pub use cookie::{COOKIE_MAX, clear_cookie, cookie_needs_https, set_cookie};
pub use form::{EnterForm, FormAction};
pub use return_path::{ReturnPath, return_path};
pub use session::{SignInState, accepts_codes, is_signed_in_by_cookie, sign_in_state};
pub use token_cookie::{NoTokenCookie, TokenCookie, token_cookie};

#[cfg(test)]
mod tests;
