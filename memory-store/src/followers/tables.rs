use std::{
    any::{Any, TypeId, type_name},
    collections::BTreeMap,
    fmt,
    sync::Arc,
};

/// What a projection into the memory store writes with: one value of each type that it asks for, its tables.
///
/// A step works on a copy, which takes the place of what was there when the step is committed.
///
/// ```
/// use annals::{EventData, HandlerError, Projection, Recorded, Tables};
/// use async_trait::async_trait;
///
/// #[derive(Debug, Clone, Default, PartialEq)]
/// struct Count {
///     events: u64,
/// }
///
/// struct Counting;
///
/// #[async_trait]
/// impl Projection<Tables> for Counting {
///     const NAME: &'static str = "event_count";
///     type Event = EventData;
///
///     async fn create(&self, _: &mut Tables) -> Result<(), HandlerError> {
///         Ok(())
///     }
///
///     async fn handle(&self, _: &Recorded<EventData>, tables: &mut Tables) -> Result<(), HandlerError> {
///         tables.of_mut::<Count>().events += 1;
///         Ok(())
///     }
/// }
/// ```
#[derive(Clone, Default)]
pub struct Tables(BTreeMap<TypeId, Arc<dyn AnyTable>>);

/// What can be a table: anything that begins by default, and can be copied, compared and shown.
pub trait Table: Any + Default + Clone + PartialEq + fmt::Debug + Send + Sync {}

impl<T: Any + Default + Clone + PartialEq + fmt::Debug + Send + Sync> Table for T {}

impl Tables {
    /// The table `T`, if anything has asked to write to it yet.
    #[must_use]
    pub fn of<T: Table>(&self) -> Option<&T> {
        let table: &dyn Any = self.0.get(&TypeId::of::<T>())?.as_ref();
        table.downcast_ref()
    }

    /// The table `T`, to read and to write; as it begins, if there is none yet.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the type is the key")]
    pub fn of_mut<T: Table>(&mut self) -> &mut T {
        let table = self.0.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        if Arc::get_mut(table).is_none() {
            *table = table.copy();
        }
        let table = Arc::get_mut(table).and_then(|table| (table as &mut dyn Any).downcast_mut());
        table.expect("a table of this type, which nobody else holds")
    }

    /// Those that differ, by name: as they are here and there, if they are.
    pub(super) fn differences(
        &self,
        other: &Self,
    ) -> BTreeMap<&'static str, (Option<String>, Option<String>)> {
        let ids = self.0.keys().chain(other.0.keys());
        let differ = ids.filter_map(|id| {
            let (one, other) = (self.0.get(id), other.0.get(id));
            let is_same = match (one, other) {
                (Some(one), Some(other)) => one.equals(&**other),
                (one, other) => one.is_none() && other.is_none(),
            };
            let text = |table: &Arc<dyn AnyTable>| format!("{table:?}");
            let name = one.or(other)?.name();
            (!is_same).then(|| (name, (one.map(text), other.map(text))))
        });
        differ.collect()
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.values()).finish()
    }
}

/// A [`Table`] whose type is known to its projection only.
trait AnyTable: Any + fmt::Debug + Send + Sync {
    fn copy(&self) -> Arc<dyn AnyTable>;
    fn equals(&self, other: &dyn AnyTable) -> bool;
    fn name(&self) -> &'static str;
}

impl<T: Table> AnyTable for T {
    fn copy(&self) -> Arc<dyn AnyTable> {
        Arc::new(self.clone())
    }

    fn equals(&self, other: &dyn AnyTable) -> bool {
        (other as &dyn Any).downcast_ref() == Some(self)
    }

    fn name(&self) -> &'static str {
        type_name::<T>().rsplit("::").next().unwrap_or_default()
    }
}
