//! The gateway's own pages.

use super::parts::{Back, CodeForm, Escaped, Marked, Moment, Span, whole};
use super::{Page, policy};
use crate::denial::PageText;
use crate::reply::{OwnPage, Worth};

/// One of them.
pub(in super::super) fn page(page: &OwnPage<'_>, app: &str) -> Page {
    let (title, meta, body, policy) = match page {
        OwnPage::Visit(worth) => ("You are in", String::new(), visit(app, worth), policy::VISITS),
        OwnPage::Out { denial, entry } => {
            let PageText { headline, advice, advice_with_codes, action: _ } = denial.description().page;
            let advice = if entry.is_some() { advice_with_codes } else { advice };
            let form = entry.map(|to| CodeForm { to, look: "go" }.to_string()).unwrap_or_default();
            let body = format!("<h1>{}</h1>\n<p>{}</p>\n{form}", Escaped(headline), Marked(advice));
            (headline, String::new(), body, if entry.is_some() { policy::FORM } else { policy::BARE })
        }
        OwnPage::AsksNobody => ("Open to all", String::new(), asks_nobody(app), policy::BARE),
        OwnPage::Enter { sought } => {
            ("Come in", String::new(), enter(app, if *sought { "go" } else { "ask" }), policy::ENTERS)
        }
        OwnPage::TakesNoCode => ("No way in by a code", String::new(), takes_no_code(app), policy::BARE),
        OwnPage::Confirm { worth, code, to, occupant, goes } => (
            "Come in?",
            String::new(),
            confirm(app, worth, code, to, occupant.as_deref(), *goes),
            policy::VISITS,
        ),
        OwnPage::Entered { to } => {
            let to = Escaped(to);
            let meta = format!("<meta http-equiv=\"refresh\" content=\"0; url={to}\">\n");
            let body = format!(
                "<h1>You are in</h1>\n<p><a class=\"button\" href=\"{to}\">Go on to {}</a></p>\n",
                Escaped(app)
            );
            ("You are in", meta, body, policy::BARE)
        }
        OwnPage::Leave => ("Leave?", String::new(), LEAVE.to_owned(), policy::FORM),
        OwnPage::Left => ("You have left", String::new(), LEFT.to_owned(), policy::BARE),
    };
    let form = body.contains("<form ");
    Page { html: whole(title, Some(app), &meta, &body), policy, form }
}

/// Who is in, until when, and how to leave.
fn visit(app: &str, worth: &Worth<'_>) -> String {
    format!(
        "<h1>You are in</h1>\n{facts}\
         <p><a class=\"button\" href=\"/\">Go on to {app}</a></p>\n\
         <form method=\"post\" action=\"/.stagedoor/leave\">\n<button class=\"quiet\">Leave</button>\n\
         <p class=\"note\">Leaving takes the token out of this browser. A copy of it kept elsewhere works until it ends.</p>\n\
         </form>\n\
         <script>{script}</script>\n",
        facts = Facts { app, worth },
        app = Escaped(app),
        script = policy::VISIT,
    )
}

/// The page that takes a code: from the address, by its script, or from a person.
fn enter(app: &str, look: &'static str) -> String {
    format!(
        "<h1>Come in to {}</h1>\n\
         <p>The link you open brings its code along. You can also paste it here: the whole link, or the part behind the \
         <code>#</code>. The next page says who you become, and for how long.</p>\n\
         {}<script>{}</script>\n",
        Escaped(app),
        CodeForm { to: "/", look },
        policy::ENTER,
    )
}

/// What a code is worth, before it is used up.
fn confirm(app: &str, worth: &Worth<'_>, code: &str, to: &str, occupant: Option<&str>, goes: bool) -> String {
    let user = worth.user;
    let occupant = occupant.map_or_else(String::new, |occupant| {
        let who = if occupant.is_empty() {
            String::new()
        } else {
            format!(" as <strong>{}</strong>", Escaped(occupant))
        };
        format!(
            "<p>This browser is in already{who}. If you go on, <strong>{}</strong> takes that place.</p>\n",
            Escaped(user)
        )
    });
    let (auto, note) = if goes {
        (
            "<input type=\"hidden\" name=\"auto\" value=\"\">\n",
            "<p class=\"note\" id=\"goes\" hidden>This goes on by itself in <span id=\"seconds\">5 seconds</span>.</p>\n",
        )
    } else {
        ("", "")
    };
    format!(
        "<h1>Come in to {app}?</h1>\n{facts}{occupant}\
         <form method=\"post\" action=\"/.stagedoor/enter\">\n\
         <input type=\"hidden\" name=\"code\" value=\"{code}\">\n{to}{auto}\
         <button>Come in as {user}</button>\n</form>\n\
         <p><a class=\"button quiet\" href=\"/.stagedoor/\">Not now</a></p>\n{note}\
         <script>{script}</script>\n",
        facts = Facts { app, worth },
        app = Escaped(app),
        user = Escaped(user),
        code = Escaped(code),
        to = Back(to),
        script = policy::VISIT,
    )
}

fn asks_nobody(app: &str) -> String {
    format!(
        "<h1>Open to all</h1>\n<p>This app asks nobody who they are, so there is nothing to sign in to.</p>\n\
         <p><a class=\"button\" href=\"/\">Go on to {}</a></p>\n",
        Escaped(app)
    )
}

fn takes_no_code(app: &str) -> String {
    format!(
        "<h1>No way in by a code</h1>\n<p>{} keeps no token in a browser, so no link opens it. Ask whoever runs this \
         server how to come in.</p>\n",
        Escaped(app)
    )
}

/// For which app, as whom, until when.
struct Facts<'a> {
    app: &'a str,
    worth: &'a Worth<'a>,
}

impl std::fmt::Display for Facts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { app, worth: &Worth { user, expires, left } } = *self;
        write!(
            f,
            "<dl class=\"visit\">\n<div><dt>App</dt><dd>{}</dd></div>\n<div><dt>You</dt><dd><strong>{}</strong></dd></div>\n\
             <div><dt>For</dt><dd>{}</dd></div>\n<div><dt>Until</dt><dd>{}</dd></div>\n</dl>\n",
            Escaped(app),
            Escaped(user),
            Span(left),
            Moment(expires),
        )
    }
}

const LEAVE: &str = "<h1>Leave?</h1>\n<p>Another page may have sent you here. This browser forgets its token only if you say so.</p>\n\
<form method=\"post\" action=\"/.stagedoor/leave\">\n<button>Leave</button>\n</form>\n\
<p><a class=\"button quiet\" href=\"/.stagedoor/\">Stay</a></p>\n";

const LEFT: &str = "<h1>You have left</h1>\n<p>This browser has forgotten its token. To come back, open a new link.</p>\n\
<p class=\"note\">A copy of the token kept elsewhere works until it ends.</p>\n";
