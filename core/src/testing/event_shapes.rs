use std::{
    collections::BTreeMap,
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{Event, EventShape, Shape, UnknownShape};

/// A lock on what stored events look like: a file beside the tests holds each event's stored name, version and shape, and a build
/// that could no longer read what was stored in one of them fails the test.
#[doc = include_str!("../docs/event_shapes.md")]
#[derive(Debug)]
pub struct EventShapes(Vec<EventShape>);

/// The shapes of each stored name, by schema version.
type Locked = BTreeMap<String, BTreeMap<u32, Shape>>;

impl EventShapes {
    /// The events that `E` stores.
    #[must_use]
    pub fn of<E: Event>() -> Self {
        Self(E::shapes())
    }

    /// The events that `E` stores as well.
    #[must_use]
    pub fn and<E: Event>(mut self) -> Self {
        self.0.extend(E::shapes());
        self
    }

    /// Shows what this kind of event looks like, where its type does not: one that only takes strings of a form that nobody can
    /// guess, or with `#[serde(tag = "…")]`, `#[serde(untagged)]` or `#[serde(flatten)]` inside. Its fields count as required.
    ///
    /// # Panics
    /// When the event cannot be stored, or is of none of the types named before.
    #[must_use]
    #[track_caller]
    pub fn with_example<E: Event>(mut self, event: &E) -> Self {
        let example = event.encode().map(|data| (data.event_type, data.payload.to_value()));
        let (name, value) = match example {
            Ok((name, Ok(value))) => (name, value),
            Ok((_, Err(error))) => panic!("{error}"),
            Err(error) => panic!("{error}"),
        };
        match self.0.iter_mut().find(|shape| shape.name == name.as_str()) {
            Some(shape) => shape.shape = Ok(Shape::of_example(&value)),
            None => panic!("{name} is stored by none of these types"),
        }
        self
    }

    /// Compares the shapes with the file at `path`, which is relative to the package.
    ///
    /// A change that keeps everything readable is written to the file, and fails once: look at the file and commit it.
    ///
    /// # Panics
    /// When something stored could no longer be read, which the message names with the two ways out; when the file was made or
    /// changed; when a shape is not known, or two types store events of one name.
    #[track_caller]
    pub fn assert_locked(&self, path: impl AsRef<Path>) {
        let path = of_package(path.as_ref());
        let locked = match read(&path) {
            Ok(locked) => locked,
            Err(reason) => panic!("{} cannot be read: {reason}", path.display()),
        };
        let today = match self.today() {
            Ok(today) => today,
            Err(reason) => panic!("{reason}"),
        };
        let broken = self.broken(&locked, &today);
        if !broken.is_empty() {
            panic!("{}", report(&broken, &path));
        }
        let mut brought_up = locked.clone();
        for (name, (version, shape)) in today {
            brought_up.entry(name.to_owned()).or_default().insert(version, shape.clone());
        }
        self.lock_aliases(&mut brought_up);
        if brought_up != locked {
            if let Err(error) = write(&path, &brought_up) {
                panic!("{} cannot be written: {error}", path.display());
            }
            panic!(
                "{} was brought up to date: look at what has changed, commit it, and test again",
                path.display()
            );
        }
    }

    /// What was stored under an alias is read as what has it today. A name that is locked keeps the shape that it was stored in.
    fn lock_aliases(&self, locked: &mut Locked) {
        for EventShape { aliases, schema_version, shape, .. } in &self.0 {
            let Ok(shape) = shape else { continue };
            for alias in *aliases {
                let versions = || BTreeMap::from([(*schema_version, shape.clone())]);
                locked.entry((*alias).to_owned()).or_insert_with(versions);
            }
        }
    }

    fn today(&self) -> Result<BTreeMap<&str, (u32, &Shape)>, String> {
        let mut today = BTreeMap::new();
        for EventShape { name, schema_version, shape, .. } in &self.0 {
            let unknown = |unknown: &UnknownShape| {
                format!(
                    "the shape of {name} is not known, since {unknown}; show one with `with_example`"
                )
            };
            let shape = shape.as_ref().map_err(unknown)?;
            if today.insert(*name, (*schema_version, shape)).is_some() {
                return Err(format!("{name} is stored by two of these types"));
            }
        }
        Ok(today)
    }

    /// For each event that is not read in full any longer, the reasons.
    fn broken(
        &self,
        locked: &Locked,
        today: &BTreeMap<&str, (u32, &Shape)>,
    ) -> Vec<(String, Vec<String>)> {
        let mut broken = Vec::new();
        for (name, versions) in locked {
            let Some((version, old)) = versions.last_key_value() else { continue };
            let reader =
                self.0.iter().find(|kind| kind.name == name || kind.aliases.contains(&&**name));
            let new = reader.and_then(|reader| today.get(reader.name));
            let reasons = match new {
                None => vec!["no variant has this name any longer".to_owned()],
                Some((known, _)) if known < version => {
                    vec![format!("this build knows it in version {known} at most")]
                }
                // Upcasters bring it up, one for each older version: the derive sees to that.
                Some((known, _)) if known > version => vec![],
                Some((_, new)) => {
                    old.breaking_changes(new).iter().map(ToString::to_string).collect()
                }
            };
            if !reasons.is_empty() {
                broken.push((format!("{name}, version {version}"), reasons));
            }
        }
        broken
    }
}

fn of_package(path: &Path) -> PathBuf {
    match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(package) => Path::new(&package).join(path),
        None => path.to_owned(),
    }
}

fn read(path: &Path) -> Result<Locked, String> {
    match fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| error.to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Locked::new()),
        Err(error) => Err(error.to_string()),
    }
}

fn write(path: &Path, locked: &Locked) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(locked)?;
    text.push('\n');
    fs::write(path, text)
}

fn report(broken: &[(String, Vec<String>)], path: &Path) -> String {
    let mut report = "stored events could no longer be read, or not in full:\n".to_owned();
    for (event, reasons) in broken {
        // Writing to a string does not fail.
        let _ = write!(report, "\n  {event}:\n    {}\n", reasons.join("\n    "));
    }
    let _ = write!(
        report,
        "\nTwo ways out:\n  \
         - an alias for what has another name: `#[event(alias = \"…\")]` on a variant, `#[serde(alias = \"…\")]` on a field;\n  \
         - a new version, and an upcaster from the old one: `#[event(version = 2, upcast(from = 1, with = …))]`.\n\
         What was never stored can be removed from {}.",
        path.display()
    );
    report
}
