//! Independent pieces of work side by side.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// `[work(0), work(1), …]`, on so many threads.
///
/// They are threads of their own, not a pool's: a fit waits for what is derived from the data, and a pool's thread that waits could
/// be handed the very fit that it waits for.
pub(crate) fn side_by_side<T: Send>(
    n: usize,
    n_workers: usize,
    work: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let slots: Vec<Mutex<Option<T>>> = (0..n).map(|_| Mutex::default()).collect();
    std::thread::scope(|scope| {
        for _ in 0..n_workers.clamp(1, n.max(1)) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(slot) = slots.get(index) else {
                        return;
                    };
                    let done = work(index);
                    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
                }
            });
        }
    });
    let done = slots.into_iter();
    let done = done.map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner));
    done.map(|done| done.expect("a worker takes each piece"))
        .collect()
}
