//! The exponential function beside the library's.

use super::*;

struct All<'a>(&'a [f64]);

impl Kernel for All<'_> {
    type Output = Vec<f64>;

    #[expect(clippy::inline_always, reason = "compiled with the caller's vectors")]
    #[inline(always)]
    fn call(self) -> Vec<f64> {
        self.0.iter().map(|&x| exp(x)).collect()
    }
}

#[test]
fn the_exponential_is_the_librarys_to_a_few_last_bits_and_the_same_in_vectors() {
    let all: Vec<f64> = (-70_000..=70_000)
        .map(|i| f64::from(i) * 0.010_003)
        .collect();
    let in_vectors = widest(All(&all));
    for (&x, vector) in all.iter().zip(in_vectors) {
        let (found, expected) = (exp(x), x.exp());
        assert_eq!(found.to_bits(), vector.to_bits());
        assert!(
            (found - expected).abs() <= 4.0 * f64::EPSILON * expected,
            "{x}: {found} {expected}"
        );
    }
    assert_eq!((exp(0.0), exp(-0.0)), (1.0, 1.0));
    assert!(exp(-1e300) < 1e-300 && exp(f64::NEG_INFINITY) < 1e-300 && exp(1e300) > 1e300);
}
