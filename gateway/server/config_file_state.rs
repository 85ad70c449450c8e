//! How the configuration files compare with the policy in force.

use stagedoor_config::PolicyChange;

/// What the last look at the configuration files found.
#[derive(Debug, Default)]
pub(crate) enum ConfigFileState {
    /// They say what is in force.
    #[default]
    InForce,
    /// They say something else, and were not loaded: these changes may let clients do more, so an operator has to ask.
    Waiting(Vec<PolicyChange>),
    /// They have these mistakes.
    Broken(Vec<String>),
}
