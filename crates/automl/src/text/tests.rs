//! How values look when printed.

use super::{Align, clip, clock, count, counted, score, seconds, shell_word, table};

#[test]
fn scores_keep_the_digits_that_matter() {
    let cases = [
        (0.927_123, "0.92712"),
        (1.0, "1.00000"),
        (543.21, "543.210"),
        (12_345.678, "12345.68"),
        (0.0, "0.00000"),
    ];
    for (value, text) in cases {
        assert_eq!(score(value), text);
    }
    assert_eq!(score(f64::NAN), "-");
    assert_eq!(score(0.000_012_3), "1.2300e-5");
}

#[test]
fn counts_are_grouped_by_thousands() {
    assert_eq!(
        [count(0), count(999), count(1000), count(1_234_567)],
        ["0", "999", "1,000", "1,234,567"]
    );
    assert_eq!([counted(1, "row"), counted(2, "row")], ["1 row", "2 rows"]);
}

#[test]
fn times_grow_coarser() {
    assert_eq!(
        [seconds(0.42), seconds(12.0), seconds(65.0), seconds(7380.0)],
        ["0.4s", "12s", "1m 05s", "2h 03m"]
    );
    assert_eq!(
        [clock(7.9), clock(723.0), clock(3723.0)],
        ["0:07", "12:03", "1:02:03"]
    );
}

#[test]
fn long_text_is_cut_with_an_ellipsis() {
    assert_eq!(
        [clip("naïve", 5), clip("naïve Bayes", 5)],
        ["naïve", "naïv…"]
    );
}

#[test]
fn tables_are_aligned_without_trailing_blanks() {
    let rows = [
        vec!["a".to_owned(), "10".to_owned()],
        vec!["long".to_owned(), "9".to_owned()],
    ];
    let text = table(&[("name", Align::Left), ("n", Align::Right)], &rows);
    assert_eq!(text, "name   n\na     10\nlong   9\n");
}

#[test]
fn a_path_is_quoted_where_a_shell_would_split_it() {
    assert_eq!(shell_word("models/churn-2"), "models/churn-2");
    assert_eq!(shell_word("my model"), "'my model'");
    assert_eq!(shell_word("it's"), r"'it'\''s'");
}
