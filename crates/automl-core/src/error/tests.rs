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
fn names_that_share_a_few_letters_or_an_extension_are_not_near() {
    assert!(nearest("name", ["age"]).is_empty());
    assert!(nearest("nosuch.csv", ["xu.csv"]).is_empty());
    assert_eq!(nearest("godo.csv", ["good.csv"]), ["good.csv"]);
    assert_eq!(nearest("incme", ["income", "name"]), ["income"]);
    assert_eq!(nearest("last", ["last, first"]), ["last, first"]);
    assert_eq!(nearest("room", ["rooms"]), ["rooms"]);
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
