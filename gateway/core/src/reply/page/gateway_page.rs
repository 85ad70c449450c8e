//! The gateway's own pages.

use super::super::content::{GatewayPage, TokenSummary};
use super::assets;
use super::html::{CodeForm, Escaped, HtmlPage, ReturnPathField, TimeLeft, UtcTime, WithCode, document};
use crate::denial::PageText;

/// One of them.
pub(in super::super) fn page(page: &GatewayPage<'_>, app: &str) -> HtmlPage {
    let (title, meta, body, policy) = match page {
        GatewayPage::SignedIn(token) => {
            ("You are in", String::new(), signed_in(app, token), assets::TOKEN_POLICY)
        }
        GatewayPage::NotSignedIn { denial, return_path } => {
            let PageText { headline, advice, advice_with_codes, action: _ } = denial.description().page;
            let advice = if return_path.is_some() { advice_with_codes } else { advice };
            let form = return_path
                .map(|return_path| CodeForm { return_path, look: "go" }.to_string())
                .unwrap_or_default();
            let body = format!("<h1>{}</h1>\n<p>{}</p>\n{form}", Escaped(headline), WithCode(advice));
            let policy = if return_path.is_some() { assets::FORM_POLICY } else { assets::PLAIN_POLICY };
            (headline, String::new(), body, policy)
        }
        GatewayPage::NotRequired => ("Open to all", String::new(), not_required(app), assets::PLAIN_POLICY),
        GatewayPage::EnterCode { direct } => {
            let look = if *direct { "go" } else { "ask" };
            ("Come in", String::new(), enter_code(app, look), assets::ENTER_POLICY)
        }
        GatewayPage::NoCodes => ("No way in by a code", String::new(), no_codes(app), assets::PLAIN_POLICY),
        GatewayPage::ConfirmCode { token, code, return_path, replaces, submits_itself } => (
            "Come in?",
            String::new(),
            confirm_code(app, token, code, return_path, replaces.as_deref(), *submits_itself),
            assets::TOKEN_POLICY,
        ),
        GatewayPage::CodeRedeemed { return_path } => {
            let to = Escaped(return_path);
            let meta = format!("<meta http-equiv=\"refresh\" content=\"0; url={to}\">\n");
            let body = format!(
                "<h1>You are in</h1>\n<p><a class=\"button\" href=\"{to}\">Go on to {}</a></p>\n",
                Escaped(app)
            );
            ("You are in", meta, body, assets::PLAIN_POLICY)
        }
        GatewayPage::ConfirmSignOut => ("Leave?", String::new(), SIGN_OUT.to_owned(), assets::FORM_POLICY),
        GatewayPage::SignedOut => {
            ("You have left", String::new(), SIGNED_OUT.to_owned(), assets::PLAIN_POLICY)
        }
    };
    let has_form = body.contains("<form ");
    HtmlPage { html: document(title, Some(app), &meta, &body), policy, has_form }
}

/// Who is signed in, until when, and how to sign out.
fn signed_in(app: &str, token: &TokenSummary<'_>) -> String {
    format!(
        "<h1>You are in</h1>\n{facts}\
         <p><a class=\"button\" href=\"/\">Go on to {app}</a></p>\n\
         <form method=\"post\" action=\"/.stagedoor/leave\">\n<button class=\"quiet\">Leave</button>\n\
         <p class=\"note\">Leaving takes the token out of this browser. A copy of it kept elsewhere works until it expires.</p>\n\
         </form>\n\
         <script>{script}</script>\n",
        facts = TokenFacts { app, token },
        app = Escaped(app),
        script = assets::TOKEN_SCRIPT,
    )
}

/// The form that takes a code. The script reads it from the address; a person can paste it.
fn enter_code(app: &str, look: &'static str) -> String {
    format!(
        "<h1>Come in to {}</h1>\n\
         <p>The link you open brings its code along. You can also paste it here: the whole link, or the part behind the \
         <code>#</code>. The next page says who you become, and for how long.</p>\n\
         {}<script>{}</script>\n",
        Escaped(app),
        CodeForm { return_path: "/", look },
        assets::ENTER_SCRIPT,
    )
}

/// What a code stands for, before it is redeemed.
fn confirm_code(
    app: &str,
    token: &TokenSummary<'_>,
    code: &str,
    return_path: &str,
    replaces: Option<&str>,
    submits_itself: bool,
) -> String {
    let user = token.user;
    let replaces = replaces.map_or_else(String::new, |replaced| {
        let who = if replaced.is_empty() {
            String::new()
        } else {
            format!(" as <strong>{}</strong>", Escaped(replaced))
        };
        format!(
            "<p>This browser is signed in already{who}. If you go on, it is signed in as <strong>{}</strong>.</p>\n",
            Escaped(user)
        )
    });
    let (auto, note) = if submits_itself {
        (
            "<input type=\"hidden\" name=\"auto\" value=\"\">\n",
            "<p class=\"note\" id=\"goes\" hidden>This goes on by itself in <span id=\"seconds\">5 seconds</span>.</p>\n",
        )
    } else {
        ("", "")
    };
    format!(
        "<h1>Come in to {app}?</h1>\n{facts}{replaces}\
         <form method=\"post\" action=\"/.stagedoor/enter\">\n\
         <input type=\"hidden\" name=\"code\" value=\"{code}\">\n{to}{auto}\
         <button>Come in as {user}</button>\n</form>\n\
         <p><a class=\"button quiet\" href=\"/.stagedoor/\">Not now</a></p>\n{note}\
         <script>{script}</script>\n",
        facts = TokenFacts { app, token },
        app = Escaped(app),
        user = Escaped(user),
        code = Escaped(code),
        to = ReturnPathField(return_path),
        script = assets::TOKEN_SCRIPT,
    )
}

fn not_required(app: &str) -> String {
    format!(
        "<h1>Open to all</h1>\n<p>This app asks nobody who they are, so there is nothing to sign in to.</p>\n\
         <p><a class=\"button\" href=\"/\">Go on to {}</a></p>\n",
        Escaped(app)
    )
}

fn no_codes(app: &str) -> String {
    format!(
        "<h1>No way in by a code</h1>\n<p>{} keeps no token in a browser, so no link opens it. Ask the person who \
         runs this server how to sign in.</p>\n",
        Escaped(app)
    )
}

/// The app, the user and the validity of a token.
struct TokenFacts<'a> {
    app: &'a str,
    token: &'a TokenSummary<'a>,
}

impl std::fmt::Display for TokenFacts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { app, token: &TokenSummary { user, expires, seconds_left } } = *self;
        write!(
            f,
            "<dl class=\"visit\">\n<div><dt>App</dt><dd>{}</dd></div>\n<div><dt>You</dt><dd><strong>{}</strong></dd></div>\n\
             <div><dt>For</dt><dd>{}</dd></div>\n<div><dt>Until</dt><dd>{}</dd></div>\n</dl>\n",
            Escaped(app),
            Escaped(user),
            TimeLeft(seconds_left),
            UtcTime(expires),
        )
    }
}

const SIGN_OUT: &str = "<h1>Leave?</h1>\n<p>Another page may have sent you here. This browser forgets its token only if you confirm.</p>\n\
<form method=\"post\" action=\"/.stagedoor/leave\">\n<button>Leave</button>\n</form>\n\
<p><a class=\"button quiet\" href=\"/.stagedoor/\">Stay</a></p>\n";

const SIGNED_OUT: &str = "<h1>You have left</h1>\n<p>This browser has forgotten its token. To come back, open a new link.</p>\n\
<p class=\"note\">A copy of the token kept elsewhere works until it expires.</p>\n";
