//! What was worked out from the first trials of a study and is asked for again.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

/// The most entries that are kept.
const CAPACITY: usize = 64;

/// An entry's name, number of trials it is of, and value.
type Entry = (String, usize, Arc<dyn Any + Send + Sync>);

/// Values by name and number of trials. Each is a function of the study's first trials in the order in which they ended,
/// so keeping it saves time and changes nothing.
#[derive(Default)]
pub(crate) struct Memo(Mutex<Vec<Entry>>);

impl Clone for Memo {
    fn clone(&self) -> Self {
        Self(Mutex::new(self.lock().clone()))
    }
}

impl std::fmt::Debug for Memo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Memo({})", self.lock().len())
    }
}

impl Memo {
    /// The value under `name` of the first `n_trials`, made now if it is not known.
    pub(crate) fn get_or<T: Any + Send + Sync>(
        &self,
        name: &str,
        n_trials: usize,
        make: impl FnOnce() -> T,
    ) -> Arc<T> {
        let known = self.lock().iter().find_map(|(key, n, value)| {
            let is_wanted = key == name && *n == n_trials;
            is_wanted.then(|| value.clone().downcast::<T>().ok())?
        });
        known.unwrap_or_else(|| {
            let value = Arc::new(make());
            let mut entries = self.lock();
            if entries.len() >= CAPACITY {
                entries.remove(0);
            }
            entries.push((name.to_owned(), n_trials, value.clone()));
            value
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        // An entry is complete before it is added, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
