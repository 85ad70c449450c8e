//! The answers to requests for the gateway's own pages: status, sign-in by a code, sign-out.

use std::borrow::Cow;
use std::sync::Arc;

use http::HeaderValue;
use stagedoor_core::clock::Now;
use stagedoor_core::denial::{Denial, Guard};
use stagedoor_core::guard::gateway_pages::PageRequest;
use stagedoor_core::pipeline::Trail;
use stagedoor_core::policy::App;
use stagedoor_core::reply::{self, GatewayPage, PageContext, PageReply, Reply, TokenSummary};
use stagedoor_core::request::Head;
use stagedoor_core::secret::Secret;
use stagedoor_core::sign_in::{self, EnterForm, FormAction, ReturnPath, SignInState, TokenCookie};
use stagedoor_core::tls::ClientCertificate;

use super::handler::{LocalReply, RequestHandler};
use super::turn::{ConnectionState, Turn, TurnParts};

impl RequestHandler<'_> {
    /// Answers a request for one of the gateway's own pages.
    pub(super) async fn answer_page<T: Turn>(
        &self,
        parts: &mut TurnParts<'_, T>,
        head: &Head<'_>,
        page: PageRequest,
        mut trail: Trail,
    ) -> ConnectionState {
        let mut body = None;
        let answer = match trail.app.as_ref().map(Arc::clone) {
            None => Err((Denial::NotFound, ReturnPath::ROOT)),
            Some(app) => match page {
                PageRequest::Enter { length } => {
                    match parts.turn.read_body(length, self.live.policy.server.timeouts.body_idle).await {
                        Ok(form) => {
                            body = Some(length as u64);
                            self.enter(&app, head, &EnterForm::read(form.expose()), &mut trail)
                        }
                        Err(denial) => Err((denial, ReturnPath::ROOT)),
                    }
                }
                PageRequest::Home
                | PageRequest::EnterPage { .. }
                | PageRequest::LeavePage
                | PageRequest::Leave => {
                    self.show(&app, head, page, &trail).map_err(|denial| (denial, ReturnPath::ROOT))
                }
            },
        };
        let answer = match answer {
            Ok(reply) => LocalReply { body, ..LocalReply::new(reply, None) },
            Err((denial, back)) => {
                let reply = self.refusal_leading(head, &trail, &denial, back.as_str());
                LocalReply { body, ..LocalReply::new(reply, Some(denial)) }
            }
        };
        self.answer(parts, head, &trail, answer).await
    }

    /// The reply to a request without a form.
    fn show(&self, app: &App, head: &Head<'_>, page: PageRequest, trail: &Trail) -> Result<Reply, Denial> {
        let accepts_page = reply::accepts_page(head);
        let answer = |page| if accepts_page { PageReply::Html(page) } else { PageReply::Empty };
        let entry = sign_in::accepts_codes(app).then_some("/");
        let now = self.front.gateway.now();
        match page {
            PageRequest::Home => match self.visit(app, head, self.transport.client_certificate(), now) {
                SignInState::SignedIn { user, expires } => {
                    let token = summary(&user, expires, now);
                    let page = PageReply::Html(GatewayPage::SignedIn(token));
                    let answer = if accepts_page { page } else { PageReply::Json(Some(token)) };
                    Ok(self.page_reply(app, head, trail, &answer, Vec::new()))
                }
                // Only a sign-out helps here, and the page of the refusal offers it.
                SignInState::SignedOut(denial @ Denial::AmbiguousCredentials) => Err(denial),
                SignInState::SignedOut(denial) => {
                    let page =
                        PageReply::Html(GatewayPage::NotSignedIn { denial: &denial, return_path: entry });
                    let answer = if accepts_page { page } else { PageReply::Json(None) };
                    Ok(self.page_reply(app, head, trail, &answer, Vec::new()))
                }
                SignInState::NotRequired => {
                    let page = PageReply::Html(GatewayPage::NotRequired);
                    let answer = if accepts_page { page } else { PageReply::Json(None) };
                    Ok(self.page_reply(app, head, trail, &answer, Vec::new()))
                }
            },
            // These two are always HTML, whatever the client accepts.
            PageRequest::EnterPage { direct } => {
                let page =
                    if entry.is_some() { GatewayPage::EnterCode { direct } } else { GatewayPage::NoCodes };
                Ok(self.page_reply(app, head, trail, &PageReply::Html(page), Vec::new()))
            }
            PageRequest::LeavePage => Ok(self.page_reply(
                app,
                head,
                trail,
                &PageReply::Html(GatewayPage::ConfirmSignOut),
                Vec::new(),
            )),
            PageRequest::Leave => {
                let cookies = cleared(app, self.https(trail));
                Ok(self.page_reply(app, head, trail, &answer(GatewayPage::SignedOut), cookies))
            }
            PageRequest::Enter { .. } => Err(Denial::Internal("a form without its body")),
        }
    }

    /// The reply to a form. A refusal comes with the path that the browser asked for first.
    fn enter(
        &self,
        app: &App,
        head: &Head<'_>,
        form: &EnterForm,
        trail: &mut Trail,
    ) -> Result<Reply, (Denial, ReturnPath<'static>)> {
        let gateway = &self.front.gateway;
        let now = gateway.now();
        let back = self.way_back(app, head, &form.to).unwrap_or(ReturnPath::ROOT).into_owned();
        let invalid = || (Denial::LinkInvalid, back.clone());
        let (look, goes) = match form.step {
            FormAction::Show => (true, false),
            FormAction::ShowThenRedeem => (true, true),
            FormAction::Redeem => (false, false),
            // Another user signed in while the page waited: the browser's user has to choose between the two.
            FormAction::RedeemIfSignedOut => {
                (sign_in::is_signed_in_by_cookie(app, head, now, &self.live.policy.tokens), false)
            }
        };
        let accepts_page = reply::accepts_page(head);
        if look {
            let token = gateway.links.look(&app.name, form.code.expose(), now).ok_or_else(invalid)?;
            let TokenCookie { user, expires, .. } = self.fit(app, &token, now).ok_or_else(invalid)?;
            let token = summary(&user, expires, now);
            let code = std::str::from_utf8(form.code.expose()).map_err(|_| invalid())?;
            let occupant = self.occupant(app, head, now);
            let goes = goes && occupant.is_none();
            let page = GatewayPage::ConfirmCode {
                token,
                code,
                return_path: back.as_str(),
                replaces: occupant,
                submits_itself: goes,
            };
            let answer = if accepts_page { PageReply::Html(page) } else { PageReply::Json(Some(token)) };
            return Ok(self.page_reply(app, head, trail, &answer, Vec::new()));
        }
        let cookies = self.redeem(app, &form.code, now, trail).ok_or_else(invalid)?;
        let page = PageReply::Html(GatewayPage::CodeRedeemed { return_path: back.as_str() });
        let answer = if accepts_page { page } else { PageReply::Empty };
        Ok(self.page_reply(app, head, trail, &answer, cookies))
    }

    /// The user whom a code would sign out: a name, or an empty text if it is not known.
    fn occupant<'n>(&self, app: &App, head: &Head<'_>, now: Now) -> Option<Cow<'n, str>> {
        // A certificate stays whatever a code does.
        match self.visit(app, head, None, now) {
            SignInState::SignedIn { user, .. } => Some(Cow::Owned(user.to_string())),
            SignInState::SignedOut(_) | SignInState::NotRequired => {
                sign_in::is_signed_in_by_cookie(app, head, now, &self.live.policy.tokens)
                    .then_some(Cow::Borrowed(""))
            }
        }
    }

    fn visit(&self, app: &App, head: &Head<'_>, shown: Option<&ClientCertificate>, now: Now) -> SignInState {
        sign_in::sign_in_state(app, head, shown, now, &self.live.policy.tokens)
    }

    fn page_reply(
        &self,
        app: &App,
        head: &Head<'_>,
        trail: &Trail,
        answer: &PageReply<'_>,
        cookies: Vec<HeaderValue>,
    ) -> Reply {
        self.with_context(head, trail, |policy, at| {
            Reply::gateway_page(answer, &app.name, cookies, policy, at)
        })
    }

    /// Uses a code up. Returns the cookie that signs its user in, and clears the app's other token cookies.
    fn redeem(
        &self,
        app: &App,
        code: &Secret<Vec<u8>>,
        now: Now,
        trail: &mut Trail,
    ) -> Option<Vec<HeaderValue>> {
        let https = self.https(trail);
        let token = self.front.gateway.links.redeem(&app.name, code.expose(), now)?;
        let TokenCookie { cookie, user, expires } = self.fit(app, &token, now)?;
        let life = expires.saturating_sub(now.unix());
        let setting = sign_in::set_cookie(cookie, token.expose(), life, https)?;
        let others = app.carriers.cookies().filter(|name| *name != cookie);
        trail.user = Some(user);
        Some(
            std::iter::once(setting)
                .chain(others.filter_map(|name| sign_in::clear_cookie(name, https)))
                .collect(),
        )
    }

    /// Checks the token of a code again: keys, sources or the time may have changed since the link was made.
    fn fit<'a>(&self, app: &'a App, token: &Secret<Vec<u8>>, now: Now) -> Option<TokenCookie<'a>> {
        sign_in::token_cookie(app, token.expose(), now, &self.live.policy.tokens).ok()
    }

    fn https(&self, trail: &Trail) -> bool {
        trail.client.as_ref().map_or(self.peer.tls, |client| client.https())
    }

    /// The return path for `raw`, if a browser may be sent there.
    pub(super) fn way_back<'a>(&self, app: &App, head: &Head<'_>, raw: &'a [u8]) -> Option<ReturnPath<'a>> {
        sign_in::return_path(app, &self.live.policy.hosts, self.host(head), head, raw)
    }

    /// What the page of a refusal offers to a browser that navigates. `back`: see [`PageContext::return_path`].
    pub(super) fn navigation<'a>(
        &self,
        head: &Head<'_>,
        trail: &'a Trail,
        back: &'a str,
        user: Option<&'a str>,
    ) -> Option<PageContext<'a>> {
        // A form of the gateway's own pages is sent by a person, whatever `Sec-Fetch-Mode` says.
        let navigates =
            reply::is_navigation(head) || (trail.reached == Guard::Own && reply::accepts_page(head));
        navigates.then(|| PageContext {
            app: trail.app.as_deref().map(|app| &*app.name),
            repeatable: is_repeatable(head),
            return_path: trail.app.as_deref().filter(|app| sign_in::accepts_codes(app)).map(|_| back),
            user,
        })
    }

    /// The signed-in user, for the refusal of a link that no longer works: its page says so to a user whom it signed in.
    pub(super) fn user_to_tell(&self, head: &Head<'_>, trail: &Trail, denial: &Denial) -> Option<Arc<str>> {
        let app = trail.app.as_deref().filter(|_| *denial == Denial::LinkInvalid)?;
        match self.visit(app, head, self.transport.client_certificate(), self.front.gateway.now()) {
            SignInState::SignedIn { user, .. } => Some(user),
            SignInState::SignedOut(_) | SignInState::NotRequired => None,
        }
    }
}

/// Whether a browser that loads the address again sends the same request.
pub(super) fn is_repeatable(head: &Head<'_>) -> bool {
    matches!(head.method(), "GET" | "HEAD")
}

fn summary(user: &str, expires: std::time::Duration, now: Now) -> TokenSummary<'_> {
    TokenSummary {
        user,
        expires: expires.as_secs(),
        seconds_left: expires.saturating_sub(now.unix()).as_secs(),
    }
}

/// The headers that clear every token cookie of the app.
fn cleared(app: &App, https: bool) -> Vec<HeaderValue> {
    app.carriers.cookies().filter_map(|name| sign_in::clear_cookie(name, https)).collect()
}
