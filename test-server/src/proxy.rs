//! A way to the server that can be cut at a chosen moment.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};

use crate::{Error, Server};

/// When the connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cut {
    /// The server never sees the statement.
    BeforeTheServer,
    /// The server has the statement, and nobody waits for it.
    UnderWay,
    /// The server has committed, and its answer is lost.
    BeforeTheAnswer,
    /// The server has committed, and nobody hears of it or of the end of the connection, until the proxy hangs up.
    Silently,
    /// The client hears of it at once, and the server has the statement when the proxy hangs up.
    Late,
}

/// Passes on what comes, until a statement with a certain text in it springs the trap.
pub struct Proxy {
    port: u16,
    trap: Arc<Mutex<Option<Trap>>>,
    sprung: Arc<AtomicUsize>,
    hang_up: Arc<Notify>,
    cut_all: Arc<Notify>,
    arrived: Arc<Notify>,
    _tasks: JoinSet<()>,
}

#[derive(Clone)]
struct Trap {
    text: String,
    cut: Cut,
    times: usize,
}

impl Proxy {
    /// A proxy to this server, on a port of its own; it goes on when the server is restarted.
    ///
    /// # Errors
    /// When no port is to be had.
    pub async fn to(server: &Server) -> Result<Self, Error> {
        let failed = Error::io("listen for a proxy");
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listening = listener.and_then(|it| it.local_addr().map(|at| (it, at.port())));
        let (listener, port) = listening.map_err(failed)?;
        let line = Line::default();
        let Line { trap, sprung, hang_up, cut_all, arrived } = line.clone();
        let mut tasks = JoinSet::new();
        let server = server.port();
        tasks.spawn(async move {
            let mut lines = JoinSet::new();
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                // Those that have ended.
                while lines.try_join_next().is_some() {}
                if let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await {
                    lines.spawn(line.clone().pass(client, server));
                }
            }
        });
        Ok(Self { port, trap, sprung, hang_up, cut_all, arrived, _tasks: tasks })
    }

    /// Where to connect, as [`Server::url`].
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Cuts the connections of the next statements with this text in them.
    pub fn trap(&self, text: &str, cut: Cut, times: usize) {
        *self.trap.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Trap { text: text.to_owned(), cut, times });
        self.sprung.store(0, Ordering::SeqCst);
    }

    /// Cuts no more, and tells how often it did.
    pub fn open(&self) -> usize {
        *self.trap.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.sprung.load(Ordering::SeqCst)
    }

    /// Closes the connections that were cut silently, and lets late statements arrive.
    pub fn hang_up(&self) {
        self.hang_up.notify_waiters();
    }

    /// Waits until the server has carried out a late statement.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Cuts all connections there are, whatever is under way.
    pub fn cut_all(&self) {
        self.cut_all.notify_waiters();
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("port", &self.port).finish_non_exhaustive()
    }
}

/// One connection.
#[derive(Clone, Default)]
struct Line {
    trap: Arc<Mutex<Option<Trap>>>,
    sprung: Arc<AtomicUsize>,
    hang_up: Arc<Notify>,
    cut_all: Arc<Notify>,
    arrived: Arc<Notify>,
}

impl Line {
    /// Until one of the ends closes, or it is cut: both ends are closed then.
    async fn pass(self, mut client: TcpStream, mut server: TcpStream) {
        let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        loop {
            tokio::select! {
                () = self.cut_all.notified() => return,
                read = client.read(&mut asked) => {
                    let Ok(read @ 1..) = read else { return };
                    let hang_up = self.hang_up.notified();
                    let asked = asked.get(..read).unwrap_or_default();
                    let cut = self.springs(asked);
                    if cut == Some(Cut::Late) {
                        drop(client);
                        hang_up.await;
                        drop(server.write_all(asked).await);
                        drop(server.read(&mut answered).await);
                        self.arrived.notify_one();
                        return;
                    }
                    if cut == Some(Cut::BeforeTheServer)
                        || server.write_all(asked).await.is_err()
                    {
                        return;
                    }
                    if cut == Some(Cut::BeforeTheAnswer) {
                        // The server sends when the transaction has ended, and not before.
                        drop(server.read(&mut answered).await);
                    }
                    if cut == Some(Cut::Silently) {
                        hang_up.await;
                    }
                    if cut.is_some() {
                        return;
                    }
                }
                read = server.read(&mut answered) => {
                    let Ok(read @ 1..) = read else { return };
                    if client.write_all(answered.get(..read).unwrap_or_default()).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn springs(&self, bytes: &[u8]) -> Option<Cut> {
        let mut trap = self.trap.lock().unwrap_or_else(PoisonError::into_inner);
        let Trap { text, cut, times } = trap.as_mut()?;
        let is_in = bytes.windows(text.len()).any(|window| window == text.as_bytes());
        if !is_in || *times == 0 {
            return None;
        }
        *times -= 1;
        self.sprung.fetch_add(1, Ordering::SeqCst);
        Some(*cut)
    }
}
