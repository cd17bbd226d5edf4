//! A server while its owner lives: what it is set to, and what is left of it after a kill, a stop, a drop.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod processes;
mod session;

use std::{
    collections::HashSet,
    fs,
    net::{Ipv4Addr, TcpStream},
    path::Path,
};

use annals_test_server::{Binaries, Error, Pooler, Server};
use processes::{any_runs_in, is_alive, signal, until};
use session::Session;

fn started() -> Server {
    Server::start(&Binaries::find().unwrap()).unwrap()
}

fn accepts_connections(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[test]
fn it_is_set_up_for_tests_and_keeps_what_protects_data() {
    let server = started();
    let mut session = Session::open(server.port()).unwrap();
    for (setting, expected) in [
        ("server_encoding", "UTF8"),
        ("max_connections", "200"),
        ("max_prepared_transactions", "16"),
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
    ] {
        let sql = format!("SHOW {setting}");
        assert_eq!(session.query(&sql).unwrap(), [expected], "{setting}");
    }
    let collations = "SELECT DISTINCT datcollate FROM pg_database";
    assert_eq!(session.query(collations).unwrap(), ["C"]);
    let expected = format!("postgres://postgres@127.0.0.1:{}/postgres", server.port());
    assert_eq!(server.url(), expected);
}

#[test]
fn its_owner_may_set_more() {
    let settings = [("fsync", "off"), ("application_name", r"it's \ here")];
    let server = Server::with_settings(&Binaries::find().unwrap(), &settings).unwrap();
    let mut session = Session::open(server.port()).unwrap();
    assert_eq!(session.query("SHOW fsync").unwrap(), ["off"]);
    assert_eq!(session.query("SHOW application_name").unwrap(), [r"it's \ here"]);
}

#[test]
fn an_unknown_setting_fails_with_what_the_server_said() {
    let binaries = Binaries::find().unwrap();
    let error = Server::with_settings(&binaries, &[("no_such_setting", "1")]).unwrap_err();
    assert!(matches!(error, Error::Failed { .. }), "{error:?}");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

#[test]
fn two_servers_have_nothing_in_common() {
    let (one, other) = (started(), started());
    assert_ne!(one.port(), other.port());
    assert_ne!(one.folder(), other.folder());
    Session::open(one.port()).unwrap().query("CREATE TABLE mine ()").unwrap();
    Session::open(other.port()).unwrap().query("CREATE TABLE mine ()").unwrap();
}

#[test]
fn a_standby_follows_its_server_and_takes_over() {
    let settings = [("synchronous_standby_names", "*"), ("synchronous_commit", "local")];
    let mut server = Server::with_settings(&Binaries::find().unwrap(), &settings).unwrap();
    Session::open(server.port()).unwrap().query("CREATE TABLE before ()").unwrap();
    let standby = server.standby().unwrap();
    assert_ne!(standby.port(), server.port());
    let mut session = Session::open(server.port()).unwrap();
    // A commit waits until it can be seen there.
    session.query("SET synchronous_commit = 'remote_apply'").unwrap();
    session.query("CREATE TABLE after ()").unwrap();
    let mut other = Session::open(standby.port()).unwrap();
    assert_eq!(other.query("SELECT pg_is_in_recovery()").unwrap(), ["t"]);
    assert_eq!(other.query("SELECT count(*) FROM before, after").unwrap(), ["0"]);
    server.kill().unwrap();
    assert_eq!(other.query("SELECT pg_promote()").unwrap(), ["t"]);
    other.query("CREATE TABLE taken_over ()").unwrap();
}

#[test]
fn a_pooler_gives_its_clients_the_sessions_of_its_server() {
    let server = started();
    let pooler = Pooler::in_front_of(&server, 2, &[]).unwrap();
    let port = pooler.url().rsplit([':', '/']).nth(1).unwrap().parse().unwrap();
    let mut clients: Vec<_> = (0..3).map(|_| Session::open(port).unwrap()).collect();
    let pids: HashSet<_> = clients
        .iter_mut()
        .flat_map(|client| client.query("SELECT pg_backend_pid()").unwrap())
        .collect();
    assert!((1..=2).contains(&pids.len()), "{pids:?}");
    for client in &mut clients[..2] {
        client.query("BEGIN").unwrap();
    }
    clients[2].send("SELECT 'waited'").unwrap();
    clients[0].query("COMMIT").unwrap();
    assert_eq!(clients[2].until_ready().unwrap(), ["waited"]);
    drop(pooler);
    assert!(!accepts_connections(port));
}

#[test]
fn what_was_confirmed_survives_kills() {
    let mut server = started();
    let (port, mut expected) = (server.port(), Vec::new());
    Session::open(port).unwrap().query("CREATE TABLE confirmed (n int)").unwrap();
    for n in 1..=3 {
        let insert = format!("INSERT INTO confirmed VALUES ({n})");
        Session::open(port).unwrap().query(&insert).unwrap();
        expected.push(n.to_string());
        let pid = server.pid();
        server.kill().unwrap();
        server.restart().unwrap();
        assert_eq!(server.port(), port);
        assert_ne!(server.pid(), pid);
        let sql = "SELECT n FROM confirmed ORDER BY n";
        assert_eq!(Session::open(port).unwrap().query(sql).unwrap(), expected);
    }
    assert!(server.log().contains("automatic recovery in progress"), "{}", server.log());
}

#[test]
fn a_kill_leaves_no_process_not_even_a_busy_one() {
    let mut server = started();
    let mut session = busy_session(&server);
    let all = "SELECT pid FROM pg_stat_activity";
    let mut processes = Session::open(server.port()).unwrap().query(all).unwrap();
    processes.push(server.pid().to_string());
    assert!(processes.len() > 2, "{processes:?}");
    server.kill().unwrap();
    // They have let go of everything; the system may take a moment longer to forget them.
    until("the processes are gone", || !processes.iter().any(|pid| is_alive(pid)));
    assert!(session.until_ready().is_err());
    assert!(!accepts_connections(server.port()));
}

#[test]
fn a_stop_is_orderly_and_closes_connections() {
    let mut server = started();
    let mut session = Session::open(server.port()).unwrap();
    server.stop().unwrap();
    assert!(session.query("SELECT 1").is_err());
    assert!(!accepts_connections(server.port()));
    assert!(server.log().contains("database system is shut down"), "{}", server.log());
    server.stop().unwrap();
    server.kill().unwrap();
    server.restart().unwrap();
    assert!(!server.log().contains("automatic recovery in progress"), "{}", server.log());
    Session::open(server.port()).unwrap();
}

#[test]
fn a_restart_stops_what_still_runs() {
    let mut server = started();
    let pid = server.pid();
    server.restart().unwrap();
    assert!(!is_alive(&pid.to_string()));
    Session::open(server.port()).unwrap();
}

#[test]
fn a_restart_waits_for_its_port() {
    let mut server = started();
    server.stop().unwrap();
    let taken = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, server.port())).unwrap();
    let log = server.folder().join("log");
    std::thread::scope(|scope| {
        let restart = scope.spawn(|| server.restart());
        until("the server finds its port taken", || {
            fs::read_to_string(&log).unwrap().contains("Address already in use")
        });
        drop(taken);
        restart.join().unwrap().unwrap();
    });
    Session::open(server.port()).unwrap();
}

#[test]
fn a_server_that_ended_by_itself_can_be_started_again() {
    let mut server = started();
    let mut session = Session::open(server.port()).unwrap();
    let pid = server.pid().to_string();
    signal("KILL", &pid);
    assert!(session.until_ready().is_err());
    server.restart().unwrap();
    Session::open(server.port()).unwrap();
}

#[test]
fn dropped_it_is_gone_whatever_its_state() {
    for end in [|_: &mut Server| Ok(()), Server::kill, Server::stop] {
        let mut server = started();
        let (port, folder) = (server.port(), server.folder().to_owned());
        let pid = server.pid().to_string();
        let segment = shared_memory(&folder);
        end(&mut server).unwrap();
        drop(server);
        assert!(!folder.exists(), "{}", folder.display());
        assert!(!is_alive(&pid) && !any_runs_in(&folder));
        assert!(!accepts_connections(port));
        let segments = std::process::Command::new("ipcs").arg("-m").output().unwrap();
        let segments = String::from_utf8_lossy(&segments.stdout).into_owned();
        assert!(!segments.split_whitespace().any(|word| word == segment), "{segment}: {segments}");
    }
}

#[test]
fn a_kill_from_outside_leaves_nothing_to_a_drop_not_even_what_is_busy() {
    let server = started();
    let _session = busy_session(&server);
    signal("KILL", &server.pid().to_string());
    let folder = server.folder().to_owned();
    drop(server);
    assert!(!folder.exists() && !any_runs_in(&folder));
}

#[test]
fn a_paused_server_can_be_stopped_and_dropped() {
    let mut server = started();
    signal("STOP", &server.pid().to_string());
    server.stop().unwrap();
    server.restart().unwrap();
    signal("STOP", &server.pid().to_string());
    let folder = server.folder().to_owned();
    drop(server);
    assert!(!folder.exists() && !any_runs_in(&folder));
}

/// A session whose server process is in a query that looks at nothing but its own work: such a process does not
/// notice that the postmaster is gone.
fn busy_session(server: &Server) -> Session {
    let mut session = Session::open(server.port()).unwrap();
    let endless = "SELECT count(*) FROM (SELECT generate_series(1, 1000000000000)) AS endless";
    session.send(endless).unwrap();
    let busy = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%endless'";
    until("it is busy", || !Session::open(server.port()).unwrap().query(busy).unwrap().is_empty());
    session
}

/// The id of the server's System V shared memory.
fn shared_memory(folder: &Path) -> String {
    let state = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
    state.lines().nth(6).unwrap().split_whitespace().last().unwrap().to_owned()
}
