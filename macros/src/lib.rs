//! The derives of `annals`.

mod ast;
mod attr;
mod errors;
mod expand;
mod valid;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

use crate::{ast::Enum, errors::Errors};

/// Derives `Event`.
#[proc_macro_derive(Event, attributes(event))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let mut errors = Errors::default();
    let event = Enum::read(&input, &mut errors).map(|input| valid::check(input, &mut errors));
    let expanded = errors.into_tokens().or_else(|| event.map(|event| expand::expand(&event)));
    expanded.unwrap_or_default().into()
}
