//! The same code compiled for the widest vectors of the processor it runs on, and chosen when it runs.
//!
//! Nothing here changes a bit of any result: operations are the same, in the same order; a vector makes several of them at
//! once. Fused multiply-adds, which round differently, are never formed.

pub(crate) use pulp::NullaryFnOnce as Kernel;

/// Runs a kernel as it was compiled for this processor. What it calls is compiled with it if it is inlined; its `call` must
/// be `#[inline(always)]`, which a closure cannot promise.
#[inline]
pub(crate) fn widest<K: Kernel>(kernel: K) -> K::Output {
    pulp::Arch::new().dispatch(kernel)
}
