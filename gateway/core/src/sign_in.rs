//! Signing a browser in and out, by the gateway's own pages: the cookie that carries a token, the form that takes a
//! code, whose token a request carries, and where the browser goes afterwards.
//!
//! What is asked of these pages is judged by [`crate::guard::gateway_pages`].

mod cookie;
mod form;
mod return_path;
mod session;
mod token_cookie;

pub use cookie::{COOKIE_MAX, clearing, needs_https, setting};
pub use form::{EnterForm, Step};
pub use return_path::{WayBack, way_back};
pub use session::{Visit, is_occupied, takes_codes, visit};
pub use token_cookie::{Fit, Misfit, fit};

#[cfg(test)]
mod tests;
