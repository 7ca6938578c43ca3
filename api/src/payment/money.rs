//! Exact money: an amount of centavos, read and written by grammar and never through a float.

use std::fmt::{self, Write};

use thiserror::Error;

/// The largest amount in minor units: thirteen digits before the decimal sign and two after it.
const MAX_MINOR: i64 = 999_999_999_999_999;

/// A positive amount of Brazilian reais in minor units (centavos).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Money(i64);

/// Why a text or a number is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum MoneyError {
    #[error("an amount is written 12.345,67 or 12345.67, with exactly two decimals")]
    Format,
    #[error(
        "the amount is ambiguous: a point followed by three digits may group thousands or start decimals"
    )]
    Ambiguous,
    #[error("an amount has at most two decimals")]
    TooPrecise,
    #[error("an amount is greater than zero")]
    NotPositive,
    #[error("an amount is at most 9.999.999.999.999,99")]
    TooLarge,
}

impl Money {
    /// ISO 4217 code of every amount of this service.
    pub(crate) const CURRENCY: &'static str = "BRL";

    /// An amount from centavos.
    ///
    /// # Errors
    /// Refuses zero, negative amounts and more than thirteen digits of reais.
    pub(crate) fn from_minor(minor: i64) -> Result<Self, MoneyError> {
        match minor {
            ..=0 => Err(MoneyError::NotPositive),
            1..=MAX_MINOR => Ok(Self(minor)),
            _ => Err(MoneyError::TooLarge),
        }
    }

    /// The amount in centavos.
    #[must_use]
    pub(crate) fn minor(self) -> i64 {
        self.0
    }

    /// Reads the text of a JSON string: `12.345,67`, `12345,67` or `12345.67`.
    ///
    /// # Errors
    /// Says why the text is not an amount. `12.345` could be twelve thousand or twelve and is refused as ambiguous.
    pub(crate) fn parse(text: &str) -> Result<Self, MoneyError> {
        if let Some(rest) = text.strip_prefix('-')
            && Self::parse(rest).is_ok()
        {
            return Err(MoneyError::NotPositive);
        }
        if let Some((reais, centavos)) = text.split_once(',') {
            let grouped = reais.contains('.');
            let digits =
                if grouped { ungroup(reais).ok_or(MoneyError::Format)? } else { reais.to_owned() };
            return decimals(&digits, centavos);
        }
        if ungroup(text).is_some_and(|digits| digits.len() > 3) {
            return Err(MoneyError::Ambiguous);
        }
        let (reais, centavos) = text.split_once('.').ok_or(MoneyError::Format)?;
        decimals(reais, centavos)
    }

    /// Reads the text of a JSON number: at most two decimals, no exponent.
    ///
    /// # Errors
    /// As for [`Money::parse`]; a JSON number has only one decimal sign, so none of them is ambiguous.
    pub(crate) fn parse_number(text: &str) -> Result<Self, MoneyError> {
        if text.starts_with('-') {
            return Err(MoneyError::NotPositive);
        }
        match text.split_once('.') {
            None => decimals(text, "00"),
            Some((reais, one)) if one.len() == 1 => decimals(reais, &format!("{one}0")),
            Some((reais, centavos)) => decimals(reais, centavos),
        }
    }

    /// The Brazilian form, `12.345,67`.
    #[must_use]
    pub(crate) fn brazilian(self) -> String {
        let reais = (self.0 / 100).to_string();
        let mut text = String::with_capacity(reais.len() * 4 / 3 + 3);
        for (place, digit) in reais.chars().enumerate() {
            if place > 0 && (reais.len() - place).is_multiple_of(3) {
                text.push('.');
            }
            text.push(digit);
        }
        text.push(',');
        let _ = write!(text, "{:02}", self.0 % 100);
        text
    }
}

/// The plain decimal form, `12345.67`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// Joins groups of thousands: one to three digits, then groups of exactly three after each point.
fn ungroup(text: &str) -> Option<String> {
    let mut groups = text.split('.');
    let first = groups.next()?;
    if !(1..=3).contains(&first.len()) || !all_digits(first) {
        return None;
    }
    groups.all(|group| group.len() == 3 && all_digits(group)).then(|| text.replace('.', ""))
}

fn decimals(reais: &str, centavos: &str) -> Result<Money, MoneyError> {
    if reais.is_empty() || !all_digits(reais) || !all_digits(centavos) {
        return Err(MoneyError::Format);
    }
    match centavos.len() {
        0 | 1 => return Err(MoneyError::Format),
        2 => {}
        _ => return Err(MoneyError::TooPrecise),
    }
    let significant = reais.trim_start_matches('0');
    if significant.len() > 13 {
        return Err(MoneyError::TooLarge);
    }
    let minor = format!("{significant}{centavos}").parse().map_err(|_| MoneyError::Format)?;
    Money::from_minor(minor)
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_rendered_amount_reads_back(minor in 1..=MAX_MINOR) {
            let money = Money::from_minor(minor).unwrap();
            prop_assert_eq!(Money::parse(&money.brazilian()), Ok(money));
            prop_assert_eq!(Money::parse(&money.to_string()), Ok(money));
            prop_assert_eq!(Money::parse_number(&money.to_string()), Ok(money));
            prop_assert_eq!(Money::parse(&money.brazilian().replace('.', "")), Ok(money));
        }

        #[test]
        fn small_amounts_read_back_too(minor in 1..=200_000_i64) {
            let money = Money::from_minor(minor).unwrap();
            prop_assert_eq!(Money::parse(&money.brazilian()), Ok(money));
            prop_assert_eq!(Money::parse(&money.to_string()), Ok(money));
        }

        #[test]
        fn no_text_is_read_as_another_amount(text in "[0-9.,+eE \u{a0}-]{0,18}") {
            if let Ok(money) = Money::parse(&text) {
                let digits = text.replace(['.', ','], "");
                prop_assert_eq!(digits.trim_start_matches('0'), money.minor().to_string());
            }
        }

        #[test]
        fn whole_range_of_i64_is_judged(minor in any::<i64>()) {
            prop_assert_eq!(Money::from_minor(minor).is_ok(), (1..=MAX_MINOR).contains(&minor));
        }
    }

    #[test]
    fn refusals_say_why() {
        use MoneyError::{Ambiguous, Format, NotPositive, TooLarge, TooPrecise};
        for (text, why) in [
            ("12.345", Ambiguous),
            ("1.234", Ambiguous),
            ("1.234.567", Ambiguous),
            ("0,00", NotPositive),
            ("0.00", NotPositive),
            ("-1,00", NotPositive),
            ("1,000", TooPrecise),
            ("1234.567", TooPrecise),
            ("10000000000000,00", TooLarge),
            ("99999999999999999999,00", TooLarge),
            ("", Format),
            ("12", Format),
            ("1,2", Format),
            (",50", Format),
            ("1.23,45", Format),
            ("1234.567,89", Format),
            ("R$ 1,00", Format),
            ("+1,00", Format),
            ("1e2", Format),
            ("1\u{a0}234,00", Format),
            ("\u{0661},00", Format),
        ] {
            assert_eq!(Money::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn numbers_are_read_from_their_text() {
        assert_eq!(Money::parse_number("12345.67").map(Money::minor), Ok(1_234_567));
        assert_eq!(Money::parse_number("0.1").map(Money::minor), Ok(10));
        assert_eq!(Money::parse_number("12345").map(Money::minor), Ok(1_234_500));
        assert_eq!(Money::parse_number("1e2"), Err(MoneyError::Format));
        assert_eq!(Money::parse_number("0.001"), Err(MoneyError::TooPrecise));
        assert_eq!(Money::parse_number("-1"), Err(MoneyError::NotPositive));
    }
}
