//! What a chart shows, however it is drawn.

use annals_figures::{Figure, Measured};

/// Groups of values, in each of which the same contenders are compared.
#[derive(Debug)]
pub(crate) struct Chart {
    /// The name of its file, without `.svg`.
    pub(crate) name: String,
    pub(crate) title: String,
    /// What the values count.
    pub(crate) unit: String,
    pub(crate) scale: Scale,
    pub(crate) groups: Vec<Group>,
}

/// What values are divided by before they are drawn, and how the unit says so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) by: f64,
    pub(crate) word: &'static str,
    /// How many decimals a value is written with.
    pub(crate) decimals: usize,
}

impl Scale {
    pub(crate) const ONE: Self = Self { by: 1.0, word: "", decimals: 0 };
    pub(crate) const KILO: Self = Self { by: 1_000.0, word: "thousand ", decimals: 0 };
    /// The unit says it by itself.
    pub(crate) const MILLI: Self = Self { by: 0.001, word: "", decimals: 1 };
}

/// What stands side by side.
#[derive(Debug)]
pub(crate) struct Group {
    /// May have several lines.
    pub(crate) name: String,
    pub(crate) values: Vec<Value>,
}

/// One contender's.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub(crate) who: String,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Chart {
    pub(crate) fn new(
        name: &str,
        title: impl Into<String>,
        unit: impl Into<String>,
        scale: Scale,
    ) -> Self {
        let (title, unit) = (title.into(), unit.into());
        Self { name: name.to_owned(), title, unit, scale, groups: Vec::new() }
    }

    pub(crate) fn with_all(mut self, groups: impl IntoIterator<Item = Group>) -> Self {
        let by = self.scale.by;
        self.groups.extend(groups.into_iter().map(|group| group.divided_by(by)));
        self
    }

    /// Those who are compared: the contenders of the first group.
    pub(crate) fn contenders(&self) -> Vec<&str> {
        let first = self.groups.first();
        first.into_iter().flat_map(|group| &group.values).map(|value| &*value.who).collect()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Value> {
        self.groups.iter().flat_map(|group| &group.values)
    }

    /// A value beside the axis.
    pub(crate) fn show_mark(&self, value: f64) -> String {
        if value < 10.0 && value.fract() != 0.0 {
            format!("{value:.1}")
        } else {
            annals_figures::with_commas(value)
        }
    }

    /// A value as it stands beside its bar: `12,345`.
    pub(crate) fn show(&self, value: f64) -> String {
        match self.scale.decimals {
            0 => annals_figures::with_commas(value),
            decimals => format!("{value:.decimals$}"),
        }
    }
}

impl Group {
    /// What all contenders of a figure reached.
    pub(crate) fn of(figure: &Figure, name: String) -> Self {
        Self { name, values: figure.by.iter().map(Value::of).collect() }
    }

    /// With another name for the only contender.
    pub(crate) fn called(mut self, who: &str) -> Self {
        self.values.iter_mut().for_each(|value| who.clone_into(&mut value.who));
        self
    }

    /// With what another figure's contenders reached, under another name.
    pub(crate) fn and(mut self, figure: &Figure, who: &str) -> Self {
        self.values.extend(Self::of(figure, String::new()).called(who).values);
        self
    }

    pub(crate) fn divided_by(mut self, by: f64) -> Self {
        for value in &mut self.values {
            for value in [&mut value.median, &mut value.min, &mut value.max] {
                *value /= by;
            }
        }
        self
    }
}

impl Value {
    fn of(measured: &Measured) -> Self {
        let &Measured { ref who, median, min, max, .. } = measured;
        Self { who: who.clone(), median, min, max }
    }
}
