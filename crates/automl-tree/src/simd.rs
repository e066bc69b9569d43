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

/// Runs a kernel as it was compiled without vectors of its own: what [`widest`] must agree with, bit by bit.
#[cfg(test)]
pub(crate) fn scalar<K: Kernel>(kernel: K) -> K::Output {
    pulp::Arch::Scalar.dispatch(kernel)
}

/// `exp(x)` within two units in the last place, without branches, so that loops over it become vectors; below −708 it
/// stays at `exp(−708)`, about 3e-308, and above 709 at `exp(709)`. With `n` the whole number nearest to `x / ln 2`, it is `2ⁿ · exp(x − n ln 2)`,
/// the latter by its Taylor series.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    /// Adding it leaves the nearest whole number in the lowest bits.
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    const COEFFICIENTS: [f64; 14] = inverse_factorials();
    let x = if x < -708.0 { -708.0 } else { x };
    let x = if x > 709.0 { 709.0 } else { x };
    let shifted = x * std::f64::consts::LOG2_E + SHIFT;
    let n = shifted - SHIFT;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut sum = COEFFICIENTS[13];
    let mut degree = 13;
    while degree > 0 {
        degree -= 1;
        sum = sum * r + COEFFICIENTS[degree];
    }
    let power = shifted.to_bits().wrapping_add(1023) << 52;
    sum * f64::from_bits(power)
}

/// `1 / 0!, 1 / 1!, …`
const fn inverse_factorials() -> [f64; 14] {
    let mut all = [1.0; 14];
    let mut index = 1;
    while index < 14 {
        all[index] = all[index - 1] / index as f64;
        index += 1;
    }
    all
}

#[cfg(test)]
mod tests;
