//! Numbers as bytes on the way, little-endian whatever the machine.

/// A number that ranks add up.
pub(crate) trait Word: Copy {
    /// Bytes of one.
    const BYTES: usize;

    /// Writes numbers to as many bytes as they take.
    fn write(words: &[Self], bytes: &mut [u8]);

    /// Puts the numbers that the bytes hold in the place of these.
    fn read(words: &mut [Self], bytes: &[u8]);

    /// Adds the numbers that the bytes hold.
    fn add(words: &mut [Self], bytes: &[u8]);

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

            fn add(words: &mut [Self], bytes: &[u8]) {
                let sum: fn(Self, Self) -> Self = $sum;
                for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<$bytes>().0) {
                    *word = sum(*word, Self::from_le_bytes(*bytes));
                }
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
