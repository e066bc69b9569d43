//! The learning rate of a step.

use super::settings::{Course, ScheduleKind, ScheduleParams};

/// The learning rate of `step` (from 0) of `n_steps`, as a share of the configured one, plateaus aside.
///
/// Warm-up rises in a straight line, so that step `w - 1` of `w` is the first at full height; the schedule runs over the
/// steps that are left.
pub fn share(params: &ScheduleParams, step: u64, n_steps: u64) -> f64 {
    let warmup = params.warmup_steps.min(n_steps);
    if step < warmup {
        return (step + 1) as f64 / warmup as f64;
    }
    let left = (n_steps - warmup).max(1);
    let done = ((step - warmup) as f64 / left as f64).min(1.0);
    let end = params.final_share;
    match params.r#type {
        ScheduleKind::Constant | ScheduleKind::Plateau => 1.0,
        ScheduleKind::Linear => end + (1.0 - end) * (1.0 - done),
        ScheduleKind::Cosine => fall(1.0, end, done),
        ScheduleKind::Coslog4 => {
            let turns = (1.0 + 15.0 * done).log2();
            0.5 * (1.0 - (std::f64::consts::TAU * turns).cos())
        }
        ScheduleKind::OneCycle if done < params.rise_share => {
            fall(START_SHARE, 1.0, done / params.rise_share)
        }
        ScheduleKind::OneCycle => {
            let since = (done - params.rise_share) / (1.0 - params.rise_share).max(1e-9);
            fall(1.0, end.max(START_SHARE * 1e-4), since.min(1.0))
        }
    }
}

/// What is left of a thing other than the learning rate at `step` (from 0) of `n_steps`.
pub(super) fn left_of(course: Course, step: u64, n_steps: u64) -> f64 {
    let done = (step as f64 / n_steps.max(1) as f64).min(1.0);
    match course {
        Course::FlatCosine if done > 0.5 => fall(1.0, 0.0, 2.0 * done - 1.0),
        Course::Constant | Course::FlatCosine => 1.0,
    }
}

/// Where one-cycle begins, as in PyTorch.
const START_SHARE: f64 = 0.04;

/// Half a cosine from `from` to `to`.
fn fall(from: f64, to: f64, done: f64) -> f64 {
    to + (from - to) * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(kind: ScheduleKind, warmup_steps: u64) -> Vec<f64> {
        let params = ScheduleParams {
            r#type: kind,
            warmup_steps,
            final_share: 0.1,
            ..ScheduleParams::default()
        };
        (0..=10).map(|step| share(&params, step, 10)).collect()
    }

    #[test]
    fn warm_up_rises_to_the_full_rate_and_the_schedule_begins_there() {
        let shares = shares(ScheduleKind::Constant, 4);
        assert_eq!(shares[..5], [0.25, 0.5, 0.75, 1.0, 1.0]);
    }

    #[test]
    fn cosine_and_line_fall_from_one_to_the_final_share_and_meet_half_way() {
        for kind in [ScheduleKind::Cosine, ScheduleKind::Linear] {
            let shares = shares(kind, 0);
            assert!((shares[0] - 1.0).abs() < 1e-12, "{kind:?}");
            assert!((shares[5] - 0.55).abs() < 1e-12, "{kind:?}");
            assert!((shares[10] - 0.1).abs() < 1e-12, "{kind:?}");
            assert!(shares.windows(2).all(|pair| pair[1] < pair[0]), "{kind:?}");
        }
    }

    #[test]
    fn coslog4_rises_and_falls_four_times_ever_more_slowly() {
        let params = ScheduleParams {
            r#type: ScheduleKind::Coslog4,
            ..ScheduleParams::default()
        };
        let at = |step| share(&params, step, 15_000);
        // Whole turns at 1, 3, 7 and 15 of 15 parts, half turns between on the scale of logarithms.
        for step in [0, 1000, 3000, 7000, 15_000] {
            assert!(at(step).abs() < 1e-9, "{step}");
        }
        for half in [0.5, 1.5, 2.5, 3.5] {
            let step = (2_f64.powf(half) - 1.0) * 1000.0;
            assert!((at(step.round() as u64) - 1.0).abs() < 1e-4, "{half}");
        }
    }

    #[test]
    fn a_flat_cosine_stays_for_half_and_falls_to_nothing() {
        let left = |step| left_of(Course::FlatCosine, step, 100);
        assert_eq!([0, 30, 50].map(left), [1.0; 3]);
        assert!((left(75) - 0.5).abs() < 1e-12 && left(100).abs() < 1e-12);
        assert_eq!(left_of(Course::Constant, 99, 100), 1.0);
    }

    #[test]
    fn one_cycle_rises_then_falls() {
        let shares = shares(ScheduleKind::OneCycle, 0);
        assert!((shares[0] - 0.04).abs() < 1e-12);
        assert!((shares[3] - 1.0).abs() < 1e-12);
        assert!((shares[10] - 0.1).abs() < 1e-12);
    }
}
