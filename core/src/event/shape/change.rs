//! What keeps a new shape from reading what was stored in an old one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::Shape;

/// One reason why what was stored in an old shape cannot be read, or not in full, in a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where in the payload, as in `address.lines[]`; empty for the whole of it.
    pub place: String,
    /// What is different there.
    pub what: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.place {
            "" => f.write_str(&self.what),
            place => write!(f, "`{place}` {}", self.what),
        }
    }
}

impl Shape {
    /// What keeps `new` from reading all that was stored in this shape; empty if nothing does.
    ///
    /// A field that may be missing can be added, an integer may become wider, and a value optional. Two fields cannot become one
    /// by an alias: serde refuses what was stored with both.
    #[must_use]
    pub fn breaking_changes(&self, new: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        compare("", self, new, &mut changes);
        changes
    }

    fn width(&self) -> Option<Width> {
        let (is_signed, bits) = match self {
            Self::U8 => (false, 8),
            Self::U16 => (false, 16),
            Self::U32 => (false, 32),
            Self::U64 => (false, 64),
            Self::U128 => (false, 128),
            Self::I8 => (true, 8),
            Self::I16 => (true, 16),
            Self::I32 => (true, 32),
            Self::I64 => (true, 64),
            Self::I128 => (true, 128),
            _ => return None,
        };
        Some(Width { is_signed, bits })
    }
}

struct Width {
    is_signed: bool,
    bits: u32,
}

impl Width {
    fn holds(&self, other: &Self) -> bool {
        match (self.is_signed, other.is_signed) {
            (true, false) => self.bits > other.bits,
            (false, true) => false,
            _ => self.bits >= other.bits,
        }
    }
}

fn compare(place: &str, old: &Shape, new: &Shape, changes: &mut Vec<Change>) {
    let inner = |step: &str| format!("{place}{step}");
    match (old, new) {
        (old, new) if old == new => {}
        (_, Shape::Any)
        | (Shape::Char | Shape::Text(_), Shape::String)
        | (Shape::F32, Shape::F64) => {}
        (Shape::Optional(old), Shape::Optional(new)) => compare(place, old, new, changes),
        (old, Shape::Optional(new)) => compare(place, old, new, changes),
        (Shape::Optional(old), new) => {
            push(place, "may have been null, and must not be any longer".to_owned(), changes);
            compare(place, old, new, changes);
        }
        (Shape::List(old), Shape::List(new)) => compare(&inner("[]"), old, new, changes),
        (Shape::Map(old_key, old), Shape::Map(new_key, new)) => {
            compare(&inner("{key}"), old_key, new_key, changes);
            compare(&inner("{}"), old, new, changes);
        }
        (Shape::Tuple(old), Shape::Tuple(new)) if old.len() == new.len() => {
            for (nth, (old, new)) in old.iter().zip(new).enumerate() {
                compare(&inner(&format!("[{nth}]")), old, new, changes);
            }
        }
        (Shape::Fields(old), Shape::Fields(new)) => compare_fields(place, old, new, changes),
        (Shape::Variants(old), Shape::Variants(new)) => {
            for (name, old) in old {
                match new.get(name) {
                    Some(new) => compare(&inner(&format!("<{name}>")), old, new, changes),
                    None => {
                        let what = "is a variant no longer, or has another name".to_owned();
                        push(&inner(&format!("<{name}>")), what, changes);
                    }
                }
            }
        }
        (old, new) => match (old.width(), new.width()) {
            (Some(old), Some(new)) if new.holds(&old) => {}
            _ => push(place, format!("was {old}, and is {new}"), changes),
        },
    }
}

fn push(place: &str, what: String, changes: &mut Vec<Change>) {
    changes.push(Change { place: place.trim_start_matches('.').to_owned(), what });
}

/// A field by the names that it is read by.
struct Field<'a> {
    names: BTreeSet<&'a str>,
    is_optional: bool,
    shape: &'a Shape,
}

impl Field<'_> {
    fn name(&self) -> String {
        self.names.iter().copied().collect::<Vec<_>>().join("|")
    }
}

fn fields(fields: &BTreeMap<String, Shape>) -> Vec<Field<'_>> {
    let field = |(key, shape)| {
        let key: &String = key;
        let names = key.strip_suffix('?');
        Field {
            is_optional: names.is_some(),
            names: names.unwrap_or(key).split('|').collect(),
            shape,
        }
    };
    fields.iter().map(field).collect()
}

fn compare_fields(
    place: &str,
    old: &BTreeMap<String, Shape>,
    new: &BTreeMap<String, Shape>,
    changes: &mut Vec<Change>,
) {
    let (old, new) = (fields(old), fields(new));
    for old in &old {
        let at = format!("{place}.{}", old.name());
        let Some(new) = new.iter().find(|new| old.names.is_subset(&new.names)) else {
            push(&at, "is read no longer: it was removed, or has another name".to_owned(), changes);
            continue;
        };
        if old.is_optional && !new.is_optional {
            push(&at, "may have been missing, and is required".to_owned(), changes);
        }
        compare(&at, old.shape, new.shape, changes);
    }
    for new in &new {
        let at = format!("{place}.{}", new.name());
        let before = || old.iter().filter(|old| old.names.is_subset(&new.names));
        if before().count() > 1 {
            let names = before().map(|old| format!("`{}`", old.name())).collect::<Vec<_>>();
            let what = format!(
                "is one field, and was {}: what holds more than one of them cannot be read",
                names.join(" and ")
            );
            push(&at, what, changes);
        }
        if !new.is_optional && old.iter().all(|old| old.names.is_disjoint(&new.names)) {
            push(&at, "is required, and was not there".to_owned(), changes);
        }
    }
}

/// As Rust would say it: `list of u64`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("anything"),
            Self::Text(form) => f.write_str(form),
            Self::Optional(inner) => write!(f, "optional {inner}"),
            Self::List(inner) => write!(f, "list of {inner}"),
            Self::Map(key, value) => write!(f, "map from {key} to {value}"),
            Self::Tuple(items) => write!(f, "list of {} items", items.len()),
            Self::Fields(fields) => {
                write!(f, "object {{{}}}", fields.keys().cloned().collect::<Vec<_>>().join(", "))
            }
            Self::Variants(variants) => {
                let names: Vec<_> = variants.keys().map(String::as_str).collect();
                write!(f, "one of {}", names.join(", "))
            }
            Self::Again(name) => f.write_str(name),
            leaf => f.write_str(&format!("{leaf:?}").to_lowercase()),
        }
    }
}
