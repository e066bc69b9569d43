//! What a user sees of a bug.

use super::{message, note};
use crate::console::{Console, Format};

#[test]
fn a_bug_is_called_one_in_words_and_as_json() {
    let words = message(Console::from_environment(Format::Text), "boom, at a.rs:1");
    assert!(words.contains("a bug in automl") && words.contains("boom, at a.rs:1\n"));
    let json = message(Console::from_environment(Format::Json), "boom");
    let json: serde_json::Value = serde_json::from_str(&json).expect("one JSON value");
    assert_eq!(json["code"], "internal-bug");
    assert_eq!(json["exit_code"], 1);
}

#[test]
fn the_panic_of_a_thread_is_kept_when_its_scope_panics_too() {
    let mut last = String::new();
    note(&mut last, Some("caught"), "caught, at a.rs:1".into());
    note(&mut last, Some("boom"), "boom, at b.rs:2".into());
    let echo = std::panic::catch_unwind(|| {
        std::thread::scope(|scope| {
            scope.spawn(|| std::panic::resume_unwind(Box::new("quietly")));
        });
    });
    let echo = echo.expect_err("the scope panics");
    let what = echo.downcast_ref::<&str>().copied();
    note(&mut last, what, "a scope, at c.rs:3".into());
    assert_eq!(last, "boom, at b.rs:2");
}
