//! What the derive refuses, in words that a declaration's author can act on. What it makes of sound ones is tested in
//! `automl-core`, whose types it names.

use crate::{choice, params};
use syn::{Data, DeriveInput};

/// The error of deriving on a struct of one field.
fn error_of_field(field: &str) -> String {
    error(&format!("struct Sample {{ {field} }}"))
}

fn error(item: &str) -> String {
    derive(item).expect_err("it is refused").to_string()
}

fn derive(item: &str) -> syn::Result<proc_macro2::TokenStream> {
    let input: DeriveInput = syn::parse_str(item).expect("it is Rust");
    match &input.data {
        Data::Struct(data) => params::derive(&input, data),
        Data::Enum(data) => choice::derive(&input, data),
        Data::Union(_) => unreachable!("no test derives on a union"),
    }
}

#[test]
fn a_complete_parameter_is_taken() {
    let field = "#[doc = \"Rate.\"] #[param(default = 0.1, range = 0.0..=1.0, search = 0.1..=0.5, alias = \"eta\")] rate: f64";
    assert!(derive(&format!("struct Sample {{ {field} }}")).is_ok());
    assert!(derive("enum Growth { LeafWise, DepthWise }").is_ok());
}

#[test]
fn a_parameter_needs_doc_default_and_range() {
    assert_eq!(
        error_of_field("#[param(default = 0.1, range = 0.0..=1.0)] rate: f64"),
        "a parameter needs a doc comment"
    );
    assert_eq!(
        error_of_field("#[doc = \"Rate.\"] #[param(range = 0.0..=1.0)] rate: f64"),
        "a parameter needs a default"
    );
    for ty in ["f64", "usize", "i64"] {
        let field = format!("#[doc = \"Rate.\"] #[param(default = 1)] rate: {ty}");
        assert_eq!(error_of_field(&field), "a number needs a range");
    }
    assert_eq!(error("struct Sample(f64);"), "fields need names");
}

#[test]
fn a_range_has_two_ends() {
    let with = |range: &str| {
        error_of_field(&format!(
            "#[doc = \"Rate.\"] #[param(default = 0.1, range = {range})] rate: f64"
        ))
    };
    assert_eq!(with("0.0.."), "both ends of a range are needed");
    assert_eq!(with("1.0"), "expected low..=high");
}

#[test]
fn a_text_is_not_searched() {
    let field = "#[doc = \"Names.\"] #[param(default = String::new(), search)] names: String";
    assert_eq!(error_of_field(field), "a text cannot be searched");
}

#[test]
fn an_unknown_attribute_is_answered_with_those_there_are() {
    let field = "#[doc = \"Rate.\"] #[param(default = 0.1, rnage = 0.0..=1.0)] rate: f64";
    assert_eq!(
        error_of_field(field),
        "expected default, range, log, search or alias"
    );
}

#[test]
fn a_choice_is_a_bare_name() {
    assert_eq!(
        error("enum Growth { LeafWise(u8) }"),
        "a choice has no fields"
    );
}

#[test]
fn choices_are_named_in_snake_case() {
    let names = ["LeafWise", "Sqrt", "L2"].map(choice::snake_case);
    assert_eq!(names, ["leaf_wise", "sqrt", "l2"]);
}
