//! Authorization: the roles, the scopes and the second factor that a route requires, and the owner that a path names.
//!
//! Protects one user's part of an app from another user. Trust: the caller is authenticated; the path is checked, but
//! still the client's choice. Bounds: short lists of the configuration against at
//! most 1,024 roles and 1,024 scopes. Everything is compared whole and exactly. RFC 6750 §3.1, RFC 9470.

use std::sync::Arc;

use crate::denial::Denial;
use crate::guard::caller::Caller;
use crate::guard::jwt::SecondFactor;
use crate::guard::target::Target;

/// `roles`, `scopes`, `owner` and `mfa`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PermissionPolicy {
    /// The caller needs one of these; empty requires none.
    pub roles: Vec<String>,
    /// The caller needs all of these.
    pub scopes: Vec<String>,
    /// Whether the path belongs to one user.
    pub owner: OwnerPolicy,
    /// The caller has to have used a second factor.
    pub mfa: bool,
}

/// `owner = { param, or_role }`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OwnerPolicy {
    /// It does not.
    #[default]
    Anyone,
    /// The caller must be the user whom this part of the path names.
    Segment {
        /// Position of the segment, from 0.
        segment: usize,
        /// Or have this role.
        or_role: Option<String>,
    },
}

/// Evidence: the caller has the required permissions.
#[derive(Debug)]
pub struct Allowed(());

impl PermissionPolicy {
    /// Checks the caller.
    ///
    /// # Errors
    /// [`Denial::TokenMissing`] for an anonymous caller where anything is required, else
    /// [`Denial::RoleMissing`], [`Denial::ScopeMissing`], [`Denial::NotOwner`] or [`Denial::MfaRequired`].
    pub fn check(&self, caller: &Caller, target: &Target<'_>) -> Result<Allowed, Denial> {
        self.decide(caller, |segment, user| target.param(segment).is_some_and(|named| names(&named, user)))
    }

    fn decide(&self, caller: &Caller, owns: impl FnOnce(usize, &str) -> bool) -> Result<Allowed, Denial> {
        if *self == Self::default() {
            return Ok(Allowed(()));
        }
        let Some(user) = caller.user() else {
            return Err(Denial::TokenMissing);
        };
        let has_role = |role: &String| caller.roles().iter().any(|has| **has == **role);
        let has_scope = |scope: &String| caller.scopes().iter().any(|has| **has == **scope);
        if !self.roles.is_empty() && !self.roles.iter().any(has_role) {
            return Err(Denial::RoleMissing);
        }
        if !self.scopes.iter().all(has_scope) {
            return Err(Denial::ScopeMissing);
        }
        let owned = match &self.owner {
            OwnerPolicy::Anyone => true,
            OwnerPolicy::Segment { segment, or_role } => {
                or_role.as_ref().is_some_and(has_role) || owns(*segment, user)
            }
        };
        if !owned {
            return Err(Denial::NotOwner);
        }
        if !self.mfa {
            return Ok(Allowed(()));
        }
        // Last, so that nobody is sent for a second factor who may not come in with it either.
        match caller.second_factor() {
            Some(SecondFactor::Proven) => Ok(Allowed(())),
            Some(SecondFactor::Missing { acr_values }) => Err(Denial::MfaRequired(Arc::clone(acr_values))),
            None => Err(Denial::TokenMissing),
        }
    }
}

/// Whether a segment names this user. A segment with a `;` names no user: many apps cut path parameters off, and would
/// read another user (RFC 3986 §3.3).
fn names(segment: &str, user: &str) -> bool {
    segment == user && !segment.contains(';')
}

#[cfg(test)]
mod tests;
