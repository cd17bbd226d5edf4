use super::fixture::{
    Any, NoStream, Store, append, append_all, at_once, event, events, exact, read, read_all,
    refusal, stream, to,
};
use crate::{NewEvent, Refusal, StreamAppend, Version};

pub(super) async fn the_same_append_again_stores_nothing_and_answers_the_same(store: Store) {
    for request in [
        to("test-a", NoStream, events(1)),
        to("test-a", exact(1), events(3)),
        to("test-a", Any, events(2)),
    ] {
        let first = append(&store, request.clone()).await;
        let stored = read_all(&store).await;
        assert_eq!(append(&store, request.clone()).await, first);
        assert_eq!(append(&store, request).await, first);
        assert_eq!(read_all(&store).await, stored);
    }
}

pub(super) async fn the_same_append_again_needs_no_version_to_match(store: Store) {
    let request = to("test-a", NoStream, events(2));
    let first = append(&store, request.clone()).await;
    append(&store, to("test-a", exact(2), events(1))).await;
    append(&store, to("test-b", Any, events(1))).await;
    assert_eq!(append(&store, request).await, first);
    assert_eq!(read_all(&store).await.len(), 4);
}

pub(super) async fn the_same_append_of_several_streams_again_answers_the_same(store: Store) {
    append(&store, to("test-guard", Any, events(2))).await;
    let request = vec![
        to("test-a", NoStream, events(2)),
        to("test-guard", exact(2), vec![]),
        to("test-b", Any, events(1)),
    ];
    let first = append_all(&store, request.clone()).await;
    append(&store, to("test-a", Any, events(1))).await;
    assert_eq!(append_all(&store, request).await, first);
    assert_eq!(read_all(&store).await.len(), 6);
}

pub(super) async fn an_id_stored_elsewhere_is_refused(store: Store) {
    let [a, b, c]: [NewEvent; 3] = std::array::from_fn(|number| event("test.happened", number));
    let pair = vec![a.clone(), b.clone()];
    append(&store, to("test-a", NoStream, pair.clone())).await;
    let before = read_all(&store).await;
    let wrong: [(&str, Vec<StreamAppend>); 6] = [
        ("in another stream", vec![to("test-b", Any, pair.clone())]),
        ("in another order", vec![to("test-a", Any, vec![b.clone(), a.clone()])]),
        ("with a new one after", vec![to("test-a", Any, vec![a.clone(), b.clone(), c.clone()])]),
        ("with a new one before", vec![to("test-a", Any, vec![c.clone(), a.clone()])]),
        ("with a new one between", vec![to("test-a", Any, vec![a.clone(), c.clone(), b.clone()])]),
        ("beside a new stream", vec![to("test-b", Any, vec![c]), to("test-a", Any, pair)]),
    ];
    let expecting = |mut request: Vec<StreamAppend>, expected| {
        request.iter_mut().for_each(|append| append.expected = expected);
        request
    };
    // Whatever version is expected: the events of a conflict may be sent again as they are, these may not.
    let wrong = wrong.into_iter().flat_map(|(how, request)| {
        [Any, exact(7)].map(|expected| (how, expecting(request.clone(), expected)))
    });
    for (how, request) in wrong {
        match refusal(&store, request).await {
            Refusal::EventIdTaken { id, stream: at, version } => {
                let known = [(a.id, 1), (b.id, 2)].contains(&(id, version.get()));
                assert!(
                    known && at == stream("test-a"),
                    "{how}: {id} is not version {version} of {at}"
                );
            }
            other => panic!("{how}: refused for another reason: {other:?}"),
        }
        assert_eq!(read_all(&store).await, before, "{how}");
    }
}

pub(super) async fn the_same_append_from_many_tasks_is_stored_once(store: Store) {
    for round in 1..=10 {
        let request = to("test-a", exact((round - 1) * 2), events(2));
        let answers = at_once(16, |_| {
            let (store, request) = (store.clone(), request.clone());
            async move { append(&store, request).await }
        })
        .await;
        assert!(answers.iter().all(|answer| Some(answer) == answers.first()), "{answers:?}");
        assert_eq!(answers.first().map(|answer| answer.version), Some(Version::new(round * 2)));
        assert_eq!(read(&store, "test-a").await.len() as u64, round * 2);
    }
}
