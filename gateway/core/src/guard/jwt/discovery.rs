//! The document with which a provider describes itself (OpenID Connect Discovery 1.0 §4): where its keys are.
//!
//! Trust: as for its keys. Of the document two members count; whatever else it says is not looked at. The `issuer` in it has to be the
//! configured one, letter for letter (§4.3), so that no other provider's keys are taken for its own.

use serde_json::Value;

use super::json;
use super::jwks::{DocumentFault, shown};

/// Where the key set of the provider is, as it says.
///
/// # Errors
/// What is wrong with the document.
pub fn jwks_uri(document: &[u8], issuer: &str) -> Result<String, DocumentFault> {
    let members = json::object(document).ok_or(DocumentFault::NotAnObject)?;
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    match text("issuer") {
        Some(said) if said == issuer => {}
        said => return Err(DocumentFault::OtherIssuer(shown(said.unwrap_or_default()))),
    }
    text("jwks_uri").map(str::to_owned).ok_or(DocumentFault::NoKeySetAddress)
}
