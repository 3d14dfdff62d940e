//! What each detector finds, and what it must leave alone.

use super::*;

fn found(name: &str, text: &str) -> Vec<String> {
    let mut hits = Hits::new();
    (named(name).unwrap().find)(text, &mut hits);
    hits.sort_by_key(|range| range.start);
    hits.into_iter().map(|range| text[range].to_owned()).collect()
}

#[track_caller]
fn finds(name: &str, examples: &[(&str, &str)]) {
    for (text, expected) in examples {
        assert_eq!(found(name, text), [*expected], "{text}");
    }
}

#[track_caller]
fn leaves(name: &str, examples: &[&str]) {
    for text in examples {
        assert!(found(name, text).is_empty(), "{text}: {:?}", found(name, text));
    }
}

#[test]
fn cards_are_found_by_issuer_and_check_digit() {
    finds(
        "card",
        &[
            ("pay with 4111 1111 1111 1111 now", "4111 1111 1111 1111"),
            ("5500-0000-0000-0004", "5500-0000-0000-0004"),
            ("amex 378282246310005.", "378282246310005"),
            ("order 12 4111 1111 1111 1111 exp 12 30", "4111 1111 1111 1111"),
            ("4111\u{a0}1111\u{a0}1111\u{a0}1111", "4111\u{a0}1111\u{a0}1111\u{a0}1111"),
            ("6011111111111117", "6011111111111117"),
        ],
    );
    leaves(
        "card",
        &[
            "4111 1111 1111 1112",
            "at 1700000000000000000 ns",
            "id 411111111111111a",
            "a4111111111111111",
            "9111111111111111",
            "4532015112830366999999",
        ],
    );
}

#[test]
fn accounts_are_found_by_country_length_and_check() {
    finds(
        "iban",
        &[
            ("to DE89 3704 0044 0532 0130 00 please", "DE89 3704 0044 0532 0130 00"),
            ("GB82WEST12345698765432", "GB82WEST12345698765432"),
            ("fr1420041010050500013m02606", "fr1420041010050500013m02606"),
            ("NL91-ABNA-0417-1643-00", "NL91-ABNA-0417-1643-00"),
        ],
    );
    leaves("iban", &["DE89 3704 0044 0532 0130 01", "ab12cdef34567890", "GB82WEST1234569876543", "US64SVBKUS6S3300958879"]);
}

#[test]
fn addresses_and_numbers_of_people_are_found() {
    finds(
        "email",
        &[
            ("mail jane.doe+x@mail.example.co.uk, thanks", "jane.doe+x@mail.example.co.uk"),
            ("jörg@bücher.example", "jörg@bücher.example"),
            ("?to=jane%40example.com&x", "to=jane%40example.com"),
        ],
    );
    leaves("email", &["npm @scope/pkg@1.2.3", "git@host", "a@b", "@decorator.property"]);
    finds(
        "phone",
        &[
            ("call +49 (0)30 901820 today", "+49 (0)30 901820"),
            ("+14155550132", "+14155550132"),
            ("(415) 555-0132", "(415) 555-0132"),
            ("ring 415-555-0132.", "415-555-0132"),
        ],
    );
    leaves(
        "phone",
        &[
            "2026-01-31 12:00:00",
            "+00:00",
            "1700000000",
            "v415.555.0132",
            "1e+10",
            "12.415.555.0132",
            "123e4567-e89b-12d3-a456-426614174000",
        ],
    );
}

#[test]
fn credentials_are_found_by_form_and_by_place() {
    // Put together here, so that scanners of source code have nothing to find.
    let body = "abcdefghij0123456789ABCDEFGHIJ0123456789";
    for head in ["sk-proj-", "sk-ant-api03-", "sk-lf-", "ghp_", "gsk_", "hf_", "lsv2_pt_", "xoxb-", "github_pat_", "glpat-", "twy_"] {
        let key = format!("{head}{body}");
        assert_eq!(found("secret", &format!("use {key} here")), [key]);
    }
    finds(
        "secret",
        &[
            ("id AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
            ("Authorization: Bearer abcdef0123456789abcdef", "abcdef0123456789abcdef"),
            ("postgres://tawny:hunter22@db:5432/x", "hunter22"),
            ("export DB_PASSWORD='correct-horse' && run", "correct-horse"),
            ("{\\\"api_key\\\": \\\"verysecretvalue\\\"}", "verysecretvalue"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def_1", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def_1"),
            (
                "a -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- b",
                "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
            ),
        ],
    );
    leaves(
        "secret",
        &["the password is weak", "task-12", "risk-averse-people-who-know", "input_tokens: 1200000", "a secret: no", "http://host:8080/a"],
    );
}

#[test]
fn names_of_credentials_are_known_by_their_last_word() {
    for name in ["http.request.header.authorization", "password", "db.Password", "X-Api-Key", "openai.api_key", "Set-Cookie"] {
        assert!(is_secret_name(name), "{name}");
    }
    for name in ["gen_ai.usage.input_tokens", "token_count", "secretary", "password_reset.count", "session.id", "key"] {
        assert!(!is_secret_name(name), "{name}");
    }
}

#[test]
fn national_ids_are_found_by_their_check() {
    for id in [
        "123-45-6789",        // US
        "12345678Z",          // ES
        "X1234567L",          // ES
        "RSSMRA85T10A562S",   // IT
        "44051401359",        // PL
        "529.982.247-25",     // BR
        "811228-9874",        // SE
        "131052-308T",        // FI
        "943 476 5919",       // GB
        "130 692 544",        // CA
        "2341 2341 2346",     // IN
        "11010519491231002X", // CN
        "S1234567D",          // SG
        "85.07.30-033.28",    // BE
        "2 55 08 14 168 025 38", // FR
    ] {
        assert_eq!(found("national_id", &format!("id: {id}.")), [id]);
    }
    leaves(
        "national_id",
        &[
            "666-45-6789",
            "12345678A",
            "RSSMRA85T10A562T",
            "44051401358",
            "529.982.247-26",
            "811228-9875",
            "131052-308S",
            "943 476 5918",
            "2341 2341 2347",
            "110105194912310021",
            "S1234567E",
            "2026-01-31",
            "1700000000000",
            "a123-45-6789-b",
        ],
    );
}

#[test]
fn each_pattern_of_the_program_compiles() {
    for detector in DETECTORS {
        found(detector.name, "a text of 20 letters with 4 digits 1234, a @ and a +1");
    }
}
