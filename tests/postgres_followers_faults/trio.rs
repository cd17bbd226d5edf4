//! Three processes that could all run one follower, which only one of them does.

use std::{
    env, fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use annals::{
    EventStore, ExpectedVersion, Followers, HandlerError, Options, PostgresStore, Projection,
    Recorded, Start, StreamAppend,
};
use async_trait::async_trait;
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::{sync::watch, task::JoinHandle, time::MissedTickBehavior};

use crate::{
    LONG,
    accounts::{Account, Moved, deposit, stream},
    evidence::{Process, until_told_to_end},
    fresh,
    letters::Write,
    orders,
    place::{Place, Trap, Trapped, Word},
    reached, status,
};

pub(crate) const LEASE: Duration = Duration::from_secs(2);

const SCHEMA: &str = "ANNALS_TEST_TRIO_SCHEMA";
const NAME: &str = "ANNALS_TEST_TRIO_NAME";
const FOLLOWER: &str = "ANNALS_TEST_TRIO_FOLLOWER";
const FOLDER: &str = "ANNALS_TEST_TRIO_FOLDER";
const PLACE: &str = "ANNALS_TEST_TRIO_PLACE";

/// Writes down which process handled what.
struct Journal {
    by: String,
    trap: Trap,
}

#[async_trait]
impl Projection<PgConnection> for Journal {
    const NAME: &'static str = "journal";
    type Event = Moved;

    async fn create(&self, db: &mut PgConnection) -> Result<(), HandlerError> {
        let table = "CREATE TABLE journal (position bigint NOT NULL, by text NOT NULL)";
        sqlx::raw_sql(table).execute(db).await?;
        Ok(())
    }

    async fn handle(
        &self,
        recorded: &Recorded<Moved>,
        db: &mut PgConnection,
    ) -> Result<(), HandlerError> {
        let insert = sqlx::query("INSERT INTO journal VALUES ($1, $2)");
        insert.bind(recorded.position.get().cast_signed()).bind(&self.by).execute(db).await?;
        self.trap.at(Place::InHandler);
        Ok(())
    }

    fn options(&self) -> Options {
        // So that the first step of whoever takes over is a short one.
        Options::new().with_batch(20)
    }
}

/// Follows, until it is killed or told to end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process that the tests of takeovers start"]
async fn process() {
    let mut is_over = until_told_to_end();
    let schema = env::var(SCHEMA).expect("only the tests of takeovers start this");
    let (name, folder) = (env::var(NAME).unwrap(), PathBuf::from(env::var(FOLDER).unwrap()));
    let place = serde_json::from_str(&env::var(PLACE).unwrap()).unwrap();
    let trap = Trap::in_folder(place, &folder);
    // A reaction asks the store for something while its follower's other tasks do.
    let store = PostgresStore::builder().with_schema(schema).with_max_connections(8);
    let store = store.connect(&fresh::url()).await.unwrap();
    let followers = Followers::new(Trapped { store: store.clone(), trap: trap.clone() });
    let followers = match &*env::var(FOLLOWER).unwrap() {
        "journal" => followers.projection(Journal { by: name.clone(), trap }),
        "accounts" => followers.read_model::<Account>(),
        _ => {
            let write = Write::new(store, &folder.join("met"), name.clone(), 1);
            followers.reactor(write, Start::Beginning)
        }
    };
    let running = followers.with_name(name).with_lease(LEASE).start().await.unwrap();
    is_over.wait_for(|is_over| *is_over).await.unwrap();
    running.shutdown().await;
}

pub(crate) struct Trio {
    pub(crate) store: PostgresStore,
    pub(crate) processes: Vec<Option<Process<Word>>>,
    follower: &'static str,
    trap: Trap,
    folder: tempfile::TempDir,
    appending: (JoinHandle<()>, watch::Sender<bool>),
}

/// Appends, one at a time, until it is told to end.
async fn append(store: PostgresStore, mut is_over: watch::Receiver<bool>) {
    let mut pace = tokio::time::interval(Duration::from_millis(5));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0.. {
        tokio::select! {
            _ = pace.tick() => {}
            _ = is_over.changed() => return,
        }
        let one = (stream("one"), deposit(0, number));
        // Fewer of them: a letter takes longer to write.
        let order = (number % 20 == 0)
            .then(|| (orders::stream(number % 100), orders::placed(number.unsigned_abs())));
        let append = |(stream, event)| StreamAppend::new(stream, ExpectedVersion::Any, vec![event]);
        let appends = [Some(one), order].into_iter().flatten().map(append).collect();
        store.append(appends).await.unwrap();
    }
}

/// Under which claim the follower is run, and how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Books {
    fence: i64,
    pub(crate) position: i64,
}

impl Trio {
    /// With events that keep coming, 200 a second.
    pub(crate) async fn start(follower: &'static str, place: Place) -> Self {
        let store = fresh::builder().with_max_connections(5);
        let store = store.connect(&fresh::url()).await.unwrap();
        store.migrate().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let trap = Trap::in_folder(place, folder.path());
        let place = serde_json::to_string(&place).unwrap();
        let process = |number: usize| {
            let environment = [
                (SCHEMA, store.schema()),
                (NAME, &*format!("process-{number}")),
                (FOLLOWER, follower),
                (FOLDER, folder.path().to_str().unwrap()),
                (PLACE, &*place),
            ];
            Some(Process::start("trio::process", &environment))
        };
        let processes = (0..3).map(process).collect();
        let (over, is_over) = watch::channel(false);
        let appending = (tokio::spawn(append(store.clone(), is_over)), over);
        let trio = Self { store, processes, follower, trap, folder, appending };
        trio.until(|books| books.position > 0).await;
        trio
    }

    /// The number of the process that runs it.
    pub(crate) async fn owner(&self) -> usize {
        let status = status(&self.store, self.follower).await;
        status.owners[0].strip_prefix("process-").unwrap().parse().unwrap()
    }

    /// From now on the process that runs it is frozen where it was told to be.
    pub(crate) fn set_trap(&self) {
        fs::write(self.trap.file(), "").unwrap();
    }

    /// Lets a process go on that was frozen.
    pub(crate) fn thaw(&self, number: usize) {
        fs::write(self.trap.thawed(), "").unwrap();
        self.process(number).thaw();
    }

    pub(crate) fn met(&self) -> PathBuf {
        self.folder.path().join("met")
    }

    pub(crate) async fn books(&self) -> Option<Books> {
        let schema = self.store.schema();
        let sql = format!("SELECT fence, position FROM {schema}.parts");
        let books = sqlx::query_as(AssertSqlSafe(sql)).fetch_optional(self.store.pool()).await;
        books.unwrap().map(|(fence, position)| Books { fence, position })
    }

    pub(crate) async fn until(&self, is_so: impl Fn(&Books) -> bool) -> Books {
        let waiting = async {
            loop {
                if let Some(books) = self.books().await.filter(&is_so) {
                    return books;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(LONG, waiting).await.expect("it should come to be so")
    }

    /// Waits until another process goes on than the one that did so under `before`, since `gone`. Answers where the one
    /// before had got to.
    pub(crate) async fn taken_over(&self, before: Books, gone: Instant) -> i64 {
        let claimed = self.until(|books| books.fence > before.fence).await;
        self.until(|books| books.position > claimed.position).await;
        let took = gone.elapsed();
        println!("{} goes on after {took:?} with a lease of {LEASE:?}", self.follower);
        // A process is alive for six tenths of its lease after it said so, and others look each tenth; what is left of
        // the lease is for a machine that has other things to do.
        assert!(took <= LEASE, "{took:?}");
        claimed.position
    }

    pub(crate) fn process(&self, number: usize) -> &Process<Word> {
        self.processes[number].as_ref().unwrap()
    }

    /// Ends all, once all is handled, and tells what the process `number` said that nobody has heard.
    pub(crate) async fn end(&mut self, number: usize) -> Vec<Word> {
        let (appending, over) = &mut self.appending;
        over.send(true).unwrap();
        appending.await.unwrap();
        let head = self.store.head().await.unwrap();
        reached(&self.store, self.follower, head).await;
        let mut said = Vec::new();
        for (nth, process) in self.processes.iter_mut().enumerate() {
            let words = process.take().map(Process::end).unwrap_or_default();
            if nth == number {
                said = words;
            }
        }
        said
    }

    /// Which process handled which position, in order.
    pub(crate) async fn journal(&self) -> Vec<(i64, String)> {
        let schema = self.store.schema();
        let sql = format!("SELECT position, by FROM {schema}_read.journal ORDER BY position");
        sqlx::query_as(AssertSqlSafe(sql)).fetch_all(self.store.pool()).await.unwrap()
    }
}
