use annals::testing::{Decided, Scenario};

use super::*;
use InvoiceCommand::{
    AddToCancellation, AddToOrder, AdjustBadDebt, Cancel, PlaceOrder, WriteOffStock,
};
use InvoiceEvent::{
    BadDebtAdjusted, CancellationExtended, CancellationIssued, OrderExtended, OrderPlaced,
    StockWrittenOff,
};

const ANNA: Option<CustomerId> = Some(CustomerId::new(17850));
const BERT: Option<CustomerId> = Some(CustomerId::new(13047));

fn line(quantity: i32, unit_price: &str) -> Line {
    Line {
        stock_code: "85123A".to_owned(),
        description: Some(" HEART ".to_owned()),
        quantity,
        unit_price: unit_price.parse().unwrap(),
    }
}

fn at(minute: u32) -> NaiveDateTime {
    format!("2010-12-01T08:{minute:02}:00").parse().unwrap()
}

fn slip(customer: Option<CustomerId>, lines: &[Line]) -> Slip {
    Slip { customer, country: uk(), lines: lines.to_vec(), at: at(26) }
}

fn uk() -> String {
    "United Kingdom".to_owned()
}

fn order(lines: &[Line]) -> InvoiceEvent {
    OrderPlaced { customer: ANNA, country: uk(), lines: lines.to_vec(), at: at(26) }
}

fn cancellation(lines: &[Line]) -> InvoiceEvent {
    CancellationIssued { customer: ANNA, country: uk(), lines: lines.to_vec(), at: at(26) }
}

fn adjustment() -> InvoiceEvent {
    BadDebtAdjusted { country: uk(), lines: vec![line(1, "-11062.06")], at: at(26) }
}

fn write_off() -> InvoiceEvent {
    StockWrittenOff { country: uk(), lines: vec![line(-10, "0")], at: at(26) }
}

/// What becomes of `command` under `number`, after `past`.
fn decide(
    number: &str,
    past: impl IntoIterator<Item = InvoiceEvent>,
    command: InvoiceCommand,
) -> Decided<Invoice> {
    let number: InvoiceNumber = number.parse().unwrap();
    Scenario::new(number).given(past).when(command)
}

fn issued(
    kind: Kind,
    customer: Option<CustomerId>,
    lines: u64,
    units: i64,
    value: &str,
) -> Invoice {
    let totals = Totals { lines, units, value: value.parse().unwrap() };
    Invoice::Issued(Issued { kind, customer, country: uk(), totals })
}

#[test]
fn an_order_is_placed() {
    let lines = [line(6, "2.55"), line(2, "0"), line(2, "0")];
    decide("536365", [], PlaceOrder(slip(ANNA, &lines))).then([order(&lines)]).then_state(issued(
        Kind::Order,
        ANNA,
        3,
        10,
        "15.30",
    ));
}

#[test]
fn a_guest_places_an_order() {
    let lines = [line(1, "0.001")];
    let placed = OrderPlaced { customer: None, country: uk(), lines: lines.to_vec(), at: at(26) };
    decide("536544", [], PlaceOrder(slip(None, &lines))).then([placed]);
}

#[test]
fn lines_that_come_a_minute_later_belong_to_the_order() {
    let later = [line(2, "5.45")];
    let extended = OrderExtended { customer: ANNA, lines: later.to_vec(), at: at(27) };
    let add = AddToOrder(Slip { at: at(27), ..slip(ANNA, &later) });
    decide("536591", [order(&[line(6, "2.55")])], add).then([extended]).then_state(issued(
        Kind::Order,
        ANNA,
        2,
        8,
        "26.20",
    ));
}

#[test]
fn goods_are_cancelled_and_more_a_minute_later() {
    let lines = [line(-1, "27.50")];
    decide("C536379", [], Cancel(slip(ANNA, &lines)))
        .then([cancellation(&lines)])
        .then_state(issued(Kind::Cancellation, ANNA, 1, -1, "-27.50"));
    let extended = CancellationExtended { customer: ANNA, lines: lines.to_vec(), at: at(26) };
    decide("C536379", [cancellation(&lines)], AddToCancellation(slip(ANNA, &lines)))
        .then([extended])
        .then_state(issued(Kind::Cancellation, ANNA, 2, -2, "-55"));
}

#[test]
fn a_bad_debt_is_adjusted() {
    decide("A563186", [], AdjustBadDebt(slip(None, &[line(1, "-11062.06")])))
        .then([adjustment()])
        .then_state(issued(Kind::Adjustment, None, 1, 1, "-11062.06"));
}

#[test]
fn stock_is_written_off() {
    decide("536589", [], WriteOffStock(slip(None, &[line(-10, "0.0")])))
        .then([StockWrittenOff { country: uk(), lines: vec![line(-10, "0.0")], at: at(26) }])
        .then_state(issued(Kind::WriteOff, None, 1, -10, "0"));
}

#[test]
fn a_number_stands_for_one_thing_for_good() {
    let (sold, back) = (line(6, "2.55"), line(-6, "2.55"));
    let plain = [(order(std::slice::from_ref(&sold)), Kind::Order), (write_off(), Kind::WriteOff)];
    for (event, kind) in plain {
        for command in
            [PlaceOrder(slip(ANNA, &[sold.clone()])), WriteOffStock(slip(None, &[line(-1, "0")]))]
        {
            decide("536365", [event.clone()], command)
                .then_rejected(Rejection::IssuedAlready(kind));
        }
    }
    decide("C1", [cancellation(&[back.clone()])], Cancel(slip(ANNA, &[back.clone()])))
        .then_rejected(Rejection::IssuedAlready(Kind::Cancellation));
    decide("A1", [adjustment()], AdjustBadDebt(slip(None, &[line(1, "11062.06")])))
        .then_rejected(Rejection::IssuedAlready(Kind::Adjustment));
    decide("536365", [write_off()], AddToOrder(slip(None, &[sold.clone()])))
        .then_rejected(Rejection::OfAnotherKind { is: Kind::WriteOff, asked: Kind::Order });
    decide("536365", [order(&[sold])], AddToCancellation(slip(ANNA, &[back])))
        .then_rejected(Rejection::OfAnotherKind { is: Kind::Order, asked: Kind::Cancellation });
}

#[test]
fn the_number_fits_the_kind() {
    let sold = slip(ANNA, &[line(6, "2.55")]);
    let back = slip(ANNA, &[line(-6, "2.55")]);
    let debt = slip(None, &[line(1, "11062.06")]);
    let lost = slip(None, &[line(-1, "0")]);
    for (number, command, kind) in [
        ("C536365", PlaceOrder(sold.clone()), Kind::Order),
        ("X536365", PlaceOrder(sold), Kind::Order),
        ("536365", Cancel(back), Kind::Cancellation),
        ("C536365", AdjustBadDebt(debt), Kind::Adjustment),
        ("A536365", WriteOffStock(lost), Kind::WriteOff),
    ] {
        let wrong = Rejection::NumberOfAnotherKind { kind, number: number.parse().unwrap() };
        decide(number, [], command).then_rejected(wrong);
    }
}

#[test]
fn nothing_has_no_lines() {
    let empty = slip(None, &[]);
    for (number, command, kind) in [
        ("1", PlaceOrder(empty.clone()), Kind::Order),
        ("C1", Cancel(empty.clone()), Kind::Cancellation),
        ("A1", AdjustBadDebt(empty.clone()), Kind::Adjustment),
        ("1", WriteOffStock(empty), Kind::WriteOff),
    ] {
        decide(number, [], command).then_rejected(Rejection::NoLines(kind));
    }
    decide("1", [order(&[line(1, "1")])], AddToOrder(slip(ANNA, &[])))
        .then_rejected(Rejection::NoLines(Kind::Order));
}

#[test]
fn quantities_fit_the_kind() {
    for (number, command, kind, rule, quantity) in [
        ("1", PlaceOrder as fn(Slip) -> InvoiceCommand, Kind::Order, "positive", 0),
        ("1", PlaceOrder, Kind::Order, "positive", -1),
        ("C1", Cancel, Kind::Cancellation, "negative", 0),
        ("C1", Cancel, Kind::Cancellation, "negative", 1),
        ("A1", AdjustBadDebt, Kind::Adjustment, "1", -1),
        ("A1", AdjustBadDebt, Kind::Adjustment, "1", 2),
        ("1", WriteOffStock, Kind::WriteOff, "negative", 1),
    ] {
        let wrong = Rejection::Quantity { kind, rule, stock_code: "85123A".to_owned(), quantity };
        decide(number, [], command(slip(None, &[line(quantity, "0")]))).then_rejected(wrong);
    }
}

#[test]
fn prices_fit_the_kind() {
    for (number, command, kind, quantity, rule, price) in [
        ("1", PlaceOrder as fn(Slip) -> InvoiceCommand, Kind::Order, 1, "zero or more", "-0.01"),
        ("C1", Cancel, Kind::Cancellation, -1, "positive", "0"),
        ("C1", Cancel, Kind::Cancellation, -1, "positive", "-1"),
        ("A1", AdjustBadDebt, Kind::Adjustment, 1, "other than zero", "0.00"),
        ("1", WriteOffStock, Kind::WriteOff, -1, "zero", "0.01"),
        ("1", WriteOffStock, Kind::WriteOff, -1, "zero", "-0.01"),
    ] {
        let unit_price = price.parse().unwrap();
        let wrong = Rejection::Price { kind, rule, stock_code: "85123A".to_owned(), unit_price };
        decide(number, [], command(slip(None, &[line(quantity, price)]))).then_rejected(wrong);
    }
}

#[test]
fn one_wrong_line_rejects_all_of_the_slip() {
    let lines = [line(6, "2.55"), line(-6, "2.55")];
    let wrong = Rejection::Quantity {
        kind: Kind::Order,
        rule: "positive",
        stock_code: "85123A".to_owned(),
        quantity: -6,
    };
    decide("1", [], PlaceOrder(slip(ANNA, &lines))).then_rejected(&wrong);
    decide("1", [order(&[line(1, "1")])], AddToOrder(slip(ANNA, &lines))).then_rejected(&wrong);
}

#[test]
fn an_adjustment_has_one_line() {
    let wrong = Rejection::SeveralLines { kind: Kind::Adjustment, lines: 2 };
    decide("A1", [], AdjustBadDebt(slip(None, &[line(1, "5"), line(1, "5")]))).then_rejected(wrong);
}

#[test]
fn only_orders_and_cancellations_concern_a_customer() {
    let customer = CustomerId::new(17850);
    decide("A1", [], AdjustBadDebt(slip(ANNA, &[line(1, "5")])))
        .then_rejected(Rejection::NamesCustomer { kind: Kind::Adjustment, customer });
    decide("1", [], WriteOffStock(slip(ANNA, &[line(-1, "0")])))
        .then_rejected(Rejection::NamesCustomer { kind: Kind::WriteOff, customer });
}

#[test]
fn later_lines_belong_to_the_same_customer_and_country() {
    let (sold, back) = ([line(6, "2.55")], [line(-6, "2.55")]);
    for came in [BERT, None] {
        let wrong = Rejection::OfAnotherCustomer { owner: ANNA, came };
        decide("1", [order(&sold)], AddToOrder(slip(came, &sold))).then_rejected(&wrong);
        decide("C1", [cancellation(&back)], AddToCancellation(slip(came, &back)))
            .then_rejected(&wrong);
    }
    let abroad = AddToOrder(Slip { country: "EIRE".to_owned(), ..slip(ANNA, &sold) });
    let wrong = Rejection::ToAnotherCountry { country: uk(), came: "EIRE".to_owned() };
    decide("1", [order(&sold)], abroad).then_rejected(wrong);
}

#[test]
fn nothing_is_added_to_nothing() {
    decide("1", [], AddToOrder(slip(ANNA, &[line(6, "2.55")]))).then_rejected(Rejection::NotIssued);
    decide("C1", [], AddToCancellation(slip(ANNA, &[line(-6, "2.55")])))
        .then_rejected(Rejection::NotIssued);
}
