//! The derive on a struct: each field is a parameter.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned;
use syn::{
    Attribute, DataStruct, DeriveInput, Error, Expr, Field, Lit, LitStr, Meta, Result, Type,
};

/// The kinds of field, by their type's name.
enum Shape {
    Float,
    Int,
    Bool,
    Text,
    Choice,
}

/// What `#[param(…)]` says.
#[derive(Default)]
struct Attributes {
    default: Option<Expr>,
    range: Option<Expr>,
    log: bool,
    search: bool,
    search_range: Option<Expr>,
    aliases: Vec<LitStr>,
}

pub(crate) fn derive(input: &DeriveInput, data: &DataStruct) -> Result<TokenStream> {
    let ident = &input.ident;
    let (mut specs, mut defaults, mut getters, mut setters) = (vec![], vec![], vec![], vec![]);
    for field in &data.fields {
        let name = field
            .ident
            .as_ref()
            .ok_or_else(|| Error::new_spanned(field, "fields need names"))?;
        // A field that is a word of Rust, such as `r#type`, is called by the word.
        let text = name.unraw().to_string();
        let ty = &field.ty;
        let shape = shape(ty);
        let attributes = attributes(field)?;
        let default = attributes
            .default
            .as_ref()
            .ok_or_else(|| Error::new_spanned(field, "a parameter needs a default"))?;
        let value = to_value(&shape, &quote!(value));
        let (pattern, parsed) = from_value(&shape, ty);
        specs.push(spec(field, &text, &shape, &attributes)?);
        defaults.push(quote!(#name: #default));
        getters.push(quote!(#text => { let value = &self.#name; Some(#value) }));
        setters.push(quote!((#text, #pattern) => self.#name = #parsed));
    }
    Ok(quote! {
        impl ::core::default::Default for #ident {
            fn default() -> Self { Self { #(#defaults),* } }
        }
        impl ::automl_core::params::Params for #ident {
            const SPECS: &'static [::automl_core::params::ParamSpec] = &[#(#specs),*];
            fn get(&self, name: &str) -> Option<::automl_core::params::ParamValue> {
                match name { #(#getters,)* _ => None }
            }
            fn set(&mut self, name: &str, value: &::automl_core::params::ParamValue)
                -> ::core::result::Result<(), ::automl_core::params::ParamError>
            {
                let (spec, value) = ::automl_core::params::checked(Self::SPECS, name, value)?;
                match (spec.name, value) {
                    #(#setters,)*
                    _ => {}
                }
                Ok(())
            }
        }
    })
}

fn shape(ty: &Type) -> Shape {
    let name = quote!(#ty).to_string();
    match name.as_str() {
        "f64" => Shape::Float,
        "usize" | "u32" | "u64" | "i64" => Shape::Int,
        "bool" => Shape::Bool,
        "String" => Shape::Text,
        _ => Shape::Choice,
    }
}

fn attributes(field: &Field) -> Result<Attributes> {
    let mut out = Attributes::default();
    for attribute in field
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("param"))
    {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("default") {
                out.default = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("range") {
                out.range = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("log") {
                out.log = true;
            } else if meta.path.is_ident("search") {
                out.search = true;
                if let Ok(value) = meta.value() {
                    out.search_range = Some(value.parse()?);
                }
            } else if meta.path.is_ident("alias") {
                out.aliases.push(meta.value()?.parse()?);
            } else {
                return Err(meta.error("expected default, range, log, search or alias"));
            }
            Ok(())
        })?;
    }
    Ok(out)
}

fn spec(field: &Field, name: &str, shape: &Shape, attributes: &Attributes) -> Result<TokenStream> {
    let doc = doc(&field.attrs);
    if doc.is_empty() {
        return Err(Error::new_spanned(field, "a parameter needs a doc comment"));
    }
    let ty = &field.ty;
    let default = &attributes.default;
    let value = to_value(shape, &quote!((&default)));
    let range = domain(shape, ty, attributes.range.as_ref(), attributes.log, field)?;
    let search = match (attributes.search, &attributes.search_range) {
        (false, _) => quote!(None),
        (true, _) if matches!(shape, Shape::Text) => {
            return Err(Error::new_spanned(field, "a text cannot be searched"));
        }
        (true, None) => quote!(Some(#range)),
        (true, Some(range)) => {
            let domain = domain(shape, ty, Some(range), attributes.log, field)?;
            quote!(Some(#domain))
        }
    };
    let aliases = &attributes.aliases;
    Ok(quote! {
        ::automl_core::params::ParamSpec {
            name: #name,
            doc: #doc,
            default: || { let default: #ty = #default; #value },
            domain: #range,
            search: #search,
            aliases: &[#(#aliases),*],
        }
    })
}

fn domain(
    shape: &Shape,
    ty: &Type,
    range: Option<&Expr>,
    log: bool,
    field: &Field,
) -> Result<TokenStream> {
    let bounds = || match range {
        Some(Expr::Range(range)) => match (&range.start, &range.end) {
            (Some(low), Some(high)) => Ok((low.clone(), high.clone())),
            _ => Err(Error::new_spanned(range, "both ends of a range are needed")),
        },
        Some(other) => Err(Error::new_spanned(other, "expected low..=high")),
        None => Err(Error::new(field.span(), "a number needs a range")),
    };
    let path = quote!(::automl_core::params::Domain);
    Ok(match shape {
        Shape::Float => {
            let (low, high) = bounds()?;
            quote!(#path::Float { low: #low, high: #high, log: #log })
        }
        Shape::Int => {
            let (low, high) = bounds()?;
            quote!(#path::Int { low: #low, high: #high, log: #log })
        }
        Shape::Bool => quote!(#path::Bool),
        Shape::Text => quote!(#path::Text),
        Shape::Choice if range.is_some() => quote!(#path::Choice(&#range)),
        Shape::Choice => quote!(#path::Choice(<#ty as ::automl_core::params::ParamChoice>::NAMES)),
    })
}

fn doc(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("doc"))
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) => match &pair.value {
                Expr::Lit(literal) => match &literal.lit {
                    Lit::Str(text) => Some(text.value().trim().to_owned()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        })
        .collect();
    lines.join(" ").trim().to_owned()
}

/// An expression that makes a `ParamValue` of the reference `value`.
fn to_value(shape: &Shape, value: &TokenStream) -> TokenStream {
    let path = quote!(::automl_core::params::ParamValue);
    match shape {
        Shape::Float => quote!(#path::Float(*#value)),
        Shape::Int => quote!(#path::Int(*#value as i64)),
        Shape::Bool => quote!(#path::Bool(*#value)),
        Shape::Text => quote!(#path::Text(#value.clone().into())),
        Shape::Choice => {
            quote!(#path::Text(::automl_core::params::ParamChoice::choice_name(#value).into()))
        }
    }
}

/// A pattern that binds `inner`, and the expression that makes the field's value of it.
fn from_value(shape: &Shape, ty: &Type) -> (TokenStream, TokenStream) {
    let path = quote!(::automl_core::params::ParamValue);
    match shape {
        Shape::Float => (quote!(#path::Float(inner)), quote!(inner)),
        Shape::Int => (quote!(#path::Int(inner)), quote!(inner as #ty)),
        Shape::Bool => (quote!(#path::Bool(inner)), quote!(inner)),
        Shape::Text => (quote!(#path::Text(inner)), quote!(inner.into_owned())),
        Shape::Choice => (
            quote!(#path::Text(inner)),
            quote!(<#ty as ::automl_core::params::ParamChoice>::from_choice_name(&inner).expect("names were checked")),
        ),
    }
}
