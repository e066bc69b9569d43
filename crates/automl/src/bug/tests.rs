//! What a user sees of a bug.

use super::message;
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
