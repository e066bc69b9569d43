//! The derive on an enum: its variants are the choices of a parameter.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DataEnum, DeriveInput, Result};

pub(crate) fn derive(input: &DeriveInput, data: &DataEnum) -> Result<TokenStream> {
    if let Some(variant) = data
        .variants
        .iter()
        .find(|variant| !variant.fields.is_empty())
    {
        return Err(syn::Error::new_spanned(variant, "a choice has no fields"));
    }
    let ident = &input.ident;
    let variants: Vec<_> = data.variants.iter().map(|variant| &variant.ident).collect();
    let names: Vec<_> = variants
        .iter()
        .map(|variant| snake_case(&variant.to_string()))
        .collect();
    Ok(quote! {
        impl ::automl_core::params::ParamChoice for #ident {
            const NAMES: &'static [&'static str] = &[#(#names),*];
            fn choice_name(&self) -> &'static str {
                match self { #(Self::#variants => #names),* }
            }
            fn from_choice_name(name: &str) -> Option<Self> {
                match name { #(#names => Some(Self::#variants),)* _ => None }
            }
        }
    })
}

pub(crate) fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for (position, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && position > 0 {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}
