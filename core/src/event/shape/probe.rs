//! A deserializer that holds nothing and notes what it is asked for.

mod access;

use std::{fmt, rc::Rc};

use serde::de::{Deserializer, Expected, Visitor};

use self::access::{Entries, Items, OneOf, Struct};
use super::{
    Shape,
    trace::{Node, Run},
};

/// What a type that reads nothing in particular, or a string of some form, may be content with.
const TEXTS: [&str; 14] = [
    "",
    "a",
    "1",
    "00000000-0000-4000-8000-000000000001",
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:00:00",
    "1970-01-01",
    "00:00:00",
    "a-1",
    "a.b",
    "0.0.0.0",
    "https://example.org/",
    "anna@example.org",
    "P1D",
];
/// What serde says that it expects where it keeps all that there is, to look at it again: for `untagged` and `flatten`. A type that
/// stands for anything says more, as in `any valid JSON value`.
const UNDECIDED: &str = "any value";
/// How many numbers a type is offered: 1, which is none of the special ones, then 0.
const NUMBERS: usize = 2;

/// The place of a value inside of the payload, and the run that it is part of.
#[derive(Clone)]
pub(in crate::event) struct Probe<'r> {
    run: &'r Run,
    path: String,
    around: Option<Rc<Around>>,
}

/// The named types, and the lists and options, that a value is inside of.
enum Around {
    Named(&'static str, Option<Rc<Around>>),
    /// What can be left empty.
    Loose(String, Option<Rc<Around>>),
}

/// Why a run ended early.
#[derive(Debug)]
pub(in crate::event) enum Stopped {
    /// The field was given under another name already.
    Duplicate,
    /// A type within itself was reached; the next run leaves it out.
    Again,
    Other(String),
}

impl<'r> Probe<'r> {
    pub(super) fn new(run: &'r Run) -> Self {
        Self { run, path: String::new(), around: None }
    }

    fn inner(&self, step: fmt::Arguments<'_>) -> Self {
        Self { path: format!("{}{step}", self.path), ..self.clone() }
    }

    fn loose(&self, step: &str) -> Self {
        let around = Around::Loose(self.path.clone(), self.around.clone());
        let path = format!("{}{step}", self.path);
        Self { path, around: Some(Rc::new(around)), ..self.clone() }
    }

    fn named(&self, name: &'static str) -> Self {
        let around = Around::Named(name, self.around.clone());
        Self { around: Some(Rc::new(around)), ..self.clone() }
    }

    /// How often the type `name` is around this value, and the nearest place that can be left empty.
    fn recursion(&self, name: &str) -> (usize, Option<&str>) {
        let (mut times, mut loose, mut around) = (0, None, self.around.as_deref());
        while let Some(one) = around {
            around = match one {
                Around::Named(other, out) => {
                    times += usize::from(!name.is_empty() && *other == name);
                    out.as_deref()
                }
                Around::Loose(path, out) => {
                    loose = loose.or(Some(path.as_str()));
                    out.as_deref()
                }
            };
        }
        (times, loose)
    }

    fn note(&self, node: Node) {
        self.run.note(&self.path, node);
    }

    fn leaf(&self, shape: Shape) {
        self.note(Node::Leaf(shape));
    }

    /// Which of so many values the type is offered this time.
    fn choice(&self, choices: usize) -> usize {
        self.run.choice(&self.path, choices)
    }

    /// The value 1, or 0 where that does not do.
    fn number<T: From<bool>>(&self, shape: Shape) -> T {
        self.leaf(shape);
        T::from(self.choice(NUMBERS) == 0)
    }

    fn text<V: Visitor<'static>>(&self, visitor: &V) -> &'static str {
        let choice = self.choice(TEXTS.len());
        self.leaf(match choice {
            0 => Shape::String,
            _ => Shape::Text((visitor as &dyn Expected).to_string()),
        });
        TEXTS.get(choice).copied().unwrap_or_default()
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $number:ty, $shape:ident;)*) => {
        $(fn $method<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stopped> {
            visitor.$visit(self.number::<$number>(Shape::$shape))
        })*
    };
}

impl Deserializer<'static> for Probe<'_> {
    type Error = Stopped;

    numbers! {
        deserialize_i8 visit_i8 i8, I8;
        deserialize_i16 visit_i16 i16, I16;
        deserialize_i32 visit_i32 i32, I32;
        deserialize_i64 visit_i64 i64, I64;
        deserialize_i128 visit_i128 i128, I128;
        deserialize_u8 visit_u8 u8, U8;
        deserialize_u16 visit_u16 u16, U16;
        deserialize_u32 visit_u32 u32, U32;
        deserialize_u64 visit_u64 u64, U64;
        deserialize_u128 visit_u128 u128, U128;
        deserialize_f32 visit_f32 f32, F32;
        deserialize_f64 visit_f64 f64, F64;
        deserialize_bool visit_bool bool, Bool;
    }

    fn deserialize_any<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stopped> {
        if (&visitor as &dyn Expected).to_string() == UNDECIDED {
            return Err(self.run.undecided(&self.path));
        }
        self.leaf(Shape::Any);
        match self.choice(TEXTS.len() + 6) {
            0 => visitor.visit_unit(),
            1 => visitor.visit_i64(1),
            2 => visitor.visit_f64(1.0),
            3 => visitor.visit_bool(true),
            4 => visitor.visit_seq(Items { probe: self, left: 0, is_tuple: false }),
            5 => visitor.visit_map(Entries { probe: self, left: 0 }),
            text => visitor.visit_borrowed_str(TEXTS.get(text - 6).copied().unwrap_or_default()),
        }
    }

    fn deserialize_char<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stopped> {
        self.leaf(Shape::Char);
        visitor.visit_char('a')
    }

    fn deserialize_str<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stopped> {
        let text = self.text(&visitor);
        visitor.visit_borrowed_str(text)
    }

    fn deserialize_string<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stopped> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stopped> {
        self.leaf(Shape::Bytes);
        visitor.visit_borrowed_bytes(&[])
    }

    fn deserialize_byte_buf<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stopped> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stopped> {
        self.note(Node::Optional);
        if self.run.is_left_empty(&self.path) {
            return visitor.visit_none();
        }
        visitor.visit_some(self.loose("?"))
    }

    fn deserialize_unit<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stopped> {
        self.leaf(Shape::Null);
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'static>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stopped> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'static>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stopped> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stopped> {
        self.note(Node::List);
        let left = usize::from(!self.run.is_left_empty(&self.path));
        visitor.visit_seq(Items { probe: self, left, is_tuple: false })
    }

    fn deserialize_tuple<V: Visitor<'static>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stopped> {
        self.note(Node::Tuple(len));
        visitor.visit_seq(Items { probe: self, left: len, is_tuple: true })
    }

    fn deserialize_tuple_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stopped> {
        self.named(name).deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stopped> {
        self.note(Node::Map);
        let left = usize::from(!self.run.is_left_empty(&self.path));
        visitor.visit_map(Entries { probe: self, left })
    }

    fn deserialize_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stopped> {
        if let (1.., loose) = self.recursion(name) {
            self.leaf(Shape::Again(name.to_owned()));
            return Err(self.run.leave_empty(loose));
        }
        self.note(Node::Fields(fields));
        visitor.visit_map(Struct { probe: self.named(name), fields: fields.iter(), field: "" })
    }

    fn deserialize_enum<V: Visitor<'static>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stopped> {
        let variant = match self.recursion(name) {
            (0, _) => {
                self.note(Node::Variants(variants));
                self.run.variant(&self.path)
            }
            (_, Some(loose)) => {
                self.leaf(Shape::Again(name.to_owned()));
                return Err(self.run.leave_empty(Some(loose)));
            }
            // Some variant has to end it.
            (1, None) => {
                self.leaf(Shape::Again(name.to_owned()));
                self.choice(variants.len())
            }
            (_, None) => return Err(Stopped::Other(format!("{name} has no end"))),
        };
        let variant = variants.get(variant).copied().unwrap_or_default();
        let probe = self.named(name).inner(format_args!("<{variant}>"));
        visitor.visit_enum(OneOf { probe, variant })
    }

    fn deserialize_identifier<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stopped> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, Stopped> {
        // What a variant without fields asks for, which is stored as an object without any.
        self.note(Node::Fields(&[]));
        visitor.visit_unit()
    }
}

impl serde::de::Error for Stopped {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Other(message.to_string())
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self::Duplicate
    }
}

impl std::error::Error for Stopped {}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate => f.write_str("a field is read twice"),
            Self::Again => f.write_str("a type is within itself"),
            Self::Other(message) => f.write_str(message),
        }
    }
}
