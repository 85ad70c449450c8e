//! The arguments that select the running gateway which a command asks.

use std::path::PathBuf;

use stagedoor_core::policy::Policy;

use super::admin_client::AdminClient;
use super::config_file::config_file;
use super::failure::Failure;
use super::{gateway_address, without_file};
use crate::materials::DiskMaterials;

/// Selects the gateway.
#[derive(Debug, clap::Args)]
pub(super) struct GatewayArgs {
    /// The main file [default: config/stagedoor.toml, else what `run --upstream` left here]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Ask the gateway that `run --upstream` started in this folder, even where there is a file
    #[arg(long, conflicts_with = "config")]
    pub(super) upstream: bool,
}

impl GatewayArgs {
    /// The client for the selected gateway. It creates no secret: a missing one was never in use.
    ///
    /// # Errors
    /// The address is not known, or there is no admin token.
    pub(super) fn client(&self) -> Result<AdminClient, Failure> {
        if without_file::applies(self.config.as_deref(), self.upstream)? {
            return AdminClient::of(without_file::compiled_to_ask()?.policy);
        }
        let file = config_file(self.config.as_deref())?;
        let materials = DiskMaterials { may_generate: false, ..DiskMaterials::beside(&file) };
        let mut policy = gateway_address::policy(&file, &materials)?;
        if policy.admin.listen.is_none() {
            // A gateway that was started with the listener on keeps it until it ends.
            policy.admin.token = gateway_address::token(&file, &materials);
        }
        AdminClient::of(policy)
    }

    /// The policy of the selected gateway, for a command that does its work without it. No secret is created.
    ///
    /// # Errors
    /// Its configuration is not found, or cannot be compiled.
    pub(super) fn policy(&self) -> Result<Policy, Failure> {
        if without_file::applies(self.config.as_deref(), self.upstream)? {
            return Ok(without_file::compiled()?.policy);
        }
        let file = config_file(self.config.as_deref())?;
        let materials = DiskMaterials { may_generate: false, ..DiskMaterials::beside(&file) };
        gateway_address::policy(&file, &materials)
    }
}
