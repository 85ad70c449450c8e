//! `/api/v1/revocations`: what is revoked, and revoking more.

use http::StatusCode;
use serde_json::json;
use stagedoor_core::denial::Denial;
use stagedoor_core::guard::revocation::RevocationList;
use stagedoor_core::secret::Secret;

use super::answer::AdminAnswer;
use crate::gateway::Gateway;
use crate::revocation_request::{RevocationRequest, documents, words};
use crate::state_writer::RevokeFault;

/// The most entries in an answer.
const SHOWN: usize = 1_000;

/// The newest entries, and how many there are.
pub(super) fn list(gateway: &Gateway) -> AdminAnswer {
    let list = gateway.revocations();
    let mut entries = documents(list.all());
    let count = entries.len();
    entries.truncate(SHOWN);
    let body = json!({ "count": count, "most": RevocationList::MOST, "revocations": entries });
    AdminAnswer::json(StatusCode::OK, &body)
}

/// Revokes what the document names. The answer comes once that is stored.
pub(super) async fn revoke(
    gateway: &Gateway,
    document: &Secret<Vec<u8>>,
    request_id: &str,
) -> Result<AdminAnswer, Denial> {
    let request: RevocationRequest = serde_json::from_slice(document.expose()).map_err(|_| {
        Denial::BadRequest("not a JSON object with a `user`, a `jti`, a `token`, a `provider`, or `all`")
    })?;
    let planned = request.plan(&gateway.live().policy, gateway.now());
    let revocations = match planned {
        Ok(revocations) => revocations,
        Err(fault) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Ok(AdminAnswer::problem(status, "revocation_refused", &fault.to_string(), request_id));
        }
    };
    let outcome = gateway.state.revoke(revocations.clone()).await;
    match &outcome {
        Ok(()) | Err(RevokeFault::Unsaved { .. }) => {
            for revocation in &revocations {
                tracing::info!("revoked: {}", words(revocation));
            }
        }
        Err(RevokeFault::Full(_)) => {}
    }
    Ok(match outcome {
        Ok(()) => AdminAnswer::json(StatusCode::CREATED, &json!({ "revoked": documents(revocations) })),
        Err(fault) => {
            let code = match &fault {
                RevokeFault::Full(_) => "revocations_full",
                RevokeFault::Unsaved { .. } => "state_unwritable",
            };
            AdminAnswer::problem(StatusCode::INSUFFICIENT_STORAGE, code, &fault.to_string(), request_id)
        }
    })
}
