//! Which deployment answers a request: by its key, so that one caller always meets the same.

/// A number of a text that is the same on every machine and in every version.
pub(crate) fn hash(parts: &[&str]) -> u64 {
    const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
    const FNV_FACTOR: u64 = 0x0100_0000_01b3;
    let mut state = FNV_START;
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            state = (state ^ u64::from(byte)).wrapping_mul(FNV_FACTOR);
        }
    }
    mixed(state)
}

/// Spreads what differs in few bits over all of them.
pub(crate) fn mixed(mut state: u64) -> u64 {
    state ^= state >> 30;
    state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state ^= state >> 27;
    state = state.wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// The place among `shares`, in percents, that a number falls to; none if nobody has a share.
pub(crate) fn place(shares: impl Iterator<Item = u32> + Clone, number: u64) -> Option<usize> {
    let whole: u32 = shares.clone().sum();
    if whole == 0 {
        return None;
    }
    // The high bits, as a fraction of the whole: no remainder prefers small places.
    let mut due = ((u128::from(number) * u128::from(whole)) >> 64) as u32;
    for (place, share) in shares.enumerate() {
        if due < share {
            return Some(place);
        }
        due -= share;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(shares: &[u32], key: &str) -> usize {
        place(shares.iter().copied(), hash(&["churn", key])).unwrap()
    }

    #[test]
    fn a_key_always_meets_the_same_and_keys_are_shared_out() {
        let keys: Vec<String> = (0..20_000).map(|number| format!("user-{number}")).collect();
        let n_second = keys.iter().filter(|key| met(&[90, 10], key) == 1).count();
        assert!((1_800..2_200).contains(&n_second), "{n_second}");
        for key in &keys[..100] {
            assert_eq!(met(&[90, 10], key), met(&[90, 10], key));
        }
    }

    #[test]
    fn a_greater_share_takes_nobody_away_who_was_there() {
        for number in 0..5_000 {
            let key = format!("{number}");
            assert!(met(&[90, 10], &key) == 0 || met(&[70, 30], &key) == 1);
        }
    }

    #[test]
    fn who_has_no_share_is_never_met() {
        for number in 0..5_000 {
            assert_eq!(met(&[0, 100, 0], &number.to_string()), 1);
        }
        assert_eq!(place([0, 0].into_iter(), 7), None);
        assert_eq!(place([100].into_iter(), u64::MAX), Some(0));
    }
}
