//! Remedies for refusals of a caller: token, roles, scopes, owner, upgrade.

use super::case::{Case, Remedy, change, nothing};
use super::shell::shell_word;
use crate::edit::quoted;
use stagedoor_core::denial::Guard;
use stagedoor_core::guard::caller::Provider;
use stagedoor_core::guard::jwt::{JwtKey, JwtPolicy};
use stagedoor_core::guard::permission::{OwnerPolicy, PermissionPolicy};
use stagedoor_core::guard::upgrade::UpgradePolicy;

impl Case<'_> {
    pub(super) fn token_missing(&self) -> Remedy {
        let command = self.token();
        let Some(route) = self.refused.route else { return nothing("the route is not known") };
        let asks_more = route.permission != PermissionPolicy::default();
        if asks_more || self.refused.reached == Guard::Permission {
            let advice = format!(
                "send a token{}: a route that asks for roles, scopes, an owner or a second factor cannot be public",
                self.carrier()
            );
            return Remedy { change: None, command, advice };
        }
        let drafted = change(
            self.route_key(&["auth"], "\"public\""),
            format!(
                "lets everybody in without a token: every request {}; better send one{}",
                self.requests(),
                self.carrier()
            ),
        );
        Remedy { command, ..drafted }
    }

    pub(super) fn token_refused(&self) -> Remedy {
        let command = self.token();
        let advice = "send a new token of this gateway's provider: no line makes this one valid";
        Remedy { change: None, command, advice: advice.to_owned() }
    }

    pub(super) fn role_missing(&self) -> Remedy {
        let command = self.token();
        let Some(role) = self.refused.roles.first() else {
            let advice = "the caller has no role that could be listed: give them one that is";
            return Remedy { change: None, command, advice: advice.to_owned() };
        };
        let line = self.in_route("roles", role);
        let advice = format!("lets every caller with the role `{role}` in, {}", self.requests());
        Remedy { command, ..change(line, advice) }
    }

    pub(super) fn scope_missing(&self) -> Remedy {
        let advice = "a token has to cover what it is used for: no line is proposed that asks for less";
        Remedy { change: None, command: self.token(), advice: advice.to_owned() }
    }

    pub(super) fn second_factor_missing(&self) -> Remedy {
        let advice = "the user has to sign in with a second factor: no line is proposed that asks for less";
        Remedy { change: None, command: self.token(), advice: advice.to_owned() }
    }

    pub(super) fn not_owner(&self) -> Remedy {
        let Some(OwnerPolicy::Segment { segment: _, or_role }) =
            self.refused.route.map(|route| &route.permission.owner)
        else {
            return nothing("the route asks for no owner now");
        };
        let command = or_role.is_some().then(|| self.token()).flatten();
        let Some(role) = self.refused.roles.first() else {
            let advice =
                "the caller has no role that could stand in for the owner: only the user in the path may";
            return Remedy { change: None, command, advice: advice.to_owned() };
        };
        let line = self.route_key(&["owner", "or_role"], &quoted(role));
        let instead = match or_role {
            Some(before) => format!(", and no longer those with `{before}`"),
            None => String::new(),
        };
        let advice = format!("lets every caller with the role `{role}` into what belongs to others{instead}");
        Remedy { command, ..change(line, advice) }
    }

    pub(super) fn upgrade(&self) -> Remedy {
        let forbidden = self.refused.route.is_some_and(|route| route.upgrade == UpgradePolicy::Forbidden);
        if !self.refused.handshake || !forbidden {
            return nothing("only a WebSocket, asked for by a plain GET of HTTP/1.1, may leave HTTP");
        }
        let line = self.route_key(&["websocket"], "true");
        change(line, format!("lets WebSockets through, {}", self.requests()))
    }

    /// Another entry for a list of the route.
    fn in_route(&self, key: &str, entry: &str) -> Option<super::Change> {
        let (app, route) = (self.refused.app?, self.refused.route?);
        let page = self.page(app)?;
        let mut path = self.route_path(&page, app, route)?;
        path.push(super::Step::Key(key));
        page.append(&path, &quoted(entry))
    }

    /// The command that makes a token which the route takes; `None` where no provider of it can sign.
    fn token(&self) -> Option<String> {
        let route = self.refused.route?;
        let signs = |provider: &JwtPolicy| provider.keys.iter().any(JwtKey::signs);
        let provider = route
            .auth
            .token_providers()
            .iter()
            .map(|accepted_provider| &accepted_provider.provider)
            .find(|p| signs(p))?;
        let user = self.refused.user.unwrap_or("NAME");
        let mut command = "stagedoor token".to_owned();
        command.push_str(&option("sub", user));
        let PermissionPolicy { roles, scopes, owner, mfa } = &route.permission;
        let stands_in = match owner {
            OwnerPolicy::Segment { segment: _, or_role } => or_role.as_ref(),
            OwnerPolicy::Anyone => None,
        };
        let needed = roles.first().into_iter().chain(stands_in);
        // A comma would make two of one: of a role that the caller chose the name of, any other.
        let held = self.refused.roles.iter().filter(|role| !role.contains(','));
        let mut all: Vec<String> = held.map(|role| role.to_string()).collect();
        for role in needed.filter(|role| !role.is_empty()) {
            if role.contains(',') {
                return None;
            }
            if !all.contains(role) {
                all.push(role.clone());
            }
        }
        if !all.is_empty() {
            command.push_str(&option("roles", &all.join(",")));
        }
        if scopes.iter().any(|scope| scope.contains(',')) {
            return None;
        }
        if !scopes.is_empty() {
            command.push_str(&option("scopes", &scopes.join(",")));
        }
        if *mfa {
            command.push_str(" --mfa");
        }
        if self.policy.providers.iter().filter_map(Provider::jwt).filter(|p| signs(p)).count() > 1 {
            command.push_str(&option("provider", &provider.name));
        }
        Some(command)
    }

    /// Where a token of the route's first provider is looked for.
    fn carrier(&self) -> String {
        use stagedoor_core::guard::credential::TokenSource;
        let first =
            self.refused.route.and_then(|route| route.auth.token_providers().first()?.sources.first());
        match first {
            Some(TokenSource::Bearer) => ", as `Authorization: Bearer …`".to_owned(),
            Some(TokenSource::Header(name)) => format!(", in the header `{name}`"),
            Some(TokenSource::Cookie(name)) => format!(", in the cookie `{name}`"),
            Some(TokenSource::Query(name)) => format!(", in the query parameter `{name}`"),
            None => String::new(),
        }
    }
}

/// An option with its value, which may begin like an option itself.
fn option(name: &str, value: &str) -> String {
    let between = if value.starts_with('-') { '=' } else { ' ' };
    format!(" --{name}{between}{}", shell_word(value))
}
