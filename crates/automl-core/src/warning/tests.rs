//! Warnings are kept once each, in the order of arrival.

use super::{Warning, WarningKind, Warnings};

#[test]
fn the_same_warning_is_kept_once_in_order() {
    let all = Warnings::default();
    let constant = Warning::new(WarningKind::ConstantColumn, ["a"], "'a' holds one value");
    let budget = Warning::new(
        WarningKind::BudgetReached,
        Vec::<String>::new(),
        "out of time",
    );
    for warning in [&constant, &budget, &constant] {
        all.push(warning.clone());
    }
    assert_eq!(all.list(), [constant, budget]);
}

#[test]
fn a_warning_is_written_with_its_kind() {
    let warning = Warning::new(
        WarningKind::TargetLeak,
        ["alive"],
        "'alive' tells the target",
    );
    assert_eq!(
        serde_json::to_string(&warning).unwrap(),
        r#"{"kind":"target-leak","columns":["alive"],"message":"'alive' tells the target"}"#
    );
}
