//! Series descriptions of Prometheus' test scripts: `metric{a="b"} 1 2 _ 3+2x4 stale {{schema:0 count:1}}x3`.

use std::sync::Arc;

use super::text::{parse_number, unquote};
use crate::histogram::{CUSTOM_BUCKETS, Histogram, ResetHint};
use crate::labels::{Labels, METRIC_NAME};
use crate::series::STALE_NAN_BITS;

/// Values one expression of a description may stand for.
const MAX_REPEATS: usize = 1_000_000;

/// One value of a described series.
#[derive(Debug, Clone, PartialEq)]
pub enum SequenceValue {
    /// No sample at this step.
    Omitted,
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<Histogram>),
}

/// Reads one line of a `load` or of an expected result.
pub fn parse_series(line: &str) -> Result<(Labels, Vec<SequenceValue>), String> {
    let mut cursor = Cursor { text: line, at: 0 };
    let labels = cursor.metric()?;
    let mut values = Vec::new();
    loop {
        cursor.skip_blanks();
        if cursor.rest().is_empty() {
            return Ok((labels, values));
        }
        cursor.item(&mut values)?;
        if values.len() > MAX_REPEATS {
            return Err(format!("more than {MAX_REPEATS} values in one series"));
        }
    }
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn accept(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn expect(&mut self, text: &str) -> Result<(), String> {
        if self.accept(text) { Ok(()) } else { Err(self.fail(&format!("expected {text:?}"))) }
    }

    fn take(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|character| !accept(character)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn fail(&self, what: &str) -> String {
        let found: String = self.rest().chars().take(20).collect();
        format!("{what} at column {}, found {found:?}", self.at + 1)
    }

    fn metric(&mut self) -> Result<Labels, String> {
        self.skip_blanks();
        let name = self.take(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | ':'));
        let mut pairs: Vec<(String, String)> = Vec::new();
        if !name.is_empty() {
            pairs.push((METRIC_NAME.into(), name.into()));
        }
        self.skip_blanks();
        if self.rest().starts_with('{') && !self.rest().starts_with("{{") {
            self.at += 1;
            loop {
                self.skip_blanks();
                if self.accept("}") {
                    break;
                }
                let label = if self.rest().starts_with(['"', '\'', '`']) {
                    self.quoted()?
                } else {
                    self.take(|character| character.is_ascii_alphanumeric() || character == '_').to_owned()
                };
                self.skip_blanks();
                if self.accept("=") {
                    self.skip_blanks();
                    let value = self.quoted()?;
                    pairs.push((label, value));
                } else {
                    pairs.push((METRIC_NAME.into(), label));
                }
                self.skip_blanks();
                if !self.accept(",") && !self.rest().starts_with('}') {
                    return Err(self.fail("expected \",\" or \"}\" in labels"));
                }
            }
        } else if name.is_empty() {
            return Err(self.fail("expected a metric"));
        }
        Ok(Labels::new(pairs))
    }

    fn quoted(&mut self) -> Result<String, String> {
        let rest = self.rest();
        let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'));
        let Some(quote) = quote else { return Err(self.fail("expected a quoted string")) };
        let mut escaped = false;
        for (at, character) in rest.char_indices().skip(1) {
            if character == quote && !escaped {
                self.at += at + 1;
                let bytes = unquote(&rest[..=at]).ok_or_else(|| self.fail("invalid string before"))?;
                return String::from_utf8(bytes).map_err(|_| self.fail("a string that is not UTF-8 before"));
            }
            escaped = character == '\\' && !escaped && quote != '`';
        }
        Err(self.fail("unterminated string"))
    }

    /// One value with its repetition, pushed to `values`.
    fn item(&mut self, values: &mut Vec<SequenceValue>) -> Result<(), String> {
        if self.accept("_") {
            let times = self.times()?.unwrap_or(1);
            values.extend(std::iter::repeat_n(SequenceValue::Omitted, times));
        } else if self.rest().starts_with("{{") {
            self.histograms(values)?;
        } else {
            self.floats(values)?;
        }
        if !self.rest().is_empty() && !self.rest().starts_with(char::is_whitespace) {
            return Err(self.fail("expected a blank between values"));
        }
        Ok(())
    }

    /// `x4`
    fn times(&mut self) -> Result<Option<usize>, String> {
        if !self.accept("x") {
            return Ok(None);
        }
        let digits = self.take(|character| character.is_ascii_digit());
        match digits.parse() {
            Ok(times) if times <= MAX_REPEATS => Ok(Some(times)),
            _ => Err(self.fail(&format!("expected at most {MAX_REPEATS} repetitions"))),
        }
    }

    fn floats(&mut self, values: &mut Vec<SequenceValue>) -> Result<(), String> {
        let mut value = if self.accept("stale") { f64::from_bits(STALE_NAN_BITS) } else { self.number()? };
        let step = if self.rest().starts_with(['+', '-']) { self.number()? } else { 0.0 };
        let times = self.times()?.unwrap_or(0);
        values.push(SequenceValue::Float(value));
        for _ in 0..times {
            if step != 0.0 {
                value += step;
            }
            values.push(SequenceValue::Float(value));
        }
        Ok(())
    }

    fn number(&mut self) -> Result<f64, String> {
        let bytes = self.rest().as_bytes();
        let digits =
            |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'_').count();
        let mut end = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
        let word = self.rest()[end..].get(..3).unwrap_or_default().to_ascii_lowercase();
        if word == "inf" || word == "nan" {
            end += 3;
        } else {
            end += digits(end);
            if bytes.get(end) == Some(&b'.') {
                end += 1 + digits(end + 1);
            }
            if matches!(bytes.get(end), Some(b'e' | b'E')) {
                end += 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
                end += digits(end);
            }
        }
        let value = parse_number(&self.rest()[..end]).ok_or_else(|| self.fail("expected a number"))?;
        self.at += end;
        Ok(value)
    }

    fn histograms(&mut self, values: &mut Vec<SequenceValue>) -> Result<(), String> {
        let mut current = self.histogram()?;
        let sign = match self.rest().as_bytes().first() {
            Some(b'+') => Some(1.0),
            Some(b'-') => Some(-1.0),
            _ => None,
        };
        let step = match sign {
            None => None,
            Some(sign) => {
                self.at += 1;
                Some((sign, self.histogram()?))
            }
        };
        let times = self.times()?.unwrap_or(0);
        values.push(SequenceValue::Histogram(current.clone().into()));
        for _ in 0..times {
            if let Some((sign, step)) = &step {
                let added = if *sign > 0.0 { current.add(step) } else { current.subtract(step) };
                added.map_err(|_| self.fail("histograms that cannot be combined before"))?;
            }
            values.push(SequenceValue::Histogram(current.clone().into()));
        }
        Ok(())
    }

    fn histogram(&mut self) -> Result<Histogram, String> {
        self.expect("{{")?;
        let mut histogram = Histogram::default();
        let (mut positive, mut negative, mut offset, mut negative_offset) = (Vec::new(), Vec::new(), 0i32, 0i32);
        loop {
            self.skip_blanks();
            if self.accept("}}") {
                break;
            }
            let key = self.take(|character| character.is_ascii_lowercase() || character == '_');
            self.expect(":")?;
            match key {
                "schema" => histogram.schema = self.number()? as i32,
                "sum" => histogram.sum = self.number()?,
                "count" => histogram.count = self.number()?,
                "z_bucket" => histogram.zero_count = self.number()?,
                "z_bucket_w" => histogram.zero_threshold = self.number()?,
                "offset" => offset = self.number()? as i32,
                "n_offset" => negative_offset = self.number()? as i32,
                "buckets" => positive = self.list()?,
                "n_buckets" => negative = self.list()?,
                "custom_values" => histogram.custom_values = self.list()?.into(),
                "counter_reset_hint" => {
                    histogram.hint = match self.take(|character| character.is_ascii_lowercase() || character == '_') {
                        "unknown" => ResetHint::Unknown,
                        "reset" => ResetHint::Reset,
                        "not_reset" => ResetHint::NotReset,
                        "gauge" => ResetHint::Gauge,
                        _ => return Err(self.fail("unknown counter reset hint before")),
                    };
                }
                _ => return Err(self.fail("unknown histogram field before")),
            }
        }
        if histogram.schema == CUSTOM_BUCKETS {
            let most = histogram.custom_values.len() + 1;
            if positive.len() + offset.max(0) as usize > most || offset < 0 {
                return Err(self.fail("more buckets than custom bounds allow before"));
            }
        }
        let indexed = |counts: Vec<f64>, offset: i32| (offset..).zip(counts).collect();
        histogram.positive = indexed(positive, offset);
        histogram.negative = indexed(negative, negative_offset);
        Ok(histogram)
    }

    fn list(&mut self) -> Result<Vec<f64>, String> {
        self.expect("[")?;
        let mut numbers = Vec::new();
        loop {
            self.skip_blanks();
            if self.accept("]") {
                return Ok(numbers);
            }
            numbers.push(self.number()?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(line: &str) -> Vec<Option<f64>> {
        let (_, values) = parse_series(line).unwrap();
        let float = |value: &SequenceValue| if let SequenceValue::Float(value) = value { Some(*value) } else { None };
        values.iter().map(float).collect()
    }

    #[test]
    fn sequences_are_spelled_out() {
        assert_eq!(
            floats("a 1 _ 3+2x2 -1-1x1 0x2 _x2"),
            [
                Some(1.0),
                None,
                Some(3.0),
                Some(5.0),
                Some(7.0),
                Some(-1.0),
                Some(-2.0),
                Some(0.0),
                Some(0.0),
                Some(0.0),
                None,
                None
            ]
        );
        assert_eq!(floats("{} 1e-3 Inf -Inf .5")[1..], [Some(f64::INFINITY), Some(f64::NEG_INFINITY), Some(0.5)]);
        let (labels, values) = parse_series(r#"{"m.x", a="b", 'c d'="e"} stale"#).unwrap();
        assert_eq!(labels.to_string(), r#"{__name__="m.x", a="b", "c d"="e"}"#);
        assert!(matches!(values[0], SequenceValue::Float(value) if crate::series::is_stale(value)));
    }

    #[test]
    fn histograms_are_added_up() {
        let (_, values) =
            parse_series("h {{sum:1 count:2 buckets:[1 1] offset:-1}}+{{sum:1 count:1 buckets:[1]}}x2").unwrap();
        let SequenceValue::Histogram(last) = &values[2] else { panic!("no histogram") };
        assert_eq!((last.sum, last.count, &last.positive[..]), (3.0, 4.0, &[(-1, 1.0), (0, 3.0)][..]));
    }

    #[test]
    fn nonsense_is_refused_with_its_place() {
        for line in ["a 1x", "a 1y", "a {{foo:1}}", "a{b} 1 x", "{a=b} 1", "a 1x99999999"] {
            assert!(parse_series(line).is_err(), "{line}");
        }
        assert_eq!(parse_series("a 1 zz").unwrap_err(), "expected a number at column 5, found \"zz\"");
    }
}
