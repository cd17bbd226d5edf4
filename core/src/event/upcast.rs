use std::error::Error;

use serde_json::Value;

use super::EventType;

/// One result of an upcaster: a payload of the next schema version, or an event of another type.
///
/// An upcaster is a function from the old payload to what stands for it today: one event or several, never
/// none. It may return a [`Value`], an [`Upcast`], a `Vec` of either, or a `Result` of any of these.
///
/// A [`Value`] holds integers up to `u64::MAX`: what is larger reaches an upcaster as the nearest float,
/// so a field of such integers is better written as text.
///
/// ```
/// use annals::{EventType, Upcast};
/// use serde_json::{Value, json};
///
/// /// Version 1 held one name, version 2 holds two.
/// fn split_name(old: Value) -> Result<Value, &'static str> {
///     let (first, last) = old["name"].as_str().and_then(|n| n.split_once(' ')).ok_or("no full name")?;
///     Ok(json!({ "first": first, "last": last }))
/// }
///
/// /// One event of old is two of today.
/// fn split_move(old: Value) -> Vec<Upcast> {
///     const LEFT: EventType = EventType::from_static("house.left");
///     const ENTERED: EventType = EventType::from_static("house.entered");
///     vec![
///         Upcast::to(LEFT, 1, json!({ "house": old["from"] })),
///         Upcast::to(ENTERED, 1, json!({ "house": old["to"] })),
///     ]
/// }
/// # assert_eq!(split_name(json!({"name": "Anna Bell"})).unwrap()["last"], "Bell");
/// # assert_eq!(split_move(json!({"from": 1, "to": 2})).len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Upcast {
    pub(super) target: Option<(EventType, u32)>,
    pub(super) payload: Value,
}

impl Upcast {
    /// The same event at the next schema version.
    #[must_use]
    pub fn next(payload: Value) -> Self {
        Self { target: None, payload }
    }

    /// An event of another type of the same enum, at that type's `schema_version`.
    ///
    /// A follower whose own enum lists only the new type does not ask the store for the old one, and so
    /// does not get what is made of it; let it list the old type as well.
    #[must_use]
    pub fn to(event_type: EventType, schema_version: u32, payload: Value) -> Self {
        Self { target: Some((event_type, schema_version)), payload }
    }
}

impl From<Value> for Upcast {
    fn from(payload: Value) -> Self {
        Self::next(payload)
    }
}

/// What an upcaster may return.
#[diagnostic::on_unimplemented(
    message = "an upcaster cannot return `{Self}`",
    note = "return a `serde_json::Value`, an `Upcast`, a `Vec` of either, or a `Result` of these"
)]
pub trait IntoUpcasts {
    /// The results in order.
    ///
    /// # Errors
    /// When the upcaster failed.
    fn into_upcasts(self) -> Result<Vec<Upcast>, Box<dyn Error + Send + Sync>>;
}

impl IntoUpcasts for Value {
    fn into_upcasts(self) -> Result<Vec<Upcast>, Box<dyn Error + Send + Sync>> {
        Ok(vec![self.into()])
    }
}

impl IntoUpcasts for Upcast {
    fn into_upcasts(self) -> Result<Vec<Upcast>, Box<dyn Error + Send + Sync>> {
        Ok(vec![self])
    }
}

impl<T: Into<Upcast>> IntoUpcasts for Vec<T> {
    fn into_upcasts(self) -> Result<Vec<Upcast>, Box<dyn Error + Send + Sync>> {
        Ok(self.into_iter().map(Into::into).collect())
    }
}

impl<T: IntoUpcasts, E: Into<Box<dyn Error + Send + Sync>>> IntoUpcasts for Result<T, E> {
    fn into_upcasts(self) -> Result<Vec<Upcast>, Box<dyn Error + Send + Sync>> {
        self.map_err(Into::into)?.into_upcasts()
    }
}
