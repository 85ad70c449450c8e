//! Promises: `[[expect]]`.

use crate::keys::nested::table;
use crate::keys::table::table;
use crate::keys::value::{Answer, code_or_status, flag, text, texts};
use crate::location::{Setting, Texts};

table! {
    /// A promise, checked on every load.
    #[derive(Debug)]
    pub(crate) struct Expect at "expect[]" {
        /// The request: METHOD /path.
        request: Setting<String> = text().required("write METHOD and path: request = \"GET /api/items\""),
        /// The host that is asked for.
        host: Setting<String> = text().otherwise("a host of the app, where there is one app"),
        /// The caller, with the name, roles and scopes that a provider would state.
        caller: Option<ExpectedCaller> = table::<ExpectedCaller>().called("as").otherwise("nobody"),
        /// The address of the client.
        ip: Setting<String> = text().default("127.0.0.1"),
        /// What has to happen: forward to the app, a status, or the code of a refusal.
        answer: Setting<Answer> = code_or_status(100, 599)
            .required("say what has to come out: \"forward\", a status such as 403, or a code such as \
                \"not_owner\"")
            .like(r"^[a-z_]+$"),
    }
}

table! {
    /// The caller of the request.
    #[derive(Debug)]
    pub(crate) struct ExpectedCaller at "expect[].as" {
        /// The name of the user.
        user: Setting<String> = text().required("name the user: as = { user = \"bob\" }"),
        /// The roles of the user.
        roles: Texts = texts().default_texts(&[]),
        /// The scopes of the token.
        scopes: Texts = texts().default_texts(&[]),
        /// Whether the user used a second factor.
        mfa: Setting<bool> = flag().default_flag(false),
    }
}
