//! Stores in front of stores.

use std::pin::Pin;

/// What a method of a store answers, in the form that `#[async_trait]` gives it.
pub type Answer<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// Leaves methods of [`EventStore`](crate::EventStore), [`SnapshotStore`](crate::SnapshotStore) and
/// [`FollowerStore`](crate::FollowerStore) to another store, for a store that stands in front of it and does something of
/// its own in some methods. The others are named, so that one that a contract gets later is not forwarded unseen.
///
/// ```
/// use annals::{AppendError, Appended, EventStore, MemoryStore, StreamAppend, forward};
/// use async_trait::async_trait;
///
/// /// Says what is appended, and leaves the rest to another store.
/// struct Loud<S>(S);
///
/// #[async_trait]
/// impl<S: EventStore> EventStore for Loud<S> {
///     forward!(self => self.0; read_stream, read_all, head, wait_for_head);
///
///     async fn append(&self, appends: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
///         for append in &appends {
///             println!("{} events for {}", append.events.len(), append.stream);
///         }
///         self.0.append(appends).await
///     }
/// }
///
/// let store = Loud(MemoryStore::new());
/// ```
///
/// They are written in the form that `#[async_trait]` gives a method, so that the other store's future is passed on as it is
/// and not boxed a second time.
#[macro_export]
macro_rules! forward {
    ($self:ident => $store:expr; $($method:ident),+ $(,)?) => {
        $($crate::forward! { @$method $self ($store) })+
    };

    (@append $($to:tt)+) => {
        $crate::forward! { @EventStore append [] $($to)+
            (appends: ::std::vec::Vec<$crate::StreamAppend>)
            ::std::vec::Vec<$crate::Appended>, $crate::AppendError }
    };
    (@read_stream $self:ident $store:expr) => {
        fn read_stream(&$self, read: $crate::ReadStream) -> $crate::RecordedEvents {
            $crate::EventStore::read_stream(&$store, read)
        }
    };
    (@read_all $self:ident $store:expr) => {
        fn read_all(&$self, read: $crate::ReadAll) -> $crate::RecordedEvents {
            $crate::EventStore::read_all(&$store, read)
        }
    };
    (@head $($to:tt)+) => {
        $crate::forward! { @EventStore head [] $($to)+ () $crate::Position, $crate::StoreError }
    };
    (@wait_for_head $($to:tt)+) => {
        $crate::forward! { @EventStore wait_for_head [] $($to)+
            (position: $crate::Position) $crate::Position, $crate::StoreError }
    };

    (@read_from_snapshot $($to:tt)+) => {
        $crate::forward! { @SnapshotStore read_from_snapshot ['b] $($to)+
            (stream: &'b $crate::StreamId, fold_version: u32)
            (::core::option::Option<$crate::StoredSnapshot>, $crate::RecordedEvents), $crate::StoreError }
    };
    (@save_snapshot $($to:tt)+) => {
        $crate::forward! { @SnapshotStore save_snapshot ['b] $($to)+
            (snapshot: &'b $crate::StoredSnapshot) bool, $crate::StoreError }
    };
    (@version_of $($to:tt)+) => {
        $crate::forward! { @SnapshotStore version_of ['b] $($to)+
            (stream: &'b $crate::StreamId, id: $crate::EventId)
            ::core::option::Option<$crate::Version>, $crate::StoreError }
    };

    (@declare $($to:tt)+) => {
        $crate::forward! { @FollowerStore declare ['b] $($to)+
            (follower: &'b $crate::followers::Declaration) (), $crate::followers::StartError }
    };
    (@books $($to:tt)+) => {
        $crate::forward! { @FollowerStore books ['b] $($to)+
            (beat: ::core::option::Option<&'b $crate::followers::Beat>)
            $crate::followers::Books, $crate::StoreError }
    };
    (@claim $($to:tt)+) => {
        $crate::forward! { @FollowerStore claim ['b] $($to)+
            (member: $crate::followers::MemberId, parts: &'b [$crate::followers::PartId])
            ::std::vec::Vec<$crate::followers::Claim>, $crate::StoreError }
    };
    (@release $($to:tt)+) => {
        $crate::forward! { @FollowerStore release ['b] $($to)+
            (claims: &'b [$crate::followers::Claim]) (), $crate::StoreError }
    };
    (@note $($to:tt)+) => {
        $crate::forward! { @FollowerStore note ['b 'c] $($to)+
            (claim: &'b $crate::followers::Claim, note: &'c $crate::followers::Note)
            (), $crate::followers::StepError }
    };
    (@command $($to:tt)+) => {
        $crate::forward! { @FollowerStore command ['b 'c] $($to)+
            (name: &'b str, command: &'c $crate::followers::Command)
            (), $crate::followers::CommandRefused }
    };
    (@failures $($to:tt)+) => {
        $crate::forward! { @FollowerStore failures [] $($to)+
            (build: $crate::followers::BuildId, limit: u32)
            ::std::vec::Vec<$crate::followers::Failure>, $crate::StoreError }
    };
    (@parked $($to:tt)+) => {
        $crate::forward! { @FollowerStore parked [] $($to)+
            (build: $crate::followers::BuildId)
            ::std::vec::Vec<$crate::followers::ParkedEvent>, $crate::StoreError }
    };
    (@make $($to:tt)+) => {
        $crate::forward! { @FollowerStore make ['b 'c] $($to)+
            (claim: &'b $crate::followers::Claim,
             tables: $crate::followers::Make<'c, Self::Connection>,
             limits: $crate::followers::Limits)
            (), $crate::followers::StepError }
    };
    (@commit $($to:tt)+) => {
        $crate::forward! { @FollowerStore commit ['b] $($to)+
            (step: $crate::followers::Step<'b, Self::Connection>)
            (), $crate::followers::StepError }
    };
    (@swap $($to:tt)+) => {
        $crate::forward! { @FollowerStore swap [] $($to)+
            (shadow: $crate::followers::BuildId, patience: ::core::time::Duration)
            $crate::followers::Swap, $crate::StoreError }
    };
    (@compare $($to:tt)+) => {
        $crate::forward! { @FollowerStore compare [] $($to)+
            (shadow: $crate::followers::BuildId, patience: ::core::time::Duration)
            $crate::followers::Compared, $crate::StoreError }
    };
    (@rows $($to:tt)+) => {
        $crate::forward! { @FollowerStore rows ['b 'c] $($to)+
            (rows: &'b $crate::followers::RowsOf<'c>)
            ::std::vec::Vec<$crate::followers::Row>, $crate::followers::ReadError }
    };

    (@$contract:ident $method:ident [$($life:lifetime)*] $self:ident ($store:expr)
        ($($name:ident: $type:ty),*) $ok:ty, $error:ty) => {
        fn $method<'a, $($life,)* 'answer>(
            &'a $self
            $(, $name: $type)*
        ) -> $crate::__private::Answer<'answer, $ok, $error>
        where
            'a: 'answer,
            $($life: 'answer,)*
            Self: 'answer,
        {
            $crate::$contract::$method(&$store $(, $name)*)
        }
    };
}
