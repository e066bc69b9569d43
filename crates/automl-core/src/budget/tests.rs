//! A budget is over when its time is up or someone asks.

use super::{Budget, Deadline, MemoryLimit};
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);

#[test]
fn without_limits_it_is_never_over() {
    let budget = Budget::unlimited();
    assert!(!budget.is_over());
    assert_eq!(budget.deadline.remaining(), None);
    assert!(budget.memory.allows(u64::MAX));
}

#[test]
fn a_passed_deadline_ends_it() {
    let deadline = Deadline::after(Duration::ZERO);
    assert!(deadline.has_passed());
    assert_eq!(deadline.remaining(), Some(Duration::ZERO));
    assert!(
        Budget {
            deadline,
            ..Budget::unlimited()
        }
        .is_over()
    );
    assert!(!Deadline::after(HOUR).has_passed());
}

#[test]
fn any_clone_of_the_token_ends_it() {
    let budget = Budget::unlimited();
    let other = budget.clone();
    other.cancel.cancel();
    assert!(budget.is_over() && budget.cancel.is_cancelled());
}

#[test]
fn capping_keeps_the_earlier_end() {
    assert!(Deadline::after(Duration::ZERO).capped(HOUR).has_passed());
    let capped = Deadline::never().capped(HOUR).remaining().unwrap();
    assert!(capped <= HOUR && capped > HOUR / 2);
    assert!(Deadline::after(2 * HOUR).capped(HOUR).remaining().unwrap() <= HOUR);
}

#[test]
fn a_memory_limit_includes_its_last_byte() {
    assert!(MemoryLimit(Some(10)).allows(10));
    assert!(!MemoryLimit(Some(10)).allows(11));
}
