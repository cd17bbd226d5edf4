//! The implementation of `Event` for a valid enum.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{ExprPath, Ident, Path, Type, spanned::Spanned};

use crate::valid::{Event, Holder, Kind, Stored};

pub(crate) fn expand(event: &Event<'_>) -> TokenStream {
    let Event { ident, krate, category, catch_all, .. } = event;
    let catches_all = catch_all.is_some();
    let parts = match &event.kind {
        Kind::Events(variants) => of_events(variants, event),
        Kind::Union(members) => of_union(members, event),
    };
    let Parts { names, name_arms, encode_arms, decode, shapes, items } = parts;
    let (name_of_other, encode_other) = match catch_all {
        None => (None, None),
        Some(Holder { ident, field }) => (
            Some(
                quote_spanned!(field.span()=> Self::#ident(__data) => __data.event_type.as_str(),),
            ),
            Some(quote_spanned! {field.span()=>
                Self::#ident(__data) => ::core::result::Result::Ok(::core::clone::Clone::clone(__data)),
            }),
        ),
    };
    quote! {
        const _: () = {
            #items

            #[automatically_derived]
            impl #krate::Event for #ident {
                const CATEGORY: &'static ::core::primitive::str = #category;

                const EVENT_TYPES: &'static [&'static ::core::primitive::str] = #names;

                const CATCHES_ALL: ::core::primitive::bool = #catches_all;

                fn event_type(&self) -> &::core::primitive::str {
                    match self {
                        #name_arms
                        #name_of_other
                    }
                }

                fn encode(&self) -> ::core::result::Result<#krate::EventData, #krate::EncodeError> {
                    match self {
                        #encode_arms
                        #encode_other
                    }
                }

                fn decode_into(
                    __data: &#krate::EventData,
                    __events: &mut ::std::vec::Vec<Self>,
                ) -> ::core::result::Result<(), #krate::DecodeError> {
                    #decode
                }

                fn shapes() -> ::std::vec::Vec<#krate::EventShape> {
                    #shapes
                }
            }
        };
    }
}

/// An implementation that only stands there, so that the one mistake in the enum is not reported
/// wherever the enum is used as well.
pub(crate) fn stand_in(event: &Event<'_>) -> TokenStream {
    let Event { ident, krate, category, .. } = event;
    quote! {
        #[automatically_derived]
        impl #krate::Event for #ident {
            const CATEGORY: &'static ::core::primitive::str = #category;
            const EVENT_TYPES: &'static [&'static ::core::primitive::str] = &[];
            const CATCHES_ALL: ::core::primitive::bool = false;

            fn event_type(&self) -> &::core::primitive::str {
                ::core::unimplemented!()
            }

            fn encode(&self) -> ::core::result::Result<#krate::EventData, #krate::EncodeError> {
                ::core::unimplemented!()
            }

            fn decode_into(
                _: &#krate::EventData,
                _: &mut ::std::vec::Vec<Self>,
            ) -> ::core::result::Result<(), #krate::DecodeError> {
                ::core::unimplemented!()
            }

            fn shapes() -> ::std::vec::Vec<#krate::EventShape> {
                ::core::unimplemented!()
            }
        }
    }
}

/// What differs between an enum of events and a union of such enums.
struct Parts {
    names: TokenStream,
    name_arms: TokenStream,
    encode_arms: TokenStream,
    decode: TokenStream,
    shapes: TokenStream,
    /// What stands before the implementation.
    items: TokenStream,
}

fn of_events(variants: &[Stored<'_>], event: &Event<'_>) -> Parts {
    let krate = &event.krate;
    let all_names =
        variants.iter().flat_map(|variant| std::iter::once(&variant.name).chain(&variant.aliases));
    let (mut name_arms, mut encode_arms, mut known) =
        (TokenStream::new(), TokenStream::new(), TokenStream::new());
    for Stored { ident, index, name, aliases, version, upcasters } in variants {
        let upcasters = upcasters.iter().map(|(from, with)| upcaster(*from, with, krate));
        name_arms.extend(quote!(Self::#ident { .. } => #name,));
        encode_arms.extend(quote! {
            Self::#ident { .. } => {
                const NAME: #krate::EventType = #krate::EventType::from_static(#name);
                #krate::__private::codec::encode(self, NAME, #version)
            }
        });
        known.extend(quote! {
            #krate::__private::codec::Variant {
                names: &[#name #(, #aliases)*],
                index: #index,
                schema_version: #version,
                upcasters: &[#(#upcasters),*],
            },
        });
    }
    let catch_all = match &event.catch_all {
        None => quote!(::core::option::Option::None),
        Some(Holder { ident, field }) => {
            quote_spanned!(field.span()=> ::core::option::Option::Some(Self::#ident))
        }
    };
    Parts {
        names: quote!(&[#(#all_names),*]),
        name_arms,
        encode_arms,
        decode: quote! {
            let __variants = #krate::__private::codec::Variants { known: KNOWN, catch_all: #catch_all };
            __variants.decode(__data, __events)
        },
        shapes: quote!(#krate::__private::codec::shapes::<Self>(KNOWN)),
        items: quote!(const KNOWN: &[#krate::__private::codec::Variant] = &[#known];),
    }
}

/// One entry of `Variant::upcasters`; what does not fit is reported at the path.
fn upcaster(from: u32, with: &ExprPath, krate: &Path) -> TokenStream {
    quote_spanned! {with.span()=>
        (#from, |__payload| #krate::IntoUpcasts::into_upcasts(#with(__payload)))
    }
}

fn of_union(members: &[Holder<'_>], event: &Event<'_>) -> Parts {
    let krate = &event.krate;
    let (mut name_arms, mut encode_arms) = (TokenStream::new(), TokenStream::new());
    let (mut lists, mut decode) = (TokenStream::new(), TokenStream::new());
    let mut shapes = TokenStream::new();
    let mut checks = disjoint(members, event);
    for Holder { ident, field } in members {
        // What is no event is reported at its type.
        let span = field.span();
        name_arms.extend(
            quote_spanned!(span=> Self::#ident(__event) => #krate::Event::event_type(__event),),
        );
        encode_arms.extend(
            quote_spanned!(span=> Self::#ident(__event) => #krate::Event::encode(__event),),
        );
        lists.extend(quote_spanned!(span=> <#field as #krate::Event>::EVENT_TYPES,));
        shapes.extend(quote_spanned!(span=> __shapes.extend(<#field as #krate::Event>::shapes());));
        checks.extend(reads_something(ident, field, krate));
        decode.extend(quote_spanned! {span=>
            if #krate::__private::codec::decode_member(__data, Self::#ident, __events)? {
                return ::core::result::Result::Ok(());
            }
        });
    }
    decode.extend(match &event.catch_all {
        None => quote!(::core::result::Result::Err(#krate::__private::codec::unknown(__data))),
        Some(Holder { ident, field }) => quote_spanned! {field.span()=>
            __events.push(Self::#ident(::core::clone::Clone::clone(__data)));
            ::core::result::Result::Ok(())
        },
    });
    Parts {
        names: quote! {{
            const LISTS: &[&[&::core::primitive::str]] = &[#lists];
            const JOINED: [&::core::primitive::str; #krate::__private::codec::count(LISTS)] =
                #krate::__private::codec::join(LISTS);
            &JOINED
        }},
        name_arms,
        encode_arms,
        decode,
        shapes: quote! {
            let mut __shapes = ::std::vec::Vec::new();
            #shapes
            __shapes
        },
        items: checks,
    }
}

/// A member without event types of its own would never be asked for any.
fn reads_something(ident: &Ident, field: &Type, krate: &Path) -> TokenStream {
    let message =
        format!("`{ident}` reads no event types: a catch-all is marked with #[event(other)]");
    quote_spanned! {ident.span()=>
        const _: () = ::core::assert!(
            !<#field as #krate::Event>::EVENT_TYPES.is_empty(),
            #message,
        );
    }
}

/// One check for every two members, so that the message can name them.
fn disjoint(members: &[Holder<'_>], event: &Event<'_>) -> TokenStream {
    let Event { ident: union, krate, .. } = event;
    let mut checks = TokenStream::new();
    for (place, right) in members.iter().enumerate() {
        for left in members.iter().take(place) {
            let message = format!(
                "`{}` and `{}` of the union `{union}` read the same stored name",
                left.ident, right.ident
            );
            let (left, field) = (left.field, right.field);
            checks.extend(quote_spanned! {right.ident.span()=>
                const _: () = ::core::assert!(
                    #krate::__private::codec::are_disjoint(
                        <#left as #krate::Event>::EVENT_TYPES,
                        <#field as #krate::Event>::EVENT_TYPES,
                    ),
                    #message,
                );
            });
        }
    }
    checks
}
