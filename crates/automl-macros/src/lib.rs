//! `#[derive(Params)]`: a plain struct of hyper-parameters becomes data.
//!
//! On a struct it implements `automl_core::Params` and `Default`; fields are `f64`, an unsigned or signed integer,
//! `bool`, `String`, or an enum that derives `Params` too. Each field has a doc comment and
//! `#[param(default = …, range = low..=high, log, search, search = low..=high, alias = "…")]`:
//! `range` is what is valid, `search` what is worth trying (the same if no range of its own is given).
//! Of a choice, `search = ["…", "…"]` names those worth trying.
//! On an enum without fields it implements `automl_core::params::ParamChoice` with `snake_case` names.

mod choice;
mod params;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;
use syn::{Data, DeriveInput, parse_macro_input};

/// See the crate's page.
#[proc_macro_derive(Params, attributes(param))]
pub fn derive_params(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let tokens = match &input.data {
        Data::Struct(data) => params::derive(&input, data),
        Data::Enum(data) => choice::derive(&input, data),
        Data::Union(_) => Err(syn::Error::new_spanned(
            &input.ident,
            "Params is for structs and enums",
        )),
    };
    tokens.unwrap_or_else(syn::Error::into_compile_error).into()
}
