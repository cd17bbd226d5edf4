//! The derive of `annals`, an event sourcing library. Depend on `annals`, which re-exports it.
//!
//! A derive is a pipeline: `attr` reads what stands in attributes, `ast` puts it beside the enum, `valid`
//! holds the rules and gathers what breaks them, `expand` writes the code.

mod ast;
mod attr;
mod errors;
mod expand;
mod valid;

use proc_macro::TokenStream;
use quote::quote;
use syn::{DeriveInput, parse_macro_input};

use crate::{ast::Enum, errors::Errors};

/// Makes an enum an `Event`: each variant is a kind of event, with a stored name, a schema version and a
/// payload. All of these are stored for good, so they live apart from the Rust names.
///
/// ```
/// use annals::{Event, EventData};
/// use serde::{Deserialize, Serialize};
/// use serde_json::{Value, json};
///
/// #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
/// #[event(category = "account")]
/// enum AccountEvent {
///     #[event(version = 2, upcast(from = 1, with = opened_v1))]
///     Opened { owner: String, currency: String },
///     #[event(alias = "account.credited")]
///     Deposited { cents: u64 },
///     #[event(name = "account.paid_out")]
///     Withdrawn { cents: u64 },
///     Closed,
///     #[event(other)]
///     Unknown(EventData),
/// }
///
/// /// Version 1 knew no currency: it was always the euro.
/// fn opened_v1(old: Value) -> Value {
///     json!({ "owner": old["owner"], "currency": "EUR" })
/// }
///
/// let stored = AccountEvent::Withdrawn { cents: 500 }.encode()?;
/// assert_eq!(stored.event_type.as_str(), "account.paid_out");
/// assert_eq!(stored.schema_version, 1);
/// assert_eq!(stored.payload.as_str(), r#"{"cents":500}"#);
///
/// let mut events = Vec::new();
/// AccountEvent::decode_into(&stored, &mut events)?;
/// assert_eq!(events, [AccountEvent::Withdrawn { cents: 500 }]);
///
/// assert_eq!(
///     AccountEvent::EVENT_TYPES,
///     ["account.opened", "account.deposited", "account.credited", "account.paid_out", "account.closed"],
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # On the enum
///
/// - `category = "account"`: the first part of the names of all variants that are not given one; 1 to 64
///   ASCII letters, digits, `_` or `.`. It may be left out if every variant has a `name`.
/// - `union`: the enum gathers other event enums, see [below](#unions).
/// - `crate = "path"`: where to find `annals`, if not at `::annals`.
///
/// # On a variant
///
/// - `name = "account.paid_out"`: its full stored name, 1 to 255 printable ASCII characters without white
///   space. Without it, the name is the category, a dot, and the variant in `snake_case`: `HTTPFailed`
///   becomes `http_failed`, `V2Opened` becomes `v2_opened`. **Before you rename a variant that has
///   been stored, give it its old name.**
/// - `alias = "account.credited"`: another name that is read as this variant and never written. May be repeated.
/// - `version = 2`: the schema version of its payload, 1 if not given. Raise it when what is stored changes
///   in a way that the new type cannot read; a new field with `#[serde(default)]` needs no new version.
/// - `upcast(from = 1, with = path::to::function)`: how a payload of version 1 becomes one of version 2;
///   there is one for each older version, run one after the other. The function takes a `serde_json::Value` and
///   returns what `IntoUpcasts` allows: a payload, several, events of other names, or an error; never none. A
///   `Value` holds numbers as `u64`, `i64` or `f64`: a larger integer loses digits on its way through an upcaster.
/// - `other`: the catch-all. It holds one `EventData` and takes every event whose name no variant has,
///   to the letter, so that it can be written back the same. A known event that cannot be read is still an error.
///
/// # What is stored
///
/// The payload is the content of the variant, without the variant's name:
///
/// | variant | payload |
/// |---|---|
/// | `Closed`, `Closed {}` | `{}` |
/// | `Nothing()` | `[]` |
/// | `Deposited { cents: u64 }` | `{"cents":5}` |
/// | `Deposited(Money)` | what `Money` is: `{"cents":5}` |
/// | `Moved(u8, u8)` | `[1,2]` |
///
/// Reading a unit variant (`Closed`) ignores the payload, so that a variant may lose all its fields. Fields that
/// it gains need `#[serde(default)]`.
///
/// The enum needs serde's `Serialize` and `Deserialize`, in serde's default form, and `#[serde(…)]`
/// shapes the payload: `rename_all_fields`, `default`, `flatten`, `skip_serializing_if`, `with` and the like
/// work on fields and variants. `rename` on a variant changes nothing, since stored names are not
/// serde's. A variant marked `skip_serializing` is read and refuses to be written. Refused are, on
/// the enum, `tag`, `content`, `untagged`, `from`, `try_from`, `into`, `remote`, `field_identifier` and `variant_identifier`, and on a variant
/// `skip`, `skip_deserializing`, `untagged` and `other`.
///
/// # Unions
///
/// A union lets a follower read the events of several aggregates. Each variant holds one event enum. It reads
/// and writes what its members do, and needs no serde.
///
/// ```
/// use annals::{Event, EventData};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
/// # #[event(category = "account")]
/// # enum AccountEvent { Closed }
/// # #[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
/// # #[event(category = "transfer")]
/// # enum TransferEvent { Requested { cents: u64 } }
///
/// #[derive(Debug, PartialEq, Event)]
/// #[event(union)]
/// enum BankEvent {
///     Account(AccountEvent),
///     Transfer(TransferEvent),
///     #[event(other)]
///     Other(EventData),
/// }
///
/// assert_eq!(BankEvent::EVENT_TYPES, ["account.closed", "transfer.requested"]);
///
/// let mut events = Vec::new();
/// BankEvent::decode_into(&TransferEvent::Requested { cents: 5 }.encode()?, &mut events)?;
/// assert_eq!(events, [BankEvent::Transfer(TransferEvent::Requested { cents: 5 })]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Whether a union takes events of unknown names depends on its own catch-all; those of its members are
/// not asked. Two members that read the same stored name fail the build:
///
/// ```compile_fail,E0080
/// # use annals::Event;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize, Event)]
/// #[event(category = "account")]
/// enum AccountEvent { Closed }
///
/// #[derive(Serialize, Deserialize, Event)]
/// enum LedgerEvent {
///     #[event(name = "ledger.closed", alias = "account.closed")]
///     Closed,
/// }
///
/// #[derive(Event)]
/// #[event(union)]
/// enum BankEvent { Account(AccountEvent), Ledger(LedgerEvent) }
/// ```
#[proc_macro_derive(Event, attributes(event))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let mut errors = Errors::default();
    let event = Enum::read(&input, &mut errors).map(|input| valid::check(input, &mut errors));
    match (errors.into_tokens(), event) {
        (None, event) => event.as_ref().map(expand::expand).unwrap_or_default(),
        (Some(errors), Some(event)) if input.generics.params.is_empty() => {
            let stand_in = expand::stand_in(&event);
            quote!(#errors #stand_in)
        }
        (Some(errors), _) => errors,
    }
    .into()
}

/// Mistakes that the compiler finds in the expansion; its words change, so no text is compared.
///
/// An upcaster takes a `Value`:
/// ```compile_fail,E0308
/// # use annals::Event;
/// # #[derive(serde::Serialize, serde::Deserialize, Event)]
/// # #[event(category = "account")]
/// # enum AccountEvent {
/// #[event(version = 2, upcast(from = 1, with = opened_v1))]
/// # Opened,
/// # }
/// fn opened_v1(payload: String) -> serde_json::Value {
/// #     payload.into()
/// # }
/// ```
///
/// It returns what stands for an event:
/// ```compile_fail,E0277
/// # use annals::Event;
/// # #[derive(serde::Serialize, serde::Deserialize, Event)]
/// # #[event(category = "account")]
/// # enum AccountEvent {
/// #[event(version = 2, upcast(from = 1, with = opened_v1))]
/// # Opened,
/// # }
/// fn opened_v1(_: serde_json::Value) -> u8 {
/// #     0
/// # }
/// ```
///
/// A catch-all holds `EventData`:
/// ```compile_fail,E0308
/// # use annals::Event;
/// # #[derive(serde::Serialize, serde::Deserialize, Event)]
/// # enum AccountEvent {
/// #[event(other)]
/// Unknown(String),
/// # }
/// ```
///
/// An event needs serde:
/// ```compile_fail,E0277
/// # use annals::Event;
/// #[derive(Event)]
/// #[event(category = "account")]
/// enum AccountEvent { Opened }
/// ```
///
/// A union holds events:
/// ```compile_fail,E0277
/// # use annals::Event;
/// #[derive(Event)]
/// #[event(union)]
/// enum BankEvent { Account(String) }
/// ```
///
/// Two members of a union are of different types:
/// ```compile_fail,E0080
/// # use annals::Event;
/// # #[derive(serde::Serialize, serde::Deserialize, Event)]
/// # #[event(category = "account")]
/// # enum AccountEvent { Opened }
/// #[derive(Event)]
/// #[event(union)]
/// enum BankEvent { Account(AccountEvent), Again(AccountEvent) }
/// ```
///
/// A union's catch-all is marked:
/// ```compile_fail,E0080
/// # use annals::{Event, EventData};
/// # #[derive(serde::Serialize, serde::Deserialize, Event)]
/// # #[event(category = "account")]
/// # enum AccountEvent { Opened }
/// #[derive(Event)]
/// #[event(union)]
/// enum BankEvent { Account(AccountEvent), Rest(EventData) }
/// ```
#[cfg(doctest)]
const _: () = ();
