//! A subscriber and a recorder that remember what they were told.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex, atomic::Ordering},
};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_util::registry::{AtomicStorage, Registry as Metrics};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::DefaultGuard,
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

/// A span or an event, with its fields as text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) name: String,
    pub(crate) level: String,
    pub(crate) target: String,
    pub(crate) fields: BTreeMap<String, String>,
    /// The names that it may have.
    names: BTreeSet<String>,
    /// The span that an event is in.
    pub(crate) within: Option<String>,
}

impl Told {
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value)
    }
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.name = format!("{value:?}"),
            name => _ = self.fields.insert(name.to_owned(), format!("{value:?}")),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name().to_owned(), value.to_owned());
    }
}

#[derive(Default)]
struct Heard {
    open: HashMap<u64, Told>,
    spans: Vec<Told>,
    events: Vec<Told>,
}

#[derive(Clone, Default)]
struct Listening(Arc<Mutex<Heard>>);

impl<S: Subscriber> Layer<S> for Listening {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        let mut told = told(attributes.metadata());
        told.name = attributes.metadata().name().to_owned();
        attributes.record(&mut told);
        self.0.lock().unwrap().open.insert(id.into_u64(), told);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        if let Some(told) = self.0.lock().unwrap().open.get_mut(&id.into_u64()) {
            values.record(told);
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let mut heard = self.0.lock().unwrap();
        let closed = heard.open.remove(&id.into_u64());
        heard.spans.extend(closed);
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let mut told = told(event.metadata());
        event.record(&mut told);
        let mut heard = self.0.lock().unwrap();
        let within = cx.current_span().id().and_then(|id| heard.open.get(&id.into_u64()).cloned());
        told.within = within.map(|span| span.name);
        heard.events.push(told);
    }
}

fn told(metadata: &tracing::Metadata<'_>) -> Told {
    let names = metadata.fields().iter().map(|field| field.name().to_owned());
    Told {
        level: metadata.level().to_string(),
        target: metadata.target().to_owned(),
        names: names.filter(|name| name != "message").collect(),
        ..Told::default()
    }
}

/// Keeps what is counted, and which metrics were described.
struct Recording {
    metrics: Metrics<Key, AtomicStorage>,
    described: Mutex<BTreeSet<String>>,
}

impl Recording {
    fn described(&self, name: &KeyName) {
        self.described.lock().unwrap().insert(name.as_str().to_owned());
    }
}

impl Recorder for Recording {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.described(&name);
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.described(&name);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.described(&name);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.metrics.get_or_create_counter(key, |counter| Arc::clone(counter).into())
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.metrics.get_or_create_gauge(key, |gauge| Arc::clone(gauge).into())
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.metrics.get_or_create_histogram(key, |histogram| Arc::clone(histogram).into())
    }
}

/// Hears all that is told in this thread.
pub(crate) struct Ears {
    listening: Listening,
    recording: &'static Recording,
    _subscriber: DefaultGuard,
    _recorder: metrics::LocalRecorderGuard<'static>,
}

/// Names with those of their fields or labels.
pub(crate) type Vocabulary = BTreeMap<String, BTreeSet<String>>;

impl Ears {
    pub(crate) fn open() -> Self {
        let listening = Listening::default();
        let layer = listening.clone();
        let metrics = Metrics::atomic();
        let recording = Box::leak(Box::new(Recording { metrics, described: Mutex::default() }));
        Self {
            _subscriber: Registry::default().with(layer).set_default(),
            _recorder: metrics::set_default_local_recorder(recording),
            recording,
            listening,
        }
    }

    /// The spans of this name that have ended.
    pub(crate) fn spans(&self, name: &str) -> Vec<Told> {
        let heard = self.listening.0.lock().unwrap();
        heard.spans.iter().filter(|span| span.name == name).cloned().collect()
    }

    /// The events of this name about `follower`.
    pub(crate) fn events(&self, name: &str, follower: &str) -> Vec<Told> {
        let heard = self.listening.0.lock().unwrap();
        let is_it = |event: &&Told| event.name == name && event.field("follower") == follower;
        heard.events.iter().filter(is_it).cloned().collect()
    }

    pub(crate) fn all_spans(&self) -> Vec<Told> {
        self.listening.0.lock().unwrap().spans.clone()
    }

    pub(crate) fn all_events(&self) -> Vec<Told> {
        self.listening.0.lock().unwrap().events.clone()
    }

    /// The sum of the metrics of this name that have these labels; of a histogram, how many values it has.
    pub(crate) fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |key: &Key| {
            key.name() == name
                && labels.iter().all(|(label, value)| {
                    key.labels().any(|one| one.key() == *label && one.value() == *value)
                })
        };
        self.values().into_iter().filter(|(key, _)| has(key)).map(|(_, value)| value).sum()
    }

    fn values(&self) -> Vec<(Key, f64)> {
        let metrics = &self.recording.metrics;
        let mut values = Vec::new();
        metrics.visit_counters(|key, counter| {
            values.push((key.clone(), counter.load(Ordering::Relaxed) as f64));
        });
        metrics.visit_gauges(|key, gauge| {
            values.push((key.clone(), f64::from_bits(gauge.load(Ordering::Relaxed))));
        });
        metrics.visit_histograms(|key, histogram| {
            values.push((key.clone(), histogram.data().len() as f64));
        });
        values
    }

    /// All metrics that there are, with their labels.
    pub(crate) fn metrics(&self) -> Vocabulary {
        let mut metrics = Vocabulary::new();
        for (key, _) in self.values() {
            let labels = key.labels().map(|label| label.key().to_owned());
            metrics.entry(key.name().to_owned()).or_default().extend(labels);
        }
        metrics
    }

    /// The names of the metrics that are described to a recorder that asks.
    pub(crate) fn described(&self) -> BTreeSet<String> {
        annals::describe_metrics();
        self.recording.described.lock().unwrap().clone()
    }
}

/// The names in what was told, with all fields that each may have.
pub(crate) fn vocabulary(told: &[Told]) -> Vocabulary {
    let mut names = Vocabulary::new();
    for one in told.iter().filter(|one| one.target.starts_with("annals::")) {
        names.entry(one.name.clone()).or_default().extend(one.names.iter().cloned());
    }
    names
}

pub(crate) fn is_warning(told: &Told) -> bool {
    told.level == Level::WARN.as_str()
}
