//! All that a configuration with one provider asks for.

use stagedoor_config::{FileFault, Material, Materials};
use stagedoor_core::secret::Secret;

/// Makes every secret it is asked for, and has nothing else.
pub(crate) struct OneSecret;

impl Materials for OneSecret {
    fn file(&self, _: &str) -> Result<Material, FileFault> {
        Err(FileFault::Missing)
    }

    fn env(&self, _: &str) -> Option<Secret<Vec<u8>>> {
        None
    }

    fn generate(&self, _: &str) -> Result<Option<Secret<Vec<u8>>>, FileFault> {
        Ok(Some(Secret::new(b"k7Qw2mZx9RtB4nVc8LpY1sHd6JfG3aEu".to_vec())))
    }

    fn random(&self) -> [u8; 32] {
        [7; 32]
    }

    fn stand_in(&self) -> bool {
        false
    }
}
