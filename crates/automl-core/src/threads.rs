//! How many threads a piece of work may use, and the only way to use them.

#[cfg(test)]
mod tests;

use rayon::prelude::*;
use std::sync::Arc;

/// A thread budget. Work is cut by its own size, never by the number of threads, so results are the same at any.
#[derive(Clone)]
pub struct Threads(Option<Arc<rayon::ThreadPool>>);

impl std::fmt::Debug for Threads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Threads({})", self.count())
    }
}

impl Threads {
    /// Everything on the caller's thread.
    pub fn one() -> Self {
        Self(None)
    }

    /// A pool of `count` threads; one or none means the caller's thread.
    ///
    /// # Errors
    /// The system refuses to start a thread.
    pub fn new(count: usize) -> Result<Self, std::io::Error> {
        if count <= 1 {
            return Ok(Self::one());
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .build()
            .map_err(std::io::Error::other)?;
        Ok(Self(Some(Arc::new(pool))))
    }

    /// How many threads there are, for planning; results must not depend on it.
    pub fn count(&self) -> usize {
        self.0.as_ref().map_or(1, |pool| pool.current_num_threads())
    }

    /// Runs `f` on a thread of the pool: what it shares out then starts without waking the pool up each time.
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        match &self.0 {
            Some(pool) => pool.install(f),
            None => f(),
        }
    }

    /// `[f(0), f(1), …, f(n - 1)]`, in that order whatever runs first.
    pub fn map<T: Send>(&self, n: usize, f: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
        match &self.0 {
            Some(pool) if n > 1 => pool.install(|| (0..n).into_par_iter().map(f).collect()),
            _ => (0..n).map(f).collect(),
        }
    }

    /// Calls `f(index, chunk)` for consecutive chunks of `chunk_len` elements, the last perhaps shorter.
    pub fn for_each_chunk<T: Send>(
        &self,
        data: &mut [T],
        chunk_len: usize,
        f: impl Fn(usize, &mut [T]) + Sync + Send,
    ) {
        match &self.0 {
            Some(pool) if data.len() > chunk_len => pool.install(|| {
                data.par_chunks_mut(chunk_len)
                    .enumerate()
                    .for_each(|(index, chunk)| f(index, chunk));
            }),
            _ => data
                .chunks_mut(chunk_len)
                .enumerate()
                .for_each(|(index, chunk)| f(index, chunk)),
        }
    }

    /// Runs both and returns both results.
    pub fn join<A: Send, B: Send>(
        &self,
        a: impl FnOnce() -> A + Send,
        b: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        match &self.0 {
            Some(pool) => pool.install(|| rayon::join(a, b)),
            None => (a(), b()),
        }
    }
}
