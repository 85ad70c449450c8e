//! The gateway's own pages, answered.

use std::sync::Arc;

use bytes::BytesMut;
use http::HeaderValue;
use stagedoor_core::denial::Denial;
use stagedoor_core::guard::own::{self, Own};
use stagedoor_core::pipeline::Trail;
use stagedoor_core::policy::App;
use stagedoor_core::reply::{self, OwnPage, Reply};
use stagedoor_core::request::Head;
use stagedoor_core::secret::Secret;
use tokio::net::TcpStream;

use super::{After, Line, Said, Taken, Turn, with_circumstances};

impl Turn<'_> {
    /// Answers a request that is for the gateway itself. `early`: what of its body came with the head.
    pub(super) async fn attend(
        self,
        tcp: TcpStream,
        buffer: &BytesMut,
        head: &Head<'_>,
        early: &[u8],
        own: Own,
        mut trail: Trail,
    ) -> After {
        let mut line = Line::new(tcp);
        let https = trail.client.as_ref().map_or(self.peer.tls, |client| client.https());
        let shows_page = reply::shows_page(head);
        let (said, taken) = match own {
            Own::EnterPage { occupied } => (Ok((OwnPage::Enter { occupied }, Vec::new())), None),
            Own::LeavePage => (Ok((OwnPage::Leave, Vec::new())), None),
            Own::Leave => {
                let page = if shows_page { OwnPage::Left } else { OwnPage::Nothing };
                (Ok((page, trail.app.as_deref().map(|app| cleared(app, https)).unwrap_or_default())), None)
            }
            Own::Enter { length } => match self.form(&mut line, head, early, length).await {
                Ok(form) => {
                    let page = if shows_page { OwnPage::Entered } else { OwnPage::Nothing };
                    let entered = self.redeem(&own::code(form.expose()), https, &mut trail);
                    let taken = Taken { bytes: length as u64, buffered: early.len() };
                    (entered.map(|cookies| (page, cookies)), Some(taken))
                }
                Err(denial) => (Err(denial), None),
            },
        };
        let said = match said {
            Ok((page, cookies)) => {
                let reply = with_circumstances(&self, head, &trail, |policy, at| {
                    Reply::own(page, cookies, policy, at)
                });
                Said { reply, denial: None, taken }
            }
            Err(denial) => {
                let reply = self.refusal(head, &trail, &denial);
                Said { reply, denial: Some(denial), taken }
            }
        };
        self.answer(line.tcp, buffer, head, &trail, said).await
    }

    /// The whole form; its size was judged with the head.
    async fn form(
        &self,
        line: &mut Line,
        head: &Head<'_>,
        early: &[u8],
        length: usize,
    ) -> Result<Secret<Vec<u8>>, Denial> {
        if head.expects_continue() && early.is_empty() && length > 0 && !line.go_on().await {
            return Err(Denial::BadRequest("the body ends in the middle"));
        }
        let mut form = Vec::with_capacity(length);
        form.extend_from_slice(early);
        let within = self.live.policy.server.timeouts.body_idle;
        let read = line.take_body(&mut form, length.saturating_sub(early.len()), within).await;
        let form = Secret::new(form);
        read.map(|()| form)
    }

    /// The cookie that a code is worth, once. It replaces whatever else carries a token of the app.
    fn redeem(
        &self,
        code: &Secret<Vec<u8>>,
        https: bool,
        trail: &mut Trail,
    ) -> Result<Vec<HeaderValue>, Denial> {
        let gateway = &self.front.gateway;
        let now = gateway.now();
        let app = trail.app.as_ref().map(Arc::clone).ok_or(Denial::LinkInvalid)?;
        let token = gateway.links.redeem(&app.name, code.expose(), now).ok_or(Denial::LinkInvalid)?;
        // What was true when the link was made may have changed: keys, sources, the time.
        let fit =
            own::fit(&app, token.expose(), now, &self.live.policy.tokens).map_err(|_| Denial::LinkInvalid)?;
        let life = fit.expires.saturating_sub(now.unix());
        let cookie = own::setting(fit.cookie, token.expose(), life, https).ok_or(Denial::LinkInvalid)?;
        let others = app.carriers.cookies().filter(|name| *name != fit.cookie);
        trail.user = Some(fit.user);
        Ok(std::iter::once(cookie).chain(others.filter_map(|name| own::clearing(name, https))).collect())
    }
}

/// Takes every cookie that carries a token of the app out of the browser.
fn cleared(app: &App, https: bool) -> Vec<HeaderValue> {
    app.carriers.cookies().filter_map(|name| own::clearing(name, https)).collect()
}
