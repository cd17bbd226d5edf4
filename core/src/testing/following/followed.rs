use std::{borrow::Borrow, collections::BTreeMap, fmt, fmt::Debug};

use futures_util::TryStreamExt;

use super::{Run, told};
use crate::{
    Event, EventStore, Filter, FollowerStore, Position, Query, ReadAll, ReadModel, Reader,
    testing::diff::diff,
};

/// A [`Following`](super::Following) after its runs: each of them must have left what is expected.
pub struct Followed<S: FollowerStore, B = ()> {
    pub(super) runs: Vec<Run<S, B>>,
    /// How many events were given: their ids count from 1.
    pub(super) given: u128,
}

impl<S: FollowerStore, B: Send + Sync> Followed<S, B> {
    /// The read model `M` has exactly these rows, in any order.
    ///
    /// # Panics
    /// When it has others.
    #[track_caller]
    pub fn then_rows<M: ReadModel + Debug + PartialEq, K: Into<M::Key>>(
        self,
        expected: impl IntoIterator<Item = (K, M)>,
    ) -> Self {
        let expected: BTreeMap<String, M> =
            expected.into_iter().map(|(key, row)| (key.into().to_string(), row)).collect();
        self.expect(&format!("the rows of {} differ", M::NAME), &expected, async |store, _| {
            rows::<M, S>(store).await
        })
    }

    /// The read model `M` has no rows.
    ///
    /// # Panics
    /// When it has some.
    #[track_caller]
    pub fn then_no_rows<M: ReadModel + Debug + PartialEq>(self) -> Self {
        self.then_rows::<M, M::Key>([])
    }

    /// The read model `M` has this row, whatever else it has.
    ///
    /// # Panics
    /// When it has no such row, or another.
    #[track_caller]
    pub fn then_row<M: ReadModel + Debug + PartialEq>(
        self,
        key: impl Into<M::Key>,
        expected: M,
    ) -> Self {
        self.row(&key.into(), Some(expected))
    }

    /// The read model `M` has no such row, or has it no more.
    ///
    /// # Panics
    /// When it has.
    #[track_caller]
    pub fn then_no_row<M: ReadModel + Debug + PartialEq>(self, key: impl Into<M::Key>) -> Self {
        self.row::<M>(&key.into(), None)
    }

    #[track_caller]
    fn row<M: ReadModel + Debug + PartialEq>(self, key: &M::Key, expected: Option<M>) -> Self {
        self.expect(
            &format!("the row {key} of {} differs", M::NAME),
            &expected,
            async |store, _| Reader::<M, S>::new(store.clone()).get(key).await.map_err(told),
        )
    }

    /// These events, of all that `E` reads, are in the store beside those that were given, each with its stream, in
    /// this order: what the commands of reactors led to.
    ///
    /// # Panics
    /// When there are others.
    #[track_caller]
    pub fn then_events<E: Event + Debug + PartialEq>(
        self,
        expected: impl IntoIterator<Item = (&'static str, E)>,
    ) -> Self {
        let expected: Vec<_> =
            expected.into_iter().map(|(stream, event)| (stream.to_owned(), event)).collect();
        let given = self.given;
        self.expect("the events that followed differ", &expected, async |store, _| {
            events::<E>(store, given).await
        })
    }

    /// `look` finds this: in tables of a projection, or in what is [beside](super::Following::beside) the store.
    ///
    /// # Panics
    /// When it finds something else.
    #[track_caller]
    pub fn then_found<T: Debug + PartialEq + Send + Sync>(
        self,
        look: impl AsyncFn(&S, &B) -> T + Sync,
        expected: impl Borrow<T>,
    ) -> Self {
        let expected = expected.borrow();
        self.expect("what is found differs", expected, async |store, beside| {
            Ok(look(store, beside).await)
        })
    }

    #[track_caller]
    fn expect<T: Debug + PartialEq + Send + Sync>(
        self,
        differs: &str,
        expected: &T,
        look: impl AsyncFn(&S, &B) -> Result<T, String> + Sync,
    ) -> Self {
        for run in &self.runs {
            match run.look(&look) {
                Ok(found) if found == *expected => {}
                Ok(found) => {
                    let diff = diff(expected, &found);
                    panic!("when {}, {differs} from what is expected:\n{diff}", run.way)
                }
                Err(failed) => panic!("when {}: {failed}", run.way),
            }
        }
        self
    }
}

async fn rows<M: ReadModel, S: FollowerStore>(store: &S) -> Result<BTreeMap<String, M>, String> {
    let reader = Reader::<M, S>::new(store.clone());
    let (mut rows, mut query) = (BTreeMap::new(), Query::all());
    loop {
        let page = reader.list(query).await.map_err(told)?;
        rows.extend(page.rows.into_iter().map(|(key, row)| (key.to_string(), row)));
        match page.next {
            Some(next) => query = Query::all().after(next),
            None => return Ok(rows),
        }
    }
}

async fn events<E: Event>(
    store: &impl EventStore,
    given: u128,
) -> Result<Vec<(String, E)>, String> {
    let read = ReadAll::after(Position::START).with_filter(Filter::of::<E>());
    let mut recorded = store.read_all(read);
    let mut events = Vec::new();
    while let Some(event) = recorded.try_next().await.map_err(told)? {
        if event.id.as_uuid().as_u128() > given {
            let stream = event.stream.to_string();
            let decoded = event.event.decode().map_err(told)?;
            events.extend(decoded.into_iter().map(|event| (stream.clone(), event)));
        }
    }
    Ok(events)
}

impl<S: FollowerStore, B> fmt::Debug for Followed<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ways: Vec<_> = self.runs.iter().map(|run| run.way.to_string()).collect();
        f.debug_struct("Followed").field("runs", &ways).finish_non_exhaustive()
    }
}
