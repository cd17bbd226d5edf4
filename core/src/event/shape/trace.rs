//! Learns the shape of a type by having it read from a [`Probe`], again and again: with another variant of an enum each time,
//! with another value where one was refused, without one field after the other.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
};

use super::{Probe, Shape, Stopped};

/// More runs than any event takes that a person wrote.
const MOST_RUNS: usize = 100_000;

/// The type of an event does not show its shape: it takes none of the values that it was offered, or looks at all that there is
/// before it decides.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its type {reason}")]
pub struct UnknownShape {
    reason: String,
}

/// What a type asked for at one place.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Leaf(Shape),
    Optional,
    List,
    Map,
    Tuple(usize),
    Fields(&'static [&'static str]),
    Variants(&'static [&'static str]),
}

/// What is known so far, by the place in the payload.
#[derive(Debug, Default)]
pub(super) struct Run {
    nodes: RefCell<BTreeMap<String, Node>>,
    choices: RefCell<BTreeMap<String, usize>>,
    variants: RefCell<BTreeMap<String, usize>>,
    left_empty: RefCell<BTreeSet<String>>,
    /// Names that a field has beside the one before it.
    aliases: RefCell<BTreeSet<String>>,
    optional: RefCell<BTreeSet<String>>,
    asked: RefCell<BTreeSet<String>>,
    /// The field that this run leaves out.
    without: RefCell<Option<String>>,
    /// The places of this run in their order.
    visited: RefCell<Vec<String>>,
    /// Where the value came from that was given last, and how many there are to choose from.
    last: RefCell<Option<(String, usize)>>,
    last_field: RefCell<Option<String>>,
    /// What is said of a type that looks at everything before it decides, once one was met.
    undecided: RefCell<Option<String>>,
    runs: Cell<usize>,
}

/// The shape of what `read` reads.
pub(in crate::event) fn trace(
    read: impl Fn(Probe<'_>) -> Result<(), Stopped>,
) -> Result<Shape, UnknownShape> {
    let run = Run::default();
    loop {
        run.once(&read)?;
        run.find_optional_fields(&read)?;
        if !run.go_to_next_variant() {
            return Ok(run.shape(String::new()));
        }
    }
}

impl Run {
    /// Reads until the type is content.
    fn once(&self, read: impl Fn(Probe<'_>) -> Result<(), Stopped>) -> Result<(), UnknownShape> {
        loop {
            match self.try_once(&read)? {
                Ok(()) => return Ok(()),
                Err(Stopped::Duplicate) => {
                    self.aliases.borrow_mut().extend(self.last_field.take());
                }
                Err(Stopped::Again) => {}
                Err(Stopped::Other(reason)) => {
                    if !self.choose_another() {
                        let reason =
                            format!("takes none of the values that it was offered: {reason}");
                        return Err(UnknownShape { reason });
                    }
                }
            }
        }
    }

    fn try_once(
        &self,
        read: impl Fn(Probe<'_>) -> Result<(), Stopped>,
    ) -> Result<Result<(), Stopped>, UnknownShape> {
        self.runs.set(self.runs.get() + 1);
        if self.runs.get() > MOST_RUNS {
            return Err(UnknownShape { reason: "is too large".to_owned() });
        }
        self.visited.borrow_mut().clear();
        *self.last.borrow_mut() = None;
        let outcome = read(Probe::new(self));
        // Asked for apart from the outcome: a type may be content with an error inside of it.
        match self.undecided.take() {
            Some(reason) => Err(UnknownShape { reason }),
            None => Ok(outcome),
        }
    }

    /// Leaves out each field that was met for the first time: one that is not missed is optional.
    fn find_optional_fields(
        &self,
        read: impl Fn(Probe<'_>) -> Result<(), Stopped>,
    ) -> Result<(), UnknownShape> {
        let visited = self.visited.borrow().clone();
        for path in &visited {
            let Some(Node::Fields(fields)) = self.nodes.borrow().get(path).cloned() else {
                continue;
            };
            for field in fields {
                let field = format!("{path}.{field}");
                if self.aliases.borrow().contains(&field)
                    || !self.asked.borrow_mut().insert(field.clone())
                {
                    continue;
                }
                *self.without.borrow_mut() = Some(field.clone());
                let outcome = self.try_once(&read);
                *self.without.borrow_mut() = None;
                if outcome?.is_ok() {
                    self.optional.borrow_mut().insert(field);
                }
            }
        }
        *self.visited.borrow_mut() = visited;
        Ok(())
    }

    /// The enum that was met last and has variants left goes on to its next one.
    fn go_to_next_variant(&self) -> bool {
        let (nodes, mut variants) = (self.nodes.borrow(), self.variants.borrow_mut());
        for path in self.visited.borrow().iter().rev() {
            let Some(Node::Variants(all)) = nodes.get(path) else { continue };
            let variant = variants.entry(path.clone()).or_default();
            if *variant + 1 < all.len() {
                *variant += 1;
                return true;
            }
        }
        false
    }

    /// The value that was given last was refused: the next run gives another one.
    fn choose_another(&self) -> bool {
        let Some((path, choices)) = self.last.take() else { return false };
        let mut chosen = self.choices.borrow_mut();
        let choice = chosen.entry(path).or_default();
        *choice += 1;
        *choice < choices
    }

    pub(super) fn note(&self, path: &str, node: Node) {
        self.nodes.borrow_mut().insert(path.to_owned(), node);
        self.visited.borrow_mut().push(path.to_owned());
    }

    pub(super) fn choice(&self, path: &str, choices: usize) -> usize {
        *self.last.borrow_mut() = Some((path.to_owned(), choices));
        self.choices.borrow().get(path).copied().unwrap_or_default()
    }

    pub(super) fn variant(&self, path: &str) -> usize {
        self.variants.borrow().get(path).copied().unwrap_or_default()
    }

    pub(super) fn is_left_empty(&self, path: &str) -> bool {
        self.left_empty.borrow().contains(path)
    }

    /// From the next run on, a type within itself is left out.
    pub(super) fn leave_empty(&self, loose: Option<&str>) -> Stopped {
        match loose {
            Some(path) if self.left_empty.borrow_mut().insert(path.to_owned()) => Stopped::Again,
            _ => Stopped::Other("it has no end".to_owned()),
        }
    }

    /// The type at this place looks at all that there is before it decides: nothing that it was given would tell its shape.
    pub(super) fn undecided(&self, path: &str) -> Stopped {
        let place = match path.trim_start_matches('.') {
            "" => "the payload".to_owned(),
            place => format!("`{place}`"),
        };
        let reason = format!(
            "looks at all of {place} before it decides what that is, as with `#[serde(untagged)]` and `#[serde(flatten)]`"
        );
        *self.undecided.borrow_mut() = Some(reason.clone());
        Stopped::Other(reason)
    }

    /// Whether the field is given a value in this run.
    pub(super) fn is_given(&self, path: &str, field: &str) -> bool {
        let field = format!("{path}.{field}");
        let is_given = self.without.borrow().as_ref() != Some(&field)
            && !self.aliases.borrow().contains(&field);
        *self.last_field.borrow_mut() = Some(field);
        is_given
    }

    fn shape(&self, path: String) -> Shape {
        let inner = |step: &str| Box::new(self.shape(format!("{path}{step}")));
        match self.nodes.borrow().get(&path) {
            None => Shape::Any,
            Some(Node::Leaf(shape)) => shape.clone(),
            Some(Node::Optional) => Shape::Optional(inner("?")),
            Some(Node::List) => Shape::List(inner("[]")),
            Some(Node::Map) => Shape::Map(inner("{key}"), inner("{value}")),
            Some(Node::Tuple(len)) => {
                // They are numbered by how many are left.
                Shape::Tuple((0..*len).rev().map(|left| *inner(&format!("[{left}]"))).collect())
            }
            Some(Node::Fields(fields)) => Shape::Fields(self.fields(&path, fields)),
            Some(Node::Variants(variants)) => {
                let content =
                    |variant: &&str| ((*variant).to_owned(), *inner(&format!("<{variant}>")));
                Shape::Variants(variants.iter().map(content).collect())
            }
        }
    }

    fn fields(&self, path: &str, fields: &[&str]) -> BTreeMap<String, Shape> {
        let mut named: Vec<(BTreeSet<&str>, String)> = Vec::new();
        for field in fields {
            let place = format!("{path}.{field}");
            match named.last_mut() {
                Some((names, _)) if self.aliases.borrow().contains(&place) => {
                    names.insert(field);
                }
                _ => named.push((BTreeSet::from([*field]), place)),
            }
        }
        let shape = |(names, place): (BTreeSet<&str>, String)| {
            let names: Vec<_> = names.into_iter().collect();
            let mark = if self.optional.borrow().contains(&place) { "?" } else { "" };
            (format!("{}{mark}", names.join("|")), self.shape(place))
        };
        named.into_iter().map(shape).collect()
    }
}
