//! Amounts in pounds sterling: exact, never floats.

use rust_decimal::Decimal;
use thiserror::Error;

/// Prices are below this, so that a sum stays exact over more lines than any shop has.
const LIMIT: Decimal = Decimal::from_parts(10_000_000, 0, 0, false, 0);
const DECIMALS: u32 = 4;

#[derive(Debug, Error)]
pub(crate) enum InvalidPrice {
    #[error(transparent)]
    NoNumber(#[from] rust_decimal::Error),
    #[error("a price has at most {DECIMALS} decimals and is below {LIMIT}")]
    OutOfRange,
}

/// A price as written: `2.50` stays `2.50`.
pub(crate) fn price(text: &str) -> Result<Decimal, InvalidPrice> {
    let price = Decimal::from_str_exact(text)?;
    if price.scale() <= DECIMALS && price.abs() < LIMIT {
        Ok(price)
    } else {
        Err(InvalidPrice::OutOfRange)
    }
}

/// For machines: without trailing zeros.
pub(crate) fn plain(amount: Decimal) -> String {
    amount.normalize().to_string()
}

/// For humans: with pence, even where there are none.
pub(crate) fn with_pence(amount: Decimal) -> String {
    let amount = amount.normalize();
    format!("{amount:.*}", amount.scale().max(2) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_loses_trailing_zeros_and_nothing_else() {
        let written = |text: &str| (plain(price(text).unwrap()), with_pence(price(text).unwrap()));
        assert_eq!(written("2.50"), ("2.5".to_owned(), "2.50".to_owned()));
        assert_eq!(written("0.0"), ("0".to_owned(), "0.00".to_owned()));
        assert_eq!(written("-0.00"), ("0".to_owned(), "0.00".to_owned()));
        assert_eq!(written("-11062.060"), ("-11062.06".to_owned(), "-11062.06".to_owned()));
        assert_eq!(written("0.001"), ("0.001".to_owned(), "0.001".to_owned()));
        assert_eq!(written("100"), ("100".to_owned(), "100.00".to_owned()));
    }

    #[test]
    fn what_is_no_exact_price_is_refused() {
        for text in ["", "abc", "1,5", "NaN", "£2", "2.55 "] {
            assert!(matches!(price(text), Err(InvalidPrice::NoNumber(_))), "{text:?}");
        }
        for text in ["0.00001", "10000000", "-10000000", "79228162514264337593543950335"] {
            assert!(matches!(price(text), Err(InvalidPrice::OutOfRange)), "{text:?}");
        }
        assert!(price("-9999999.9999").is_ok());
    }
}
