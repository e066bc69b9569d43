//! A panic is a bug of ours: one short message that says so, and exit code 1.

use crate::console::{Colour, Console, Format, print_line};
use crate::errors::{self, Report};
use serde_json::json;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Mutex, PoisonError};

#[cfg(test)]
mod tests;

/// What the last panic of any thread said.
static LAST: Mutex<String> = Mutex::new(String::new());

/// Runs `work`; none if it panicked, which is said.
///
/// Panics that somebody catches on the way (a decoder of damaged files, a trial of the search) become errors of theirs
/// and are not said here.
pub(crate) fn guard<T>(console: Console, work: impl FnOnce() -> T) -> Option<T> {
    panic::set_hook(Box::new(|info| {
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        note(&mut last, info.payload_as_str(), text(info));
    }));
    let result = panic::catch_unwind(AssertUnwindSafe(work)).ok();
    if result.is_none() {
        print_line(&message(console, &last()));
    }
    result
}

fn last() -> String {
    LAST.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The panic that ended the verb, as an error.
pub(crate) fn report() -> Report {
    Report {
        code: Some(CODE),
        message: told(&last()),
        hint: None,
    }
}

const CODE: &str = "internal-bug";

fn told(text: &str) -> String {
    format!("a bug in automl {}: {text}", env!("CARGO_PKG_VERSION"))
}

/// What `std::thread::scope` says when a thread of it has panicked: after that thread, and without its reason.
const ECHO: &str = "a scoped thread panicked";

/// Takes a panic in, unless it only repeats the one before.
fn note(last: &mut String, what: Option<&str>, text: String) {
    if what != Some(ECHO) || last.is_empty() {
        *last = text;
    }
}

/// What went wrong and where in our sources: `index out of bounds …, at crates/…/grow.rs:12`.
fn text(info: &PanicHookInfo<'_>) -> String {
    let what = info.payload_as_str().unwrap_or("no reason given");
    match info.location() {
        Some(place) => format!("{what}, at {}:{}", place.file(), place.line()),
        None => what.to_owned(),
    }
}

fn message(console: Console, text: &str) -> String {
    let message = told(text);
    let hint = "please report it with the command that you ran";
    match console.format() {
        Format::Json => json!({
            "event": "error",
            "code": CODE,
            "message": message,
            "hint": hint,
            "exit_code": errors::FAILED,
        })
        .to_string(),
        Format::Text => format!(
            "{}: {message}\n{}: {hint}",
            console.label(&format!("error[{CODE}]"), Colour::Red),
            console.label("hint", Colour::Cyan)
        ),
    }
}
