//! The distinct cells of a column, numbered in order of appearance.

use crate::read::Cell;
use std::fmt::Write as _;

const EMPTY: u32 = u32::MAX;

/// Interns strings: each distinct one gets the next code. One buffer for all text; open addressing.
///
/// Cost: a hash and a comparison a cell (about 15 ns); 16 to 24 bytes a distinct string beside its text.
pub(crate) struct Dictionary {
    text: String,
    ends: Vec<usize>,
    hashes: Vec<u32>,
    /// Codes by hash, a power of two, at most half full.
    slots: Vec<u32>,
    last: u32,
}

impl Default for Dictionary {
    fn default() -> Self {
        Self {
            text: String::new(),
            ends: Vec::new(),
            hashes: Vec::new(),
            slots: vec![EMPTY; 16],
            last: 0,
        }
    }
}

impl Dictionary {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, code: u32) -> &str {
        let code = code as usize;
        let start = if code == 0 { 0 } else { self.ends[code - 1] };
        &self.text[start..self.ends[code]]
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len() as u32).map(|code| self.get(code))
    }

    /// The code of `text`, new or known.
    pub(crate) fn code(&mut self, text: &str) -> u32 {
        // Cells repeat the cell above them more often than any other.
        if !self.ends.is_empty() && self.get(self.last) == text {
            return self.last;
        }
        let hash = hash(text.as_bytes());
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let code = self.slots[slot];
            if code == EMPTY {
                break;
            }
            if self.hashes[code as usize] == hash && self.get(code) == text {
                self.last = code;
                return code;
            }
            slot = (slot + 1) & mask;
        }
        let code = self.ends.len() as u32;
        self.slots[slot] = code;
        self.text.push_str(text);
        self.ends.push(self.text.len());
        self.hashes.push(hash);
        self.last = code;
        if self.ends.len() * 2 > self.slots.len() {
            self.grow();
        }
        code
    }

    /// The code of `text` if it is known.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        let hash = hash(text.as_bytes());
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let code = self.slots[slot];
            if code == EMPTY {
                return None;
            }
            if self.hashes[code as usize] == hash && self.get(code) == text {
                return Some(code);
            }
            slot = (slot + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let n_slots = self.slots.len() * 4;
        let mask = n_slots - 1;
        self.slots.clear();
        self.slots.resize(n_slots, EMPTY);
        for (code, &hash) in self.hashes.iter().enumerate() {
            let mut slot = hash as usize & mask;
            while self.slots[slot] != EMPTY {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = code as u32;
        }
    }
}

/// Multiply-rotate over eight bytes at a time, as in rustc's hasher. It orders nothing that reaches a result.
fn hash(bytes: &[u8]) -> u32 {
    const FACTOR: u64 = 0x517c_c1b7_2722_0a95;
    let mut state = bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        state = (state.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
    }
    let mut word = 0;
    for &byte in chunks.remainder() {
        word = (word << 8) | u64::from(byte);
    }
    state = (state.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    state ^= state >> 29;
    state = state.wrapping_mul(FACTOR);
    (state >> 32) as u32
}

/// Calls `with` on the text that `cell` has in a delimited file, trimmed; a missing cell is empty.
pub(crate) fn with_text<T>(cell: Cell<'_>, buffer: &mut String, with: impl FnOnce(&str) -> T) -> T {
    buffer.clear();
    let written = match cell {
        Cell::Missing => return with(""),
        Cell::Text(text) => return with(text.trim_ascii()),
        Cell::Boolean(value) => return with(if value { "true" } else { "false" }),
        Cell::Integer(value) => write!(buffer, "{value}"),
        Cell::Number(value) if value != 0.0 && !(1e-5..1e16).contains(&value.abs()) => {
            write!(buffer, "{value:e}")
        }
        Cell::Number(value) => write!(buffer, "{value}"),
        Cell::Time(micros) => write!(buffer, "{}", super::times::Iso(micros)),
    };
    written.expect("a String takes any text");
    with(buffer)
}
