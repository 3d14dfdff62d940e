//! What YAML becomes, and what is said about broken files.

use super::*;

#[test]
fn scalars_stay_as_written_and_know_their_place() {
    let node = parse("a: 1.10\nb:\n  - 'x'\n  - |\n    two\n    lines\n").unwrap();
    let Kind::Map(pairs) = &node.kind else { panic!("no mapping") };
    assert_eq!(pairs[0].1.text(), Some("1.10"));
    let Kind::List(items) = &pairs[1].1.kind else { panic!("no list") };
    assert_eq!(items[0].place, Place { line: 3, column: 5 });
    assert_eq!(items[1].text(), Some("two\nlines\n"));
}

#[test]
fn anchors_are_repeated_and_merged() {
    let node = parse("base: &b {x: 1, y: 2}\nother:\n  <<: *b\n  y: 3\n").unwrap();
    let Kind::Map(pairs) = &node.kind else { panic!("no mapping") };
    let Kind::Map(other) = &pairs[1].1.kind else { panic!("no mapping") };
    let found: Vec<_> = other.iter().map(|(key, value)| (key.text().unwrap(), value.text().unwrap())).collect();
    assert_eq!(found, [("y", "3"), ("x", "1")]);
}

#[test]
fn mistakes_have_line_and_column() {
    let error = parse("a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
    assert!(error.place.line >= 2 && error.message.starts_with("not valid YAML"), "{error}");
    let error = parse("a: 1\na: 2\n").unwrap_err();
    assert_eq!(error.to_string(), "2:1: the key `a` is there twice");
}

#[test]
fn aliases_of_aliases_do_not_fill_the_memory() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for at in 1..12 {
        let below = at - 1;
        text += &format!("a{at}: &a{at} [{}]\n", vec![format!("*a{below}"); 10].join(", "));
    }
    assert!(parse(&text).unwrap_err().message.contains("more than 1000000 values"));
}
