//! Expensive things computed from a dataset once and shared by every trial, fold and class.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

type Slot = Arc<Mutex<Option<Arc<dyn Any + Send + Sync>>>>;

/// A store of derived values by type and key; each is built once, whoever asks first, and kept.
#[derive(Default)]
pub struct Derived(Mutex<BTreeMap<(TypeId, String), Slot>>);

impl std::fmt::Debug for Derived {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Derived")
    }
}

impl Derived {
    /// The value of this type for `key`, built by `build` if it is not there. Others who ask meanwhile wait.
    ///
    /// `key` must name everything that the value depends on beside the dataset.
    pub fn get_or_build<T: Any + Send + Sync>(
        &self,
        key: &str,
        build: impl FnOnce() -> T,
    ) -> Arc<T> {
        let built = self.get_or_try_build(key, || Ok::<T, Infallible>(build()));
        built.unwrap_or_else(|never| match never {})
    }

    /// As [`Derived::get_or_build`], for what may not come about, such as work that a deadline ends: nothing is kept of a
    /// failure, and the next who asks builds again.
    ///
    /// # Errors
    /// The error of `build`.
    pub fn get_or_try_build<T: Any + Send + Sync, E>(
        &self,
        key: &str,
        build: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            slots
                .entry((TypeId::of::<T>(), key.to_owned()))
                .or_default()
                .clone()
        };
        let mut held = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let any = match &*held {
            Some(any) => any.clone(),
            None => held.insert(Arc::new(build()?)).clone(),
        };
        Ok(any.downcast().expect("the slot's key holds its type"))
    }
}
