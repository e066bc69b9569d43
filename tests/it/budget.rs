//! A time limit is kept, ensemble, refit and writing included.

use crate::harness::Desk;
use automl_core::Clock;

#[test]
fn fit_ends_within_a_twentieth_and_two_seconds_of_its_time_limit() {
    let desk = Desk::new();
    let clock = Clock::start();
    desk.automl_ok("fit datasets/churn.csv --target churned --time-limit 6s --output model");
    let seconds = clock.seconds();
    assert!(seconds <= 6.0 * 1.05 + 2.0, "it took {seconds:.1} s");
}
