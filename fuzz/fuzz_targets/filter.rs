//! No text makes the reader of filters and orders panic or not end; the place of an error lies in the text.

#![no_main]

use automl_store::filter::{parse, parse_order};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Err(error) = parse(text) {
        assert!(
            (1..=text.chars().count() + 1).contains(&error.at),
            "{error:?}"
        );
    }
    drop(parse_order(text));
});
