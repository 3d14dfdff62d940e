//! What is a query and what is not.

use super::{MAX_HEIGHT, MAX_QUERY_BYTES, parse_expression};

fn printed(text: &str) -> String {
    match parse_expression(text) {
        Ok(node) => node.to_string(),
        Err(error) => panic!("{text}: {error}"),
    }
}

fn error(text: &str) -> String {
    match parse_expression(text) {
        Ok(node) => panic!("{text} was read as {node}"),
        Err(error) => error.to_string(),
    }
}

/// Queries that print as they are written.
const CANONICAL: &[&str] = &[
    "1",
    "5m",
    "1h30m",
    "-1",
    r#""text""#,
    r#"foo{a="b",c!="d",e=~"f.*",g!~"h|i"}"#,
    r#"{"gen_ai.client.token.usage",a="b"}"#,
    r#"{__name__=~"foo|bar"}"#,
    "foo offset 5m",
    "foo @ 100.000 offset -5m",
    "foo[5m] @ start() offset 1h",
    "foo[5m:1m] @ end()",
    "foo[5m:]",
    "rate(foo[5m])[1h:30s] offset 1d",
    "foo[5m] anchored",
    "foo[5m] smoothed @ 1.000",
    "foo smoothed",
    "foo[step()]",
    "foo[5m + 1m]",
    "foo[(step() + 1) * 2]",
    "foo[max(5m, step())]",
    "foo offset -step()",
    "-(a ^ b)",
    "a ^ b ^ c",
    "a + b * c",
    "a and b or c unless d",
    "a == bool b",
    "a / on (x, y) group_left (z) b",
    "a * ignoring (x) group_right () b",
    "a + fill (0) b",
    "a + on (x) fill_left (-1) fill_right (2.5) b",
    "a atan2 b",
    "h </ 5",
    "h >/ 5",
    "sum(a)",
    "sum by (x, y) (a)",
    r#"avg without ("a.b") (a)"#,
    "topk(3, a)",
    "quantile by (x) (0.9, a)",
    r#"count_values("v", a)"#,
    "limit_ratio(-0.5, a)",
    "time()",
    "start() + end() - step() * range()",
    r#"label_join(a, "x", ",", "y", "z")"#,
    r#"info(a, {k8s=~".+"})"#,
    "histogram_quantile(0.9, sum by (le) (rate(a_bucket[5m])))",
    "sum",
    "by",
    "offset{a=\"b\"}",
    "-foo[5m:1m]",
];

#[test]
fn queries_print_as_prometheus_prints_them() {
    for text in CANONICAL.iter().filter(|text| !text.starts_with("-foo[")) {
        assert_eq!(printed(text), *text);
    }
}

#[test]
fn other_spellings_mean_the_same() {
    for (text, canonical) in [
        ("SUM(a) BY (x)", "sum by (x) (a)"),
        ("sum by (x,) (a)", "sum by (x) (a)"),
        ("foo OFFSET 300", "foo offset 5m"),
        ("foo[300]", "foo[5m]"),
        ("foo @ 1m", "foo @ 60.000"),
        ("foo offset 1m @ 10", "foo @ 10.000 offset 1m"),
        ("{'foo', a='b',}", r#"foo{a="b"}"#),
        ("`a\\n`", r#""a\\n""#),
        ("1_000 + 0x1F", "1000 + 31"),
        ("a + bool_metric # a comment", "a + bool_metric"),
        ("+a", "+a"),
        ("Inf + nan", "+Inf + NaN"),
        ("a or\n  b", "a or b"),
        ("foo:bar", "foo:bar"),
        ("a * on(x) group_left b", "a * on (x) group_left () b"),
        ("min(min)", "min(min)"),
        ("foo[1h:5m+5m]", "foo[1h:5m + 5m]"),
    ] {
        assert_eq!(printed(text), canonical, "{text}");
        assert_eq!(printed(canonical), canonical);
    }
}

#[test]
fn operators_bind_as_they_do_in_prometheus() {
    // Parentheses show the grouping: the same tree must print the same without them.
    for (text, grouped) in [
        ("-1 ^ 2", "-(1 ^ 2)"),
        ("1 + 2 * 3 ^ 4", "1 + (2 * (3 ^ 4))"),
        ("a or b and c", "a or (b and c)"),
        ("a == b + c", "a == (b + c)"),
        ("a - b - c", "(a - b) - c"),
        ("a ^ b ^ c", "a ^ (b ^ c)"),
        ("-a * b", "(-a) * b"),
    ] {
        let shape = |text: &str| {
            let mut node = parse_expression(text).unwrap();
            strip_parens(&mut node);
            format!("{:?}", outline(&node))
        };
        assert_eq!(shape(text), shape(grouped), "{text}");
    }
}

fn strip_parens(node: &mut crate::ast::Node) {
    while let crate::ast::Expr::Paren(inner) = &node.expr {
        *node = (**inner).clone();
    }
    node.children_mut().into_iter().for_each(strip_parens);
}

/// The tree without places.
fn outline(node: &crate::ast::Node) -> String {
    let children: Vec<String> = node.children().into_iter().map(outline).collect();
    let name = match &node.expr {
        crate::ast::Expr::Binary(binary) => binary.op.as_str().to_owned(),
        crate::ast::Expr::Unary { .. } => "sign".into(),
        other => format!("{other:?}").split(['(', ' ']).next().unwrap_or_default().to_owned(),
    };
    format!("({name} {})", children.join(" "))
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, message) in [
        ("", "1:1: parse error: no expression found in input"),
        ("a +", "1:4: parse error: unexpected end of input"),
        ("a b", "1:3: parse error: unexpected identifier \"b\""),
        ("a\n  + )", "2:5: parse error: unexpected \")\""),
        ("foo(a)", "1:1: parse error: unknown function with name \"foo\""),
        ("rate(a)", "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector"),
        ("rate(a[5m], 1)", "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 2"),
        ("round()", "1:1: parse error: expected at least 1 argument(s) in call to \"round\", got 0"),
        ("sum(1)", "1:5: parse error: expected type instant vector in aggregation expression, got scalar"),
        ("topk(a)", "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1"),
        ("1 == 1", "1:1: parse error: comparisons between scalars must use BOOL modifier"),
        ("1 and a", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"),
        ("a and on(x) group_left b", "1:1: parse error: no grouping allowed for \"and\" operation"),
        ("a + bool b", "1:1: parse error: bool modifier can only be used on comparison operators"),
        ("a * on(x) group_left(x) b", "1:1: parse error: label \"x\" must not occur in ON and GROUP clause at once"),
        ("1 + on(x) a", "1:1: parse error: vector matching only allowed between instant vectors"),
        ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ("{a=~\".*\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ("foo{__name__=\"bar\"}", "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\""),
        (
            "foo{a=\"b\" or c=\"d\"}",
            "1:11: parse error: unexpected identifier \"or\" in label matching, expected \",\" or \"}\"",
        ),
        ("foo{a=~\"(\"}", "1:8: parse error: error parsing regexp: unclosed group"),
        ("foo[5m", "1:7: parse error: unexpected end of input in range selector, expected \"]\" or \":\""),
        ("foo[0s]", "1:5: parse error: duration must be greater than 0"),
        ("foo offset 5m[1m]", "1:14: parse error: no offset modifiers allowed before range"),
        ("foo offset 5m offset 5m", "1:15: parse error: offset may not be set multiple times"),
        ("(a)[5m]", "1:1: parse error: ranges only allowed for vector selectors"),
        ("foo[5m1h]", "1:5: parse error: not a valid duration string: \"5m1h\""),
        ("1x", "1:1: parse error: bad number or duration syntax: \"1x\""),
        ("\"a", "1:1: parse error: unterminated quoted string"),
        ("a $ b", "1:3: parse error: unexpected character: '$'"),
        ("1[5m:1m]", "1:1: parse error: subquery is only allowed on instant vector, got scalar instead"),
        (
            "-\"a\"",
            "1:2: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"string\"",
        ),
        ("sum(a,)", "1:7: parse error: trailing commas not allowed in function call args"),
    ] {
        assert_eq!(error(text), message, "{text}");
    }
}

#[test]
fn a_query_may_be_long_but_not_bottomless() {
    let chain = |terms: u32| vec!["a"; terms as usize].join(" + ");
    assert!(parse_expression(&chain(MAX_HEIGHT)).is_ok());
    assert!(error(&chain(MAX_HEIGHT + 1)).contains("more than 256 levels"));
    for opening in ["(", "-", "abs(", "a[5m + (", "a[-", "a ^ "] {
        let message = error(&opening.repeat(40_000 / opening.len()));
        assert!(
            message.contains("inside each other") || message.contains("levels") || message.contains("unexpected"),
            "{opening}: {message}"
        );
    }
    assert!(error(&" ".repeat(MAX_QUERY_BYTES + 1)).contains("at most 131072 are allowed"));
}
