//! Records of a run in which all is as it should be, and what is put into them.

use uuid::Uuid;

use crate::{
    checker::{Evidence, Logged},
    domain::Tally,
    record::{Answer, Expected, Line, Met, Moment, Part, Place, Read, Request, Way},
    views::{Sum, Views},
};

pub(super) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub(super) fn logged(
    position: i64,
    stream: &str,
    version: u64,
    number: u128,
    cents: i64,
) -> Logged {
    // The tag of an append, or of a command, is a hundred times the number of its first event.
    let (id, tag) = (id(number), id(number / 10 * 1000));
    Logged { position, version, stream: stream.parse().unwrap(), id, tag, cents }
}

pub(super) fn part(stream: &str, expected: Expected, numbers: &[u128], cents: i64) -> Part {
    let ids = numbers.iter().copied().map(id).collect();
    Part { stream: stream.parse().unwrap(), expected, ids, cents }
}

pub(super) fn append(number: u128, parts: Vec<Part>) -> Request {
    Request::Append { tag: id(number * 1000), parts, way: Way::Store }
}

pub(super) fn place(version: u64, position: i64) -> Place {
    Place { version, position }
}

/// What a process was told, from one moment to another.
pub(super) fn told(lines: &mut Vec<Line>, from: i64, to: i64, request: &Request, answer: Answer) {
    let attempt = lines.len() as u64;
    lines.push(Line::Sent { attempt, at: Moment(from), request: request.clone() });
    lines.push(Line::Answered { attempt, at: Moment(to), answer });
}

pub(super) fn conflict(stream: &str, expected: Expected, actual: u64) -> Answer {
    Answer::Conflict { stream: stream.parse().unwrap(), expected, actual }
}

/// Two accounts, an order and its letter; all as it should be.
///
/// | position | | append |
/// |---|---|---|
/// | 1, 2 | anna is given 50 twice | 1 |
/// | 4, 5, 6 | 30 go from anna to bob, who orders | 2 |
/// | 7 | the letter | |
pub(super) fn right() -> Evidence {
    let log = vec![
        logged(1, "account-anna", 1, 10, 50),
        logged(2, "account-anna", 2, 11, 50),
        logged(4, "account-anna", 3, 20, -30),
        logged(5, "account-bob", 1, 21, 30),
        logged(6, "order-7", 1, 22, 0),
        Logged { tag: id(22), ..logged(7, "letter-7", 1, 90, 0) },
    ];
    let mut lines = Vec::new();
    let first = append(1, vec![part("account-anna", Expected::None, &[10, 11], 50)]);
    told(&mut lines, 1, 2, &first, Answer::Stored(vec![place(2, 2)]));
    let second = transfer();
    let answer = Answer::Stored(vec![place(3, 4), place(1, 5), place(1, 6)]);
    told(&mut lines, 3, 4, &second, answer.clone());
    told(&mut lines, 5, 6, &second, answer);
    let third = append(3, vec![part("account-anna", Expected::Exact(2), &[30], 1)]);
    told(&mut lines, 7, 8, &third, conflict("account-anna", Expected::Exact(2), 3));
    let handed =
        |event: &Logged| Read::Handed { reader: 0, position: event.position, id: event.id };
    let mut read = vec![Read::Begins { reader: 0, after: 0, category: None }];
    read.extend(log.iter().map(handed));
    read.push(Read::Passed { reader: 0, position: 7 });
    let met = Met { id: id(22), position: 6, by: "follower".to_owned() };
    Evidence {
        log,
        writers: [("writer".to_owned(), lines)].into(),
        readers: [("reader".to_owned(), read)].into(),
        views: vec![views()],
        met: vec![met.clone(), met],
    }
}

pub(super) fn transfer() -> Request {
    let parts = vec![
        part("account-anna", Expected::Exact(2), &[20], -30),
        part("account-bob", Expected::Any, &[21], 30),
        part("order-7", Expected::Any, &[22], 0),
    ];
    append(2, parts)
}

/// What followers show of it in the end.
pub(super) fn views() -> Views {
    let tally = |events: &[(i64, i64)]| {
        let mut tally = Tally::default();
        events.iter().for_each(|(position, cents)| tally.add(*position, *cents));
        tally
    };
    let sum = |events, cents, last| Sum { events, cents, last, disorder: 0 };
    let row = |name: &str, events: &[(i64, i64)]| (name.to_owned(), tally(events));
    Views {
        checkpoints: [("balances".to_owned(), vec![5]), ("ledger".to_owned(), vec![5])].into(),
        balances: [row("anna", &[(1, 50), (2, 50), (4, -30)]), row("bob", &[(5, 30)])].into(),
        volumes: [row("11", &[(1, 50), (2, 50)]), row("9", &[(4, -30)]), row("4", &[(5, 30)])]
            .into(),
        ledger: [("anna".to_owned(), sum(3, 70, 4)), ("bob".to_owned(), sum(1, 30, 5))].into(),
    }
}

/// One more thing that the writer was told.
pub(super) fn and_told(evidence: &mut Evidence, from: i64, request: &Request, answer: Answer) {
    told(evidence.writers.get_mut("writer").unwrap(), from, from + 1, request, answer);
}
