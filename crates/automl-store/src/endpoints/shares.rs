//! Shares of requests, in whole percents that add up to 100.

use super::Deployment;

/// All requests.
pub(super) const WHOLE: u32 = 100;

/// Shares out `total` in the proportion of `weights`: each gets what is due rounded down, and the largest remainders get
/// what is left, the first among equals. All get nothing if no weight is above zero.
fn shared_out(weights: &[u32], total: u32) -> Vec<u32> {
    let sum: u32 = weights.iter().sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let mut shares: Vec<u32> = weights.iter().map(|weight| weight * total / sum).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&place| std::cmp::Reverse(weights[place] * total % sum));
    let left = total - shares.iter().sum::<u32>();
    for &place in order.iter().take(left as usize) {
        shares[place] += 1;
    }
    shares
}

/// Gives `name` its share, and lets the others share the rest as they did before.
pub(super) fn give(deployments: &mut [Deployment], name: &str, share: u32) {
    let is_other = |one: &Deployment| one.name != name && !one.is_shadow;
    let weights: Vec<u32> = (deployments.iter().filter(|one| is_other(one)))
        .map(|one| one.share)
        .collect();
    let mut rest = shared_out(&weights, WHOLE - share).into_iter();
    for one in deployments {
        if is_other(one) {
            one.share = rest.next().unwrap_or(0);
        } else if one.name == name {
            one.share = share;
        }
    }
}

/// The percents that all together answer.
pub(super) fn sum(deployments: &[Deployment]) -> u32 {
    deployments.iter().map(|one| one.share).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_rest_is_shared_as_before() {
        assert_eq!(shared_out(&[90, 10], 80), [72, 8]);
        assert_eq!(shared_out(&[1, 1, 1], 100), [34, 33, 33]);
        assert_eq!(shared_out(&[0, 0], 100), [0, 0]);
        assert_eq!(shared_out(&[50, 50], 0), [0, 0]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nobody_gets_far_from_what_is_due(
            weights in prop::collection::vec(0_u32..=100, 1..6), total in 0_u32..=100
        ) {
            let sum: u32 = weights.iter().sum();
            prop_assume!(sum > 0);
            let shares = shared_out(&weights, total);
            prop_assert_eq!(shares.iter().sum::<u32>(), total);
            for (weight, share) in weights.iter().zip(shares) {
                let due = f64::from(weight * total) / f64::from(sum);
                prop_assert!((f64::from(share) - due).abs() < 1.0);
                prop_assert!(*weight > 0 || share == 0);
            }
        }
    }
}
