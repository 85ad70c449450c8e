//! The arguments by which a command is told which running gateway to ask.

use std::path::PathBuf;

use super::admin_client::AdminClient;
use super::config_file::config_file;
use super::failure::Failure;
use super::{gateway_address, without_file};
use crate::materials::DiskMaterials;

/// Which gateway a command asks.
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
    /// The gateway that is meant. Nothing is made: a secret that is not there was never in use.
    ///
    /// # Errors
    /// Nothing says where it is asked, or there is no admin token.
    pub(super) fn client(&self) -> Result<AdminClient, Failure> {
        if without_file::is_meant(self.config.as_deref(), self.upstream)? {
            return AdminClient::of(without_file::asked()?.policy);
        }
        let file = config_file(self.config.as_deref())?;
        let materials = DiskMaterials { may_generate: false, ..DiskMaterials::beside(&file) };
        let mut policy = gateway_address::policy(&file, &materials)?;
        if policy.admin.listen.is_none() {
            // It answers until its process ends, where there is one that noted its address.
            policy.admin.token = gateway_address::token(&file, &materials);
        }
        AdminClient::of(policy)
    }
}
