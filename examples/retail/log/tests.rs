use std::io::Cursor;

use super::*;

const HEADER_LINE: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
const GOOD: &str = "536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n";

fn read(text: impl AsRef<[u8]>) -> Result<Vec<Entry>, LogError> {
    Log::read(Path::new("shop.csv"), Box::new(Cursor::new(text.as_ref().to_owned())))?.collect()
}

/// The line that cannot be read, and why, as a user is told.
fn failure(rows: impl AsRef<[u8]>) -> (u64, String) {
    match read([HEADER_LINE.as_bytes(), rows.as_ref()].concat()) {
        Err(LogError::Line { line, source, .. }) => (line, source.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_line_is_read_as_it_was_written() {
    let row = "536544,90214d,\" LETTER \"\"D\"\", \",-2,2010-12-01 14:32:05,0.850,,EIRE\n";
    let [entry] = read(format!("{HEADER_LINE}{row}")).unwrap().try_into().unwrap();
    let line = Line {
        stock_code: "90214d".to_owned(),
        description: Some(" LETTER \"D\", ".to_owned()),
        quantity: -2,
        unit_price: "0.850".parse().unwrap(),
    };
    assert_eq!(line.unit_price.scale(), 3);
    let (number, at) = ("536544".parse().unwrap(), "2010-12-01T14:32:05".parse().unwrap());
    assert_eq!(
        entry,
        Entry { at_line: 2, number, at, customer: None, country: "EIRE".to_owned(), line }
    );
}

#[test]
fn customers_are_read_with_and_without_the_spreadsheets_decimal() {
    for id in ["17850.0", "17850"] {
        let entries =
            read(format!("{HEADER_LINE}1,1,,1,2010-12-01 08:26:00,1,{id},EIRE\n")).unwrap();
        assert_eq!(entries[0].customer, Some(CustomerId::new(17850)));
        assert_eq!(entries[0].line.description, None);
    }
}

#[test]
fn every_broken_field_is_named() {
    for (row, why) in [
        (",1,x,1,2010-12-01 08:26:00,1,,EIRE", "InvoiceNo is missing"),
        ("53 6,1,x,1,2010-12-01 08:26:00,1,,EIRE", "InvoiceNo \"53 6\" cannot be read"),
        ("1,,x,1,2010-12-01 08:26:00,1,,EIRE", "StockCode is missing"),
        ("1,1,x,,2010-12-01 08:26:00,1,,EIRE", "Quantity is missing"),
        ("1,1,x,1.5,2010-12-01 08:26:00,1,,EIRE", "Quantity \"1.5\" cannot be read"),
        ("1,1,x,2147483648,2010-12-01 08:26:00,1,,EIRE", "Quantity \"2147483648\" cannot be read"),
        (
            "1,1,x,1,2010-12-32 08:26:00,1,,EIRE",
            "InvoiceDate \"2010-12-32 08:26:00\" cannot be read",
        ),
        ("1,1,x,1,01/12/2010 08:26,1,,EIRE", "InvoiceDate \"01/12/2010 08:26\" cannot be read"),
        ("1,1,x,1,2010-12-01 08:26:00,free,,EIRE", "UnitPrice \"free\" cannot be read"),
        ("1,1,x,1,2010-12-01 08:26:00,NaN,,EIRE", "UnitPrice \"NaN\" cannot be read"),
        ("1,1,x,1,2010-12-01 08:26:00,1,17850.5,EIRE", "CustomerID \"17850.5\" cannot be read"),
        ("1,1,x,1,2010-12-01 08:26:00,1,,", "Country is missing"),
        ("1,1,x,1,2010-12-01 08:26:00,1,", "the number of columns is 7, not 8"),
        ("1,1,x,1,2010-12-01 08:26:00,1,,EIRE,", "the number of columns is 9, not 8"),
        ("1,1,\"x,1,2010-12-01 08:26:00,1,,EIRE", "the number of columns is 3, not 8"),
    ] {
        let rows = format!("{GOOD}{row}\n{GOOD}");
        assert_eq!(failure(rows), (3, why.to_owned()), "{row}");
    }
    assert_eq!(
        failure(b"1,1,\xff,1,2010-12-01 08:26:00,1,,EIRE\n"),
        (2, "column 3 is not UTF-8".to_owned())
    );
}

#[test]
fn lines_are_counted_as_an_editor_does() {
    let windows = format!("{GOOD}{GOOD}broken\n").replace('\n', "\r\n");
    let blank_lines = format!("{GOOD}\n\nbroken");
    let quoted = format!("1,1,\"two\nlines\",1,2010-12-01 08:26:00,1,,EIRE\n{GOOD}broken");
    let broken_over_two_lines = format!("{GOOD}{GOOD}\n\"broken\nin two\",1\n");
    let long = format!("1,1,{},1,2010-12-01 08:26:00,1,,EIRE\nbroken", "x".repeat(100_000));
    for (name, rows, line) in [
        ("windows", windows, 4),
        ("blank lines", blank_lines, 5),
        ("quoted", quoted, 5),
        ("broken over two lines", broken_over_two_lines, 5),
        ("longer than any buffer", long, 3),
    ] {
        assert_eq!(failure(&rows).0, line, "{name}");
    }
    let entries = read(format!("{HEADER_LINE}{GOOD}\n{GOOD}").replace('\n', "\r\n")).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.at_line).collect::<Vec<_>>(), [2, 4]);
}

#[test]
fn a_log_begins_with_its_header() {
    assert!(matches!(read(""), Err(LogError::Empty { .. })));
    assert!(matches!(read(GOOD), Err(LogError::Line { line: 1, source: BadLine::Header, .. })));
    assert_eq!(read(HEADER_LINE).unwrap(), []);
    assert_eq!(read(format!("\u{feff}{HEADER_LINE}{GOOD}")).unwrap().len(), 1);
}
