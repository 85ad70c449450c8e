//! Runs signature test vectors through the gateway's own keys and verification.
//!
//! Reads one JSON object a line, `{"jwk": …, "jws": "…", "alg": "…"}`, and answers each with a line:
//! `1` for a genuine signature, else `0`. `alg` is what the key is pinned to; claims are not judged.
//! A shared secret is judged as at the gateway's start, where a weak one is refused; with `--any-secret`
//! it is taken as it is.

use std::io::{self, BufRead, Write};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use stagedoor_core::guard::jwt::{Alg, JwtKey};
use stagedoor_core::secret::judge;

fn main() -> io::Result<()> {
    let any_secret = std::env::args().any(|argument| argument == "--any-secret");
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let genuine = is_genuine(&line?, any_secret).is_some();
        writeln!(out, "{}", u8::from(genuine))?;
    }
    Ok(())
}

fn is_genuine(line: &str, any_secret: bool) -> Option<()> {
    let case: Value = serde_json::from_str(line).ok()?;
    let jwk = case.get("jwk")?;
    let alg = Alg::parse(case.get("alg")?.as_str()?)?;
    let kid = jwk.get("kid").and_then(Value::as_str).map(str::to_owned);
    if alg.is_symmetric() && !any_secret {
        judge(&URL_SAFE_NO_PAD.decode(jwk.get("k")?.as_str()?).ok()?).ok()?;
    }
    let key =
        if alg.is_symmetric() { JwtKey::jwk_symmetric(kid, alg, jwk) } else { JwtKey::jwk(kid, alg, jwk) };
    key.ok()?.dangerous_signature_alone(case.get("jws")?.as_str()?.as_bytes()).ok().map(drop)
}
