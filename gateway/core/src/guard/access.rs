//! Address lists: which client addresses may use an app.
//!
//! Protects apps that are meant for a few networks only. The address comes from the client guard and is as trustworthy
//! as the socket and the configured proxies. Bounds: the lists are the operator's and are read once per request; nothing
//! is stored.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::denial::Denial;
use crate::guard::client::Client;

/// `[app.X.access]`: which addresses may use the app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AccessPolicy {
    /// Every address.
    #[default]
    Anyone,
    /// By list. An address in both lists is denied.
    Listed {
        /// Networks that may use the app; empty is every address.
        allow: Vec<IpNet>,
        /// Networks that may not.
        deny: Vec<IpNet>,
    },
}

/// Evidence: the client's address may use the app.
#[derive(Debug)]
pub struct Screened(());

impl AccessPolicy {
    /// Checks the client's address.
    ///
    /// # Errors
    /// [`Denial::AddressRefused`] for an address that is denied, or not among those allowed.
    pub fn screen(&self, client: &Client) -> Result<Screened, Denial> {
        match self {
            Self::Anyone => Ok(Screened(())),
            Self::Listed { allow, deny } if admits(allow, deny, client.ip()) => Ok(Screened(())),
            Self::Listed { .. } => Err(Denial::AddressRefused),
        }
    }
}

fn admits(allow: &[IpNet], deny: &[IpNet], ip: IpAddr) -> bool {
    // An IPv4 network has to match an IPv4-mapped IPv6 address too.
    let ip = ip.to_canonical();
    let within = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&ip));
    !within(deny) && (allow.is_empty() || within(allow))
}

#[cfg(test)]
mod tests;
