//! Numbers as bytes on the way, little-endian whatever the machine.

/// A number that ranks add up.
pub(crate) trait Word: Copy {
    /// Bytes of one.
    const BYTES: usize;

    /// Writes numbers to as many bytes as they take.
    fn write(words: &[Self], bytes: &mut [u8]);

    /// Puts the numbers that the bytes hold in the place of these.
    fn read(words: &mut [Self], bytes: &[u8]);

    /// Adds other numbers to these.
    fn add(words: &mut [Self], others: &[Self]);

    /// Zeros.
    fn zeros(count: usize) -> Vec<Self>;

    /// The numbers that the bytes hold.
    fn from_bytes(bytes: &[u8]) -> Vec<Self> {
        let mut words = Self::zeros(bytes.len() / Self::BYTES);
        Self::read(&mut words, bytes);
        words
    }

    /// The sum of what each rank has, as a balanced tree: neighbours first, then neighbouring pairs, and so on.
    fn sum(mut of_ranks: Vec<Vec<Self>>) -> Vec<Self> {
        let mut distance = 1;
        while distance < of_ranks.len() {
            for first in (0..of_ranks.len() - distance).step_by(2 * distance) {
                let other = std::mem::take(&mut of_ranks[first + distance]);
                Self::add(&mut of_ranks[first], &other);
            }
            distance *= 2;
        }
        of_ranks.swap_remove(0)
    }

    /// The bytes of numbers.
    fn to_bytes(words: &[Self]) -> Vec<u8> {
        let mut bytes = vec![0; words.len() * Self::BYTES];
        Self::write(words, &mut bytes);
        bytes
    }
}

macro_rules! words {
    ($($word:ty, $bytes:literal, $sum:expr;)*) => {$(
        impl Word for $word {
            const BYTES: usize = $bytes;

            fn write(words: &[Self], bytes: &mut [u8]) {
                for (word, bytes) in words.iter().zip(bytes.as_chunks_mut::<$bytes>().0) {
                    *bytes = word.to_le_bytes();
                }
            }

            fn read(words: &mut [Self], bytes: &[u8]) {
                for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<$bytes>().0) {
                    *word = Self::from_le_bytes(*bytes);
                }
            }

            fn add(words: &mut [Self], others: &[Self]) {
                let sum: fn(Self, Self) -> Self = $sum;
                for (word, other) in words.iter_mut().zip(others) {
                    *word = sum(*word, *other);
                }
            }

            fn zeros(count: usize) -> Vec<Self> {
                vec![<$word>::default(); count]
            }
        }
    )*};
}

words! {
    f32, 4, |a, b| a + b;
    f64, 8, |a, b| a + b;
    i64, 8, i64::wrapping_add;
    i128, 16, i128::wrapping_add;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_balanced_trees() {
        // Numbers of which the order of addition shows: 2^53 swallows a 1, not a 2.
        let big = (1_u64 << 53) as f64;
        let of = |values: &[f64]| f64::sum(values.iter().map(|&value| vec![value]).collect())[0];
        assert_eq!(of(&[big, 0.0, 1.0, 1.0]), big + 2.0);
        assert_eq!(of(&[big, 1.0, 1.0, 0.0]), big);
        assert_eq!(of(&[1.0, 1.0, big]), big + 2.0);
        assert_eq!(of(&[big, 1.0, 1.0]), big);
        assert_eq!(of(&[3.0]), 3.0);
    }
}
