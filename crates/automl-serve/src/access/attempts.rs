//! How often passwords may be tried: by name from one address, and from one address altogether.

use super::bucket::Bucket;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

/// A person who mistypes has ten tries, then one each six seconds.
const BY_NAME: (f64, f64) = (1.0 / 6.0, 10.0);
/// Many may share an address.
const BY_ADDRESS: (f64, f64) = (1.0, 100.0);
/// Buckets that are kept; when there are more, the full ones go, and then all.
const KEPT: usize = 10_000;

/// Whose tries are counted; without a name, all of the address.
type Key = (Option<IpAddr>, Option<String>);

#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<BTreeMap<Key, Bucket>>);

fn rate(key: &Key) -> (f64, f64) {
    if key.1.is_some() { BY_NAME } else { BY_ADDRESS }
}

/// Who has one address of IPv6 has all of its /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) if address.to_ipv4_mapped().is_none() => {
            Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into()
        }
        other => other.to_canonical(),
    }
}

impl Attempts {
    /// Counts a try, or says after how many seconds there may be one.
    pub(super) fn begin(&self, address: Option<IpAddr>, name: &str, now: f64) -> Result<(), f64> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= KEPT {
            buckets.retain(|key, bucket| {
                let (per_second, burst) = rate(key);
                !bucket.is_full(per_second, burst, now)
            });
        }
        if buckets.len() >= KEPT {
            buckets.clear();
        }
        let address = address.map(network);
        // A name that has run out takes nothing from the others of its address.
        for key in [(address, Some(name.to_owned())), (address, None)] {
            let (per_second, burst) = rate(&key);
            let bucket = buckets
                .entry(key)
                .or_insert_with(|| Bucket::new(burst, now));
            bucket.take(per_second, burst, now)?;
        }
        Ok(())
    }

    /// The try was right: it does not count.
    pub(super) fn was_right(&self, address: Option<IpAddr>, name: &str) {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let address = address.map(network);
        for key in [(address, None), (address, Some(name.to_owned()))] {
            if let Some(bucket) = buckets.get_mut(&key) {
                bucket.give_back();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Attempts;

    #[test]
    fn wrong_tries_run_out_by_name_and_address() {
        let attempts = Attempts::default();
        let (here, there) = (Some([1, 1, 1, 1].into()), Some([2, 2, 2, 2].into()));
        for _ in 0..10 {
            assert_eq!(attempts.begin(here, "ada", 0.0), Ok(()));
        }
        assert!(attempts.begin(here, "ada", 0.0).is_err());
        assert_eq!(attempts.begin(there, "ada", 0.0), Ok(()), "another address");
        assert_eq!(attempts.begin(here, "bob", 0.0), Ok(()), "another name");
        assert_eq!(attempts.begin(here, "ada", 6.0), Ok(()), "later");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let attempts = Attempts::default();
        let wrong = (0..150_u128).filter(|n| {
            let address = std::net::Ipv6Addr::from_bits((0x2001 << 112) + n);
            let address = Some(address.into());
            attempts.begin(address, &n.to_string(), 0.0).is_err()
        });
        assert_eq!(wrong.count(), 50);
    }

    #[test]
    fn right_tries_do_not_count() {
        let attempts = Attempts::default();
        for _ in 0..200 {
            assert_eq!(attempts.begin(None, "ada", 0.0), Ok(()));
            attempts.was_right(None, "ada");
        }
    }

    #[test]
    fn an_address_that_tries_many_names_runs_out_too() {
        let attempts = Attempts::default();
        let wrong = (0..150).filter(|n| attempts.begin(None, &n.to_string(), 0.0).is_err());
        assert_eq!(wrong.count(), 50);
    }
}
