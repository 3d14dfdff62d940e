//! Literals: numbers and quoted texts.

/// Reads a number as PromQL has it: decimal, `0x` hexadecimal, a leading zero for octal, `_` between digits, `Inf`, `NaN`, a sign.
pub fn parse_number(text: &str) -> Option<f64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    if digits.starts_with(['-', '+']) {
        return None;
    }
    match digits.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => return Some(sign * f64::INFINITY),
        "nan" => return Some(f64::NAN),
        _ => {}
    }
    let plain: String = digits.chars().filter(|&character| character != '_').collect();
    let integer = |digits: &str, radix| i64::from_str_radix(digits, radix).ok().map(|value| value as f64);
    let value = if let Some(hex) = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        integer(hex, 16)?
    } else if plain.len() > 1 && plain.starts_with('0') && plain.bytes().all(|byte| matches!(byte, b'0'..=b'7')) {
        integer(&plain, 8)?
    } else if plain.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-')) {
        plain.parse().ok()?
    } else {
        return None;
    };
    Some(sign * value)
}

/// Takes quotes and escapes off a text; `None` where it is not quoted properly. Back quotes know no escapes.
///
/// Gives bytes, since `\xNN` and `\NNN` can spell what is not UTF-8.
pub fn unquote(text: &str) -> Option<Vec<u8>> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    if quote == '`' {
        return (!inner.contains('`')).then(|| inner.as_bytes().to_vec());
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        let mut push = |character: char| out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        match character {
            '\n' => return None,
            quoted if quoted == quote => return None,
            '\\' => match characters.next()? {
                'a' => push('\u{7}'),
                'b' => push('\u{8}'),
                'f' => push('\u{c}'),
                'n' => push('\n'),
                'r' => push('\r'),
                't' => push('\t'),
                'v' => push('\u{b}'),
                '\\' => push('\\'),
                escaped @ ('"' | '\'') if escaped == quote => push(escaped),
                'x' => out.push(u8::try_from(digits(&mut characters, 2, 16)?).ok()?),
                'u' => push(char::from_u32(digits(&mut characters, 4, 16)?)?),
                'U' => push(char::from_u32(digits(&mut characters, 8, 16)?)?),
                first @ '0'..='7' => {
                    let rest = digits(&mut characters, 2, 8)?;
                    out.push(u8::try_from(first.to_digit(8)? * 64 + rest).ok()?);
                }
                _ => return None,
            },
            other => push(other),
        }
    }
    Some(out)
}

fn digits(characters: &mut std::str::Chars<'_>, count: usize, radix: u32) -> Option<u32> {
    let mut value = 0u32;
    for _ in 0..count {
        value = value.checked_mul(radix)?.checked_add(characters.next()?.to_digit(radix)?)?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_every_spelling() {
        for (text, value) in [
            ("1_000", 1000.0),
            ("0x1F", 31.0),
            (".5", 0.5),
            ("1e3", 1000.0),
            ("-Inf", f64::NEG_INFINITY),
            ("010", 8.0),
            ("089", 89.0),
            ("5.", 5.0),
        ] {
            assert_eq!(parse_number(text), Some(value), "{text}");
        }
        for text in ["", "abc", "1e", "0xg", "--1"] {
            assert_eq!(parse_number(text), None, "{text}");
        }
    }

    #[test]
    fn escapes_spell_characters_and_bytes() {
        assert_eq!(unquote(r#""a\n\x41\u00e4\101\"""#).unwrap(), "a\nAäA\"".as_bytes());
        assert_eq!(unquote(r"'it\'s'").unwrap(), b"it's");
        assert_eq!(unquote(r"`a\n`").unwrap(), b"a\\n");
        assert_eq!(unquote(r#""\xff""#).unwrap(), b"\xff");
        for text in [r#""\q""#, "\"a", "a\"", r#""\400""#, r#""\'""#] {
            assert_eq!(unquote(text), None, "{text}");
        }
    }
}
