//! Near names come best first, and lists read as English.

use super::{nearest, or_list};

#[test]
fn near_names_come_best_first_and_at_most_three() {
    let known = ["age", "agent", "agenda", "agency", "income"];
    let found = nearest("AGEN", known);
    assert_eq!((found.len(), found[0].as_str()), (3, "agent"));
    assert!(nearest("zzz", known).is_empty());
}

#[test]
fn lists_end_in_or() {
    let list = |names: &[&str]| {
        or_list(
            &names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(list(&[]), "");
    assert_eq!(list(&["a"]), "a");
    assert_eq!(list(&["a", "b"]), "a or b");
    assert_eq!(list(&["a", "b", "c"]), "a, b or c");
}
