//! `printf`, as Go's `fmt` does it.

use promql::{quoted, short_float};

use super::value::Value;

/// `%.{precision}g`: that many digits, an exponent where it is shorter, no zeros behind.
pub fn format_g(value: f64, precision: usize) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.into();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.into();
    }
    let precision = precision.clamp(1, 300);
    let scientific = format!("{value:.*e}", precision - 1);
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
    };
    if exponent < -4 || exponent >= precision as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim(digits), exponent.abs());
    }
    let decimals = (precision as i32 - 1 - exponent).max(0) as usize;
    trim(&format!("{value:.decimals$}"))
}

/// Flags, width and precision of one verb.
#[derive(Default)]
struct Spec {
    left: bool,
    plus: bool,
    zero: bool,
    alternate: bool,
    space: bool,
    width: usize,
    precision: Option<usize>,
}

/// Widest padding and precision; larger ones are cut to it.
const MAX_WIDTH: usize = 1000;

/// Go's `Sprintf`, mistakes included (`%!d(string=x)`).
pub(super) fn sprintf(format: &str, args: &[Value]) -> String {
    let mut out = String::new();
    let mut args = args.iter();
    let mut rest = format.chars().peekable();
    while let Some(character) = rest.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let mut spec = Spec::default();
        while let Some(flag) = rest.next_if(|c| "-+0# ".contains(*c)) {
            match flag {
                '-' => spec.left = true,
                '+' => spec.plus = true,
                '0' => spec.zero = true,
                ' ' => spec.space = true,
                _ => spec.alternate = true,
            }
        }
        let mut number = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            if rest.next_if_eq(&'*').is_some() {
                return args.next().and_then(|value| value.number().ok()).map_or(0, |n| n as usize).min(MAX_WIDTH);
            }
            let mut number = 0usize;
            while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                number = (number * 10 + digit as usize - '0' as usize).min(MAX_WIDTH);
            }
            number
        };
        spec.width = number(&mut rest);
        if rest.next_if_eq(&'.').is_some() {
            spec.precision = Some(number(&mut rest));
        }
        match rest.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => match args.next() {
                None => out.push_str(&format!("%!{verb}(MISSING)")),
                Some(value) => out.push_str(&pad(one(verb, value, &spec), &spec)),
            },
        }
    }
    let extra: Vec<String> = args.map(|value| format!("{}={value}", value.kind())).collect();
    if !extra.is_empty() {
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    out
}

fn one(verb: char, value: &Value, spec: &Spec) -> String {
    let sign = |text: String, negative: bool| match (negative, spec.plus, spec.space) {
        (false, true, _) if !text.starts_with('+') => format!("+{text}"),
        (false, false, true) => format!(" {text}"),
        _ => text,
    };
    let cut = |text: &str| spec.precision.map_or_else(|| text.to_owned(), |most| text.chars().take(most).collect());
    match (verb, value) {
        ('v' | 'g' | 'G', Value::Float(number)) => {
            let text = match spec.precision {
                Some(precision) => format_g(*number, precision),
                None => short_float(*number),
            };
            sign(text, *number < 0.0)
        }
        ('f' | 'F', Value::Float(number)) if number.is_finite() => {
            sign(format!("{number:.*}", spec.precision.unwrap_or(6)), *number < 0.0)
        }
        ('f' | 'F' | 'e', Value::Float(number)) if !number.is_finite() => short_float(*number),
        ('e', Value::Float(number)) => {
            let text = format!("{number:.*e}", spec.precision.unwrap_or(6));
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let exponent: i32 = exponent.parse().unwrap_or(0);
            sign(format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()), *number < 0.0)
        }
        ('d' | 'v', Value::Int(number)) => sign(number.to_string(), *number < 0),
        ('x', Value::Int(number)) => format!("{}{number:x}", if spec.alternate { "0x" } else { "" }),
        ('X', Value::Int(number)) => format!("{number:X}"),
        ('o', Value::Int(number)) => format!("{number:o}"),
        ('b', Value::Int(number)) => format!("{number:b}"),
        ('c', Value::Int(number)) => {
            u32::try_from(*number).ok().and_then(char::from_u32).unwrap_or('\u{fffd}').to_string()
        }
        ('t' | 'v', Value::Bool(flag)) => flag.to_string(),
        ('q', Value::Text(text)) => quoted(&cut(text)),
        ('x', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ('v' | 's', Value::Text(text)) => cut(text),
        ('v' | 's', Value::List(_) | Value::Map(..) | Value::Time(_) | Value::Zoned(_)) => cut(&value.to_string()),
        ('v', Value::Nil) => "<nil>".into(),
        (verb, value) => format!("%!{verb}({}={value})", value.kind()),
    }
}

fn pad(text: String, spec: &Spec) -> String {
    let length = text.chars().count();
    if length >= spec.width {
        return text;
    }
    let missing = spec.width - length;
    if spec.left {
        return text + &" ".repeat(missing);
    }
    if spec.zero {
        let signed = text.starts_with(['-', '+']);
        let (sign, digits) = text.split_at(usize::from(signed));
        return format!("{sign}{}{digits}", "0".repeat(missing));
    }
    " ".repeat(missing) + &text
}
