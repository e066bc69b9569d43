//! A map from 64-bit hashes to numbers, for interning millions of terms.
//!
//! Open addressing with linear probing over one flat array. Nothing iterates over it: numbers are given in order of
//! arrival by its users, so no output depends on where a key lies.

/// A fixed hash of bytes, the same on every machine: FNV-1a over words of eight bytes with a multiply-shift finish.
/// Two terms that share a hash are treated as one term; among ten million terms that happens with probability 3e-6.
#[inline]
pub(crate) fn hash_bytes(seed: u64, bytes: &[u8]) -> u64 {
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let word = u64::from_le_bytes(word.try_into().expect("a chunk of eight"));
        hash = fold(hash ^ word);
    }
    let mut last = [0; 8];
    let rest = words.remainder();
    last[..rest.len()].copy_from_slice(rest);
    fold(hash ^ u64::from_le_bytes(last))
}

#[inline]
pub(crate) fn fold(x: u64) -> u64 {
    let x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ (x >> 32)
}

/// Hashes to numbers below `u32::MAX`.
#[derive(Debug, Clone)]
pub(crate) struct HashIndex {
    /// Hash and number; the number `u32::MAX` marks a free cell.
    cells: Vec<(u64, u32)>,
    len: usize,
}

const FREE: u32 = u32::MAX;

impl HashIndex {
    /// An index with room for so many keys before it grows.
    pub(crate) fn with_capacity(n_keys: usize) -> Self {
        let n_cells = (n_keys * 2).next_power_of_two().max(16);
        Self {
            cells: vec![(0, FREE); n_cells],
            len: 0,
        }
    }

    /// The number of `hash`.
    #[inline]
    pub(crate) fn get(&self, hash: u64) -> Option<u32> {
        let (_, number) = self.cells[self.place(hash)];
        (number != FREE).then_some(number)
    }

    /// The number of `hash`, which becomes `next` if it is new.
    #[inline]
    pub(crate) fn get_or_insert(&mut self, hash: u64, next: u32) -> u32 {
        let place = self.place(hash);
        let (_, number) = self.cells[place];
        if number != FREE {
            return number;
        }
        self.cells[place] = (hash, next);
        self.len += 1;
        if self.len * 2 > self.cells.len() {
            self.grow();
        }
        next
    }

    #[inline]
    fn place(&self, hash: u64) -> usize {
        let mask = self.cells.len() - 1;
        let mut place = hash as usize & mask;
        loop {
            let (known, number) = self.cells[place];
            if number == FREE || known == hash {
                return place;
            }
            place = (place + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let cells = vec![(0, FREE); self.cells.len() * 2];
        let old = std::mem::replace(&mut self.cells, cells);
        for (hash, number) in old.into_iter().filter(|(_, number)| *number != FREE) {
            let place = self.place(hash);
            self.cells[place] = (hash, number);
        }
    }
}
