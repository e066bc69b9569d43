//! Which requests of an endpoint are kept, and what of them.

use super::super::split;
use automl_store::endpoints::Capture;

/// What the record says of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Rule(pub(crate) Capture);

/// What is kept of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Its values.
    Values,
    /// Whether there is a value.
    Presence,
    Nothing,
}

impl Rule {
    /// Whether a request is kept: decided by its id, so that one that is sent again is kept again.
    pub(crate) fn picks(&self, request_id: &str) -> bool {
        let number = split::hash(&["capture", request_id]);
        // The 53 bits that a number between 0 and 1 has.
        let place = (number >> 11) as f64 / (1_u64 << 53) as f64;
        place < self.0.rate
    }

    pub(super) fn of_column(&self, name: &str) -> Keep {
        let is_named = |names: &[String]| names.iter().any(|one| one == name);
        if is_named(&self.0.redacted) {
            Keep::Presence
        } else if self.0.fields.as_deref().is_none_or(is_named) {
            Keep::Values
        } else {
            Keep::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(rate: f64) -> Rule {
        Rule(Capture {
            rate,
            fields: Some(vec!["a".into(), "b".into()]),
            redacted: vec!["b".into(), "c".into()],
            user_id: String::new(),
            since_ms: 0,
        })
    }

    #[test]
    fn a_rate_is_the_part_of_ids_that_are_picked() {
        for (rate, least, most) in [(1.0, 20_000, 20_000), (0.1, 1_800, 2_200), (0.0, 0, 0)] {
            let rule = rule(rate);
            let n = (0..20_000)
                .filter(|id| rule.picks(&format!("r-{id}")))
                .count();
            assert!((least..=most).contains(&n), "{rate}: {n}");
        }
    }

    #[test]
    fn what_is_redacted_is_never_kept_whatever_else_is_said() {
        let rule = rule(1.0);
        assert_eq!(rule.of_column("a"), Keep::Values);
        assert_eq!(rule.of_column("b"), Keep::Presence);
        assert_eq!(rule.of_column("c"), Keep::Presence);
        assert_eq!(rule.of_column("d"), Keep::Nothing);
    }
}
