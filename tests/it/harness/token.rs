//! Tokens as an identity provider would sign them.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// What stands in the file `secret` of every gateway here.
pub(crate) const SECRET: &str = "q7XG2mTzT9v0b3nR8yLwJd5sKf1hPcUeWaM4ZiQxO6E";

/// A token that can be changed before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    header: Value,
    claims: Value,
    secret: String,
}

/// A good token of `user`, valid for an hour.
pub(crate) fn token(user: &str) -> String {
    Token::of(user).sign()
}

impl Token {
    pub(crate) fn of(user: &str) -> Self {
        let now = unix_now();
        Self {
            header: json!({ "alg": "HS256", "typ": "JWT", "kid": "k1" }),
            claims: json!({
                "sub": user, "iss": "stagedoor", "aud": "media", "iat": now - 5, "exp": now + 3600
            }),
            secret: SECRET.to_owned(),
        }
    }

    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    /// As others sign them, who leave these fields and claims out.
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        for part in [&mut self.header, &mut self.claims] {
            part.as_object_mut().unwrap().retain(|name, _| !names.contains(&name.as_str()));
        }
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    pub(crate) fn secret(mut self, secret: &str) -> Self {
        secret.clone_into(&mut self.secret);
        self
    }

    pub(crate) fn roles(self, roles: &[&str]) -> Self {
        self.claim("roles", json!(roles))
    }

    pub(crate) fn sign(&self) -> String {
        let input = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(self.header.to_string()),
            URL_SAFE_NO_PAD.encode(self.claims.to_string())
        );
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes());
        let tag = hmac::sign(&key, input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
