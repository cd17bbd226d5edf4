//! The example `retail`, run as its visitors run it.
#![cfg(all(feature = "macros", feature = "memory"))]
#![expect(clippy::unwrap_used, reason = "where a test cannot go on, it fails")]

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::LazyLock,
};

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use tempfile::TempDir;

const SAMPLE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/examples/retail/data/online-retail-2010-12-01.csv");
const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";

/// Computed from the file by other means, not by the example.
const FIGURES: &str = "\
lines: 3108
orders: 136
cancellations: 6
adjustments: 0
write_offs: 1
events: 144
units: 26814
value: 58635.56
gross: 58960.79
cancelled: -325.23
adjusted: 0
customers: 98
stock_items: 1351
rejected: 0

best customers
  13777          7 orders       6585.16
  16029          2 orders       3702.12
  16210          1 order        2474.74
  12433          1 order        1919.14
  17511          1 order        1825.74

best stock items
  21137        540 units        1830.60  BLACK RECORD COVER FRAME
  84029E       551 units        1670.55  RED WOOLLY HOTTIE WHITE HEART.
  22423        115 units        1434.84  REGENCY CAKESTAND 3 TIER
  85123A       454 units        1224.18  WHITE HANGING HEART T-LIGHT HOLDER
  DOT            2 units        1177.26  DOTCOM POSTAGE

best days
  2010-12-01   136 orders      58635.56
";

/// How a run ended.
#[derive(Debug, PartialEq)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

/// The example as it is now: cargo does not build it for every way to run this test.
static EXAMPLE: LazyLock<PathBuf> = LazyLock::new(|| {
    let mut build = vec!["build", "--locked", "--example", "retail", "--message-format", "json"];
    if cfg!(feature = "postgres") {
        build.extend(["--features", "postgres"]);
    }
    let built = Command::new(env::var("CARGO").unwrap()).args(build).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let messages = String::from_utf8(built.stdout).unwrap();
    let executable = |message: &str| -> Option<PathBuf> {
        let message: Value = serde_json::from_str(message).unwrap();
        message.get("executable")?.as_str().map(PathBuf::from)
    };
    messages.lines().find_map(executable).unwrap()
});

fn retail(arguments: &[&str]) -> Ended {
    let Output { status, stdout, stderr } =
        Command::new(&*EXAMPLE).args(arguments).output().unwrap();
    let [out, err] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    Ended { code: status.code(), out, err }
}

fn succeeded(out: &str) -> Ended {
    Ended { code: Some(0), out: out.to_owned(), err: String::new() }
}

fn failed(err: &str) -> Ended {
    Ended { code: Some(1), out: String::new(), err: format!("error: {err}\n") }
}

/// A log in a folder that is gone after the test.
struct Fixture(TempDir);

impl Fixture {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).into_os_string().into_string().unwrap()
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(content).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn the_sample_gives_its_figures() {
    assert_eq!(retail(&[]), succeeded(FIGURES));
}

/// The position of an event, as it was told between `before` and `after`.
fn position(told: &str, before: &str, after: &str) -> u64 {
    let rest = told.split_once(before).unwrap().1;
    rest.split_once(after).unwrap().0.parse().unwrap()
}

#[test]
fn a_follower_is_rebuilt_and_another_verified_while_the_log_comes_in() {
    for name in ["customers", "stock", "daily_sales"] {
        let Ended { code, out, err } = retail(&["--rebuild", name, "--verify", name]);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
        let told = out.strip_prefix(FIGURES).expect(&out);
        let began_at = position(told, &format!("rebuilt {name}: begun at event "), ", ");
        let swapped_at = position(told, "swapped at event ", "\n");
        assert!((1..144).contains(&began_at) && swapped_at >= began_at, "{told}");
        assert!(told.ends_with(&format!("\nverified {name}: 0 rows differ at 144\n")), "{told}");
    }
}

#[test]
fn a_follower_that_there_is_not_is_told_with_those_that_there_are() {
    let Ended { code, err, .. } = retail(&["--rebuild", "invoices"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("customers, stock, daily_sales"), "{err}");
}

/// On a database, the same figures; and what was taken in stays there, to be worked on.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn postgres_gives_the_same_figures_and_keeps_the_invoices() {
    use sqlx::{AssertSqlSafe, Connection};

    let url = env::var("ANNALS_TEST_DATABASE_URL")
        .expect("a server: run this with `cargo xtask test`, or set ANNALS_TEST_DATABASE_URL");
    let schema = format!("annals_test_{}", uuid::Uuid::now_v7().simple());
    let on_postgres =
        |arguments: &[&str]| retail(&[&["--store", &url, "--schema", &schema], arguments].concat());
    assert_eq!(on_postgres(&[]), succeeded(FIGURES));

    // What was rejected is no event.
    let kept = FIGURES.replace("rejected: 0\n", "");
    assert_eq!(on_postgres(&[]), succeeded(&kept));
    let in_memory = retail(&["--audit", "536591"]);
    assert_eq!(on_postgres(&["--audit", "536591"]), in_memory);
    let Ended { code, err, .. } = on_postgres(&["--data", SAMPLE]);
    assert_eq!(code, Some(1));
    assert!(err.contains(&format!("the schema {schema} holds invoices already")), "{err}");

    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    let spoil = format!("DELETE FROM \"{schema}_read\".customers WHERE key = '13777'");
    sqlx::raw_sql(AssertSqlSafe(spoil)).execute(&mut connection).await.unwrap();
    let Ended { code, out, err } = on_postgres(&["--verify", "customers"]);
    assert_eq!(
        (code, err.as_str()),
        (Some(1), "error: customers is not what the events say; rebuild it\n")
    );
    assert!(out.contains("\nverified customers: 1 row differs at 144\n"), "{out}");
    assert!(out.contains("customers \"13777\": nothing is live, "), "{out}");

    let Ended { code, out, err } = on_postgres(&["--rebuild", "customers"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let rebuilt = "\nrebuilt customers: begun at event 144, swapped at event 144\n";
    assert_eq!(out, kept.clone() + rebuilt);
    let verified = kept + "\nverified customers: 0 rows differ at 144\n";
    assert_eq!(on_postgres(&["--verify", "customers"]), succeeded(&verified));
}

#[test]
fn a_gzipped_log_gives_the_same() {
    let fixture = Fixture::new();
    let whole = fs::read(SAMPLE).unwrap();
    let log = fixture.file("log.csv.gz", gzip(&whole));
    assert_eq!(retail(&["--data", &log]), succeeded(FIGURES));
    // Two gzip files one after the other are a gzip file, too.
    let (first, second) = whole.split_at(100_000);
    let log = fixture.file("parts.csv.gz", [gzip(first), gzip(second)].concat());
    assert_eq!(retail(&["--data", &log]), succeeded(FIGURES));
}

#[test]
fn an_audit_tells_who_did_what_and_when() {
    let history = "\
invoice 536591: an order, customer 14606, United Kingdom
lines 40, units 93, value 198.32

position  version  time              actor           event                   lines    units    value
     137        1  2010-12-01 16:57  customer 14606  invoice.order_placed    0 → 34   0 → 81   0.00 → 159.26
     138        2  2010-12-01 16:58  customer 14606  invoice.order_extended  34 → 40  81 → 93  159.26 → 198.32
";
    assert_eq!(retail(&["--audit", "536591"]), succeeded(history));
}

#[test]
fn other_invoices_may_come_between_the_lines_of_one() {
    let log = format!(
        "{HEADER}
542806,22423,CAKESTAND,1,2011-02-01 11:19:00,12.75,12836.0,United Kingdom
542807,84946,CANDLESTICK,12,2011-02-01 11:19:00,1.25,12836.0,United Kingdom
542806,22423,CAKESTAND,2,2011-02-01 11:20:00,12.75,12836.0,United Kingdom
"
    );
    let fixture = Fixture::new();
    let log = fixture.file("log.csv", log);
    let history = "\
invoice 542806: an order, customer 12836, United Kingdom
lines 2, units 3, value 38.25

position  version  time              actor           event                   lines  units  value
       1        1  2011-02-01 11:19  customer 12836  invoice.order_placed    0 → 1  0 → 1  0.00 → 12.75
       3        2  2011-02-01 11:20  customer 12836  invoice.order_extended  1 → 2  1 → 3  12.75 → 38.25
";
    assert_eq!(retail(&["--data", &log, "--audit", "542806"]), succeeded(history));
}

#[test]
fn an_audit_names_a_customer_only_where_one_is_concerned() {
    let write_off = "\
invoice 536589: a write-off, United Kingdom
lines 1, units -10, value 0.00

position  version  time              actor      event                      lines  units    value
     135        1  2010-12-01 16:50  warehouse  invoice.stock_written_off  0 → 1  0 → -10  0.00 → 0.00
";
    assert_eq!(retail(&["--audit", "536589"]), succeeded(write_off));
}

#[test]
fn an_unknown_invoice_is_named() {
    assert_eq!(retail(&["--audit", "999999"]), failed("no invoice 999999 was taken in"));
}

#[test]
fn what_the_rules_reject_is_listed_and_the_rest_counts() {
    let log = format!(
        "{HEADER}
536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
536365,71053,LANTERN,-1,2010-12-01 08:26:00,3.39,17850.0,United Kingdom
536366,71053, LANTERN ,4,2010-12-01 08:28:00,3.39,17850.0,United Kingdom
536366,71053,LANTERN,4,2010-12-01 08:29:00,3.39,13047.0,United Kingdom
C536367,71053,LANTERN,4,2010-12-01 08:30:00,3.39,17850.0,United Kingdom
536366,71053,broken,-4,2010-12-01 08:31:00,0,,United Kingdom
536368,71053,broken,-1,2010-12-01 08:31:00,0,,United Kingdom
C536370,71053,LANTERN,-1,2010-12-01 08:33:00,3.390,17850.0,United Kingdom
A536371,B,Adjust bad debt,1,2010-12-01 08:34:00,-10,,United Kingdom
X536372,71053,LANTERN,1,2010-12-01 08:35:00,3.39,,United Kingdom
"
    );
    let fixture = Fixture::new();
    let log = fixture.file("log.csv", log);
    let figures = "\
lines: 10
orders: 1
cancellations: 1
adjustments: 1
write_offs: 1
events: 4
units: 3
value: 0.17
gross: 13.56
cancelled: -3.39
adjusted: -10
customers: 1
stock_items: 2
rejected: 6

best customers
  17850          1 order          10.17

best stock items
  71053          2 units          10.17  LANTERN
  B              1 units         -10.00  -

best days
  2010-12-01     1 order           0.17
";
    let rejected = "
rejected, and in none of the figures (6 lines):
  line 2   invoice 536365: the quantity in an order must be positive; 71053 has -1
  line 3   invoice 536365: the quantity in an order must be positive; 71053 has -1
  line 5   invoice 536366: it belongs to customer 17850, not to customer 13047
  line 6   invoice C536367: the quantity in a cancellation must be negative; 71053 has 4
  line 7   invoice 536366: the number stands for an order already
  line 11  invoice X536372: an order cannot have the number X536372
";
    let ended = Ended { code: Some(0), out: figures.to_owned(), err: rejected.to_owned() };
    assert_eq!(retail(&["--data", &log]), ended);
}

#[test]
fn a_broken_line_is_named_and_so_is_what_was_rejected_before_it() {
    let fixture = Fixture::new();
    let log = fixture.file(
        "log.csv",
        format!(
            "{HEADER}\n1,1,x,0,2010-12-01 08:26:00,1,,EIRE\n2,1,x,two,2010-12-01 08:26:00,1,,EIRE\n"
        ),
    );
    let broken = failed(&format!(
        "{log}, line 3: Quantity \"two\" cannot be read: invalid digit found in string"
    ));
    assert_eq!(retail(&["--data", &log]), broken);

    let log = fixture.file(
        "later.csv",
        format!(
            "{HEADER}\n1,1,x,0,2010-12-01 08:26:00,1,,EIRE\n2,1,x,1,2010-12-01 08:26:00,1,,EIRE\nbroken\n"
        ),
    );
    let ended = retail(&["--data", &log]);
    let told = format!(
        "
rejected, and in none of the figures (1 line):
  line 2  invoice 1: the quantity in an order must be positive; 1 has 0
error: {log}, line 4: the number of columns is 1, not 8
"
    );
    assert_eq!(ended, Ended { code: Some(1), out: String::new(), err: told });
}

#[test]
fn files_that_are_no_logs_are_named() {
    let fixture = Fixture::new();
    let missing = fixture.path("missing.csv");
    let ended = retail(&["--data", &missing]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    assert!(ended.err.starts_with(&format!("error: cannot open {missing}: ")), "{}", ended.err);

    let empty = fixture.file("empty.csv", "");
    let told = format!("{empty} is empty; a log begins with the line {HEADER}");
    assert_eq!(retail(&["--data", &empty]), failed(&told));

    let other = fixture.file("other.csv", "name,price\ntea,1\n");
    let told = format!("{other}, line 1: not the header of a log, which is {HEADER}");
    assert_eq!(retail(&["--data", &other]), failed(&told));
}

#[test]
fn a_gzip_that_ends_early_or_is_damaged_is_an_error() {
    let fixture = Fixture::new();
    let whole = gzip(&fs::read(SAMPLE).unwrap());
    let (half, _) = whole.split_at(whole.len() / 2);
    let (all_but_checksum, _) = whole.split_at(whole.len() - 8);
    let mut damaged = whole.clone();
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    for (name, bytes) in [
        ("half.csv.gz", half),
        ("no-checksum.csv.gz", all_but_checksum),
        ("damaged.csv.gz", &damaged),
        ("trailing.csv.gz", &[&*whole, b"more"].concat()),
        ("plain.csv.gz", &fs::read(SAMPLE).unwrap()),
        ("empty.csv.gz", b""),
    ] {
        let log = fixture.file(name, bytes);
        let ended = retail(&["--data", &log]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{name}");
        assert!(ended.err.starts_with(&format!("error: {log}, line ")), "{}", ended.err);
        assert!(ended.err.contains(": cannot be read: "), "{}", ended.err);
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    }
}

#[test]
fn the_sample_names_its_source_and_licence() {
    let readme = fs::read_to_string(Path::new(SAMPLE).with_file_name("README.md")).unwrap();
    for fact in ["10.24432/C5BW33", "D. Chen", "creativecommons.org/licenses/by/4.0", "Changes"] {
        assert!(readme.contains(fact), "{fact}");
    }
}
