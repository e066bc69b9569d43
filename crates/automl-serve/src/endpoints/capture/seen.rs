//! The ids of requests that were kept lately, with how many rows they had, so that truths of others can be told of.

use super::super::split;
use std::collections::{BTreeMap, VecDeque};

/// Ids that are remembered, of all endpoints: about 10 MB.
const SEEN_MAX: usize = 200_000;

/// Hashes of endpoints and ids; the oldest are forgotten.
#[derive(Default)]
pub(super) struct Seen {
    order: VecDeque<u64>,
    /// Rows of each, the most if an id came more than once.
    known: BTreeMap<u64, u32>,
}

impl Seen {
    pub(super) fn note(&mut self, endpoint: &str, request_id: &str, n_rows: u32) {
        let hash = split::hash(&[endpoint, request_id]);
        if let Some(known) = self.known.get_mut(&hash) {
            *known = n_rows.max(*known);
            return;
        }
        self.known.insert(hash, n_rows);
        self.order.push_back(hash);
        if self.order.len() > SEEN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// How many rows a request had, if it is known.
    pub(super) fn n_rows(&self, endpoint: &str, request_id: &str) -> Option<u32> {
        let hash = split::hash(&[endpoint, request_id]);
        self.known.get(&hash).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ids_of_each_endpoint_are_known() {
        let mut seen = Seen::default();
        for number in 0..SEEN_MAX + 10 {
            seen.note("e", &number.to_string(), 2);
            seen.note("e", &number.to_string(), 1);
        }
        assert_eq!(seen.n_rows("e", "9"), None, "the oldest are forgotten");
        assert_eq!(seen.n_rows("e", "10"), Some(2));
        assert_eq!(seen.n_rows("f", "10"), None);
        assert_eq!(seen.order.len(), SEEN_MAX);
        assert_eq!(seen.known.len(), SEEN_MAX);
    }
}
