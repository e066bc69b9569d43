//! The ids of requests that were kept lately, so that truths of others can be told of.

use super::super::split;
use std::collections::{BTreeSet, VecDeque};

/// Ids that are remembered, of all endpoints: about 10 MB.
const SEEN_MAX: usize = 200_000;

/// Hashes of endpoints and ids; the oldest are forgotten.
#[derive(Default)]
pub(super) struct Seen {
    order: VecDeque<u64>,
    known: BTreeSet<u64>,
}

impl Seen {
    pub(super) fn note(&mut self, endpoint: &str, request_id: &str) {
        let hash = split::hash(&[endpoint, request_id]);
        if !self.known.insert(hash) {
            return;
        }
        self.order.push_back(hash);
        if self.order.len() > SEEN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    pub(super) fn has(&self, endpoint: &str, request_id: &str) -> bool {
        self.known.contains(&split::hash(&[endpoint, request_id]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ids_of_each_endpoint_are_known() {
        let mut seen = Seen::default();
        for number in 0..SEEN_MAX + 10 {
            seen.note("e", &number.to_string());
            seen.note("e", &number.to_string());
        }
        assert!(!seen.has("e", "9"), "the oldest are forgotten");
        assert!(seen.has("e", "10"));
        assert!(!seen.has("f", "10"));
        assert_eq!(seen.order.len(), SEEN_MAX);
        assert_eq!(seen.known.len(), SEEN_MAX);
    }
}
