//! Room beside an output for what is needed until it is there.

use crate::StoreError;
use crate::made::Made;
use crate::staging::{self, Shape, Staged};
use std::path::Path;

/// A directory beside an output, removed with all that is in it when this is dropped. What a killed process left is removed by the
/// next that wants room beside the same output. It is locked as long as this lives, so what is written aside and then moved into
/// place, such as a model, must lie in a directory below.
///
/// ```
/// let parent = std::env::temp_dir().join(format!("automl-scratch-{}", std::process::id()));
/// let scratch = automl_store::Scratch::beside(&parent.join("model"))?;
/// std::fs::write(scratch.path().join("part"), "")?;
/// let place = scratch.path().to_owned();
/// drop(scratch);
/// assert!(!place.exists() && !parent.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Scratch {
    staged: Staged,
    /// Removed behind the directory, if nothing else is there by then.
    _above: Made,
}

impl Scratch {
    /// Makes one, and the directories above `output` that are not there.
    ///
    /// # Errors
    /// If `output` has no name, or the disk refuses.
    pub fn beside(output: &Path) -> Result<Self, StoreError> {
        let (staged, above) = staging::claim_in_new(output, Shape::Directory)?;
        Ok(Self {
            staged,
            _above: above,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.staged.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = staging::remove(self.path()) {
            tracing::warn!(%error, "what was needed for a while could not be removed");
        }
    }
}
