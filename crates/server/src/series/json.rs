//! Answers in the shape of Prometheus' HTTP API. Written straight into text: results are large and simple.

use std::fmt::Write;

use promql::histogram::Histogram;
use promql::{Labels, Point, Value};

/// A value as `data` of a query: its type and its result.
pub fn value(value: &Value, time: i64) -> String {
    let mut out = String::with_capacity(256);
    let (kind, write): (&str, &dyn Fn(&mut String)) = match value {
        Value::Scalar(number) => ("scalar", &|out| sample(out, time, &float(*number))),
        Value::String(text) => ("string", &|out| sample(out, time, text)),
        Value::Vector(samples) => ("vector", &|out| {
            list(out, samples, |out, it| {
                out.push_str("{\"metric\":");
                labels(out, &it.labels);
                point(out, it.time, &it.point, "value", "histogram");
                out.push('}');
            });
        }),
        Value::Matrix(series) => ("matrix", &|out| {
            list(out, series, |out, it| {
                out.push_str("{\"metric\":");
                labels(out, &it.labels);
                points(out, &it.points);
                out.push('}');
            });
        }),
    };
    let _ = write!(out, "{{\"resultType\":\"{kind}\",\"result\":");
    write(&mut out);
    out.push('}');
    out
}

/// A list of anything.
pub fn list<T>(out: &mut String, items: &[T], mut write: impl FnMut(&mut String, &T)) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

/// Labels as an object.
pub fn labels(out: &mut String, labels: &Labels) {
    out.push('{');
    for (at, label) in labels.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        text(out, &label.name);
        out.push(':');
        text(out, &label.value);
    }
    out.push('}');
}

/// A text in quotes.
pub fn text(out: &mut String, text: &str) {
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

fn sample(out: &mut String, time: i64, value: &str) {
    out.push('[');
    timestamp(out, time);
    out.push(',');
    text(out, value);
    out.push(']');
}

fn point(out: &mut String, time: i64, point: &Point, float_key: &str, histogram_key: &str) {
    match point {
        Point::None => {}
        Point::Float(value) => {
            let _ = write!(out, ",\"{float_key}\":");
            sample(out, time, &float(*value));
        }
        Point::Histogram(value) => {
            let _ = write!(out, ",\"{histogram_key}\":[");
            timestamp(out, time);
            out.push(',');
            histogram(out, value);
            out.push(']');
        }
    }
}

fn points(out: &mut String, points: &[(i64, Point)]) {
    let mut first = true;
    for (time, point) in points {
        let Point::Float(value) = point else { continue };
        out.push_str(if first { ",\"values\":[" } else { "," });
        sample(out, *time, &float(*value));
        first = false;
    }
    if !first {
        out.push(']');
    }
    first = true;
    for (time, point) in points {
        let Point::Histogram(value) = point else { continue };
        out.push_str(if first { ",\"histograms\":[[" } else { ",[" });
        timestamp(out, *time);
        out.push(',');
        histogram(out, value);
        out.push(']');
        first = false;
    }
    if !first {
        out.push(']');
    }
}

/// Seconds with up to three digits behind the point, as Prometheus' `jsonutil.MarshalTimestamp` writes milliseconds.
pub fn timestamp(out: &mut String, time: i64) {
    if time < 0 {
        out.push('-');
    }
    let time = time.unsigned_abs();
    let _ = write!(out, "{}", time / 1000);
    if !time.is_multiple_of(1000) {
        let _ = write!(out, ".{:03}", time % 1000);
    }
}

/// A number as Go writes it: without an exponent where it is neither tiny nor huge.
pub fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".into() } else { "-Inf".into() };
    }
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{value:e}");
        // Go's exponent has a sign and two digits.
        return match text.split_once('e') {
            Some((digits, exponent)) => {
                let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
                format!("{digits}e{sign}{exponent:0>2}")
            }
            None => text,
        };
    }
    value.to_string()
}

/// A native histogram: its buckets are (which bounds are in, lower, upper, count); 0 the upper, 1 the lower, 2 none, 3 both.
fn histogram(out: &mut String, histogram: &Histogram) {
    let _ = write!(out, "{{\"count\":\"{}\",\"sum\":\"{}\"", float(histogram.count), float(histogram.sum));
    let buckets: Vec<_> = histogram.buckets().filter(|bucket| bucket.count != 0.0).collect();
    if !buckets.is_empty() {
        out.push_str(",\"buckets\":");
        list(out, &buckets, |out, bucket| {
            let bounds = match (bucket.lower_inclusive, bucket.upper_inclusive) {
                (false, true) => 0,
                (true, false) => 1,
                (false, false) => 2,
                (true, true) => 3,
            };
            let [lower, upper, count] = [bucket.lower, bucket.upper, bucket.count].map(float);
            let _ = write!(out, "[{bounds},\"{lower}\",\"{upper}\",\"{count}\"]");
        });
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use promql::{ResultSample, ResultSeries};

    use super::*;

    #[test]
    fn numbers_and_times_are_written_as_go_does() {
        for (value, expected) in [
            (1.0, "1"),
            (0.1, "0.1"),
            (-0.0, "-0"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e-7, "1.5e-07"),
            (1e-100, "1e-100"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(float(value), expected);
        }
        let time = |time: i64| {
            let mut out = String::new();
            timestamp(&mut out, time);
            out
        };
        assert_eq!(
            [time(1_435_781_451_781), time(1_000), time(5), time(-1_500)],
            ["1435781451.781", "1", "0.005", "-1.500"]
        );
    }

    #[test]
    fn every_type_has_its_shape() {
        let of = |pairs: &[(&str, &str)]| Labels::new(pairs.iter().copied());
        let vector = Value::Vector(vec![ResultSample {
            labels: of(&[("__name__", "a"), ("x", "q\"\n")]),
            time: 1_500,
            point: Point::Float(f64::NAN),
        }]);
        assert_eq!(
            value(&vector, 0),
            r#"{"resultType":"vector","result":[{"metric":{"__name__":"a","x":"q\"\n"},"value":[1.500,"NaN"]}]}"#
        );
        let histogram =
            Histogram { count: 3.0, sum: 4.5, zero_count: 1.0, positive: vec![(1, 2.0)], ..Histogram::default() };
        let matrix = Value::Matrix(vec![ResultSeries {
            labels: Labels::default(),
            points: vec![(1_000, Point::Float(1.0)), (2_000, Point::Histogram(Arc::new(histogram)))],
        }]);
        assert_eq!(
            value(&matrix, 0),
            concat!(
                r#"{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"]],"histograms":[[2,"#,
                r#"{"count":"3","sum":"4.5","buckets":[[3,"-0","0","1"],[0,"1","2","2"]]}]]}]}"#
            )
        );
        assert_eq!(value(&Value::Scalar(2.0), 7_000), r#"{"resultType":"scalar","result":[7,"2"]}"#);
        assert_eq!(value(&Value::Matrix(Vec::new()), 0), r#"{"resultType":"matrix","result":[]}"#);
    }
}
