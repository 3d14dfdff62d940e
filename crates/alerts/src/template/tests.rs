//! Templates as people write them in rules and messages.

use promql::Labels;

use super::*;

struct Given(Vec<(Labels, f64)>);

impl World for Given {
    fn query(&mut self, query: &str) -> Result<Vec<(Labels, f64)>, String> {
        if query.starts_with("bad") { Err("bad query".into()) } else { Ok(self.0.clone()) }
    }

    fn now_ms(&self) -> i64 {
        1_600_000_000_500
    }

    fn external_url(&self) -> &str {
        "http://tawny.example/prefix"
    }
}

fn data() -> Value {
    let labels = Labels::new([("instance", "db-1:9100"), ("job", "db")]);
    let none = Value::texts([]);
    Value::structure(
        "AlertTemplateData",
        [
            ("Labels", Value::labels(&labels)),
            ("ExternalLabels", none),
            ("ExternalURL", Value::text("http://x")),
            ("Value", Value::Float(0.25)),
        ],
    )
}

fn expand(text: &str) -> Result<String, String> {
    let series = |id: &str, value| (Labels::new([("__name__", "m"), ("id", id)]), value);
    let mut world = Given(vec![series("b", 2.0), series("a", 1.5)]);
    let template = Template::parse_alert(text).map_err(|error| error.to_string())?;
    template.expand(&data(), &[], &mut world).map_err(|error| error.to_string())
}

#[test]
fn what_rules_write_expands() {
    for (text, expected) in [
        ("plain", "plain"),
        ("{{ $labels.instance }} of {{ .Labels.job }} at {{ $value | humanizePercentage }}", "db-1:9100 of db at 25%"),
        ("[{{ $labels.missing }}]", "[]"),
        ("{{ printf \"%.2f/%s/%d/%5d|%-4s|%q\" $value \"x\" 3 42 \"a\" \"q\" }}", "0.25/x/3/   42|a   |\"q\""),
        ("{{ if gt $value 0.2 }}high{{ else if eq $value 0.1 }}mid{{ else }}low{{ end }}", "high"),
        ("{{ range query \"m\" }}{{ .Labels.id }}={{ .Value }};{{ end }}", "b=2;a=1.5;"),
        ("{{ range $i, $v := query \"m\" | sortByLabel \"id\" }}{{ $i }}{{ $v | label \"id\" }} {{ end }}", "0a 1b "),
        ("{{ with query \"m\" }}{{ . | first | value | humanizeDuration }}{{ end }}", "2s"),
        ("a {{- /* gone */ -}} b{{ \"{{\" }}", "ab{{"),
        ("x  {{- 3 -}}  y", "x3y"),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"),
        ("{{ define \"t\" }}<{{ .arg0 }}{{ .arg9 }}>{{ end }}{{ template \"t\" (args \"foo\") }}", "<foo<no value>>"),
        (
            "{{ and true \"\" }}{{ or \"\" \"x\" }}{{ not false }}{{ len \"abc\" }}{{ index $labels \"job\" }}",
            "xtrue3db",
        ),
        ("{{ range $k, $v := $labels }}{{ $k }}:{{ $v }},{{ end }}", "instance:db-1:9100,job:db,"),
        ("{{ range query \"m\" }}{{ if eq .Labels.id \"a\" }}{{ break }}{{ end }}{{ .Labels.id }}{{ end }}", "b"),
        (
            "{{ externalURL }}|{{ pathPrefix }}|{{ now | humanizeTimestamp }}",
            "http://tawny.example/prefix|/prefix|2020-09-13 12:26:40.5 +0000 UTC",
        ),
        ("{{ print 1 2 \"a\" \"b\" 3 }}", "1 2ab3"),
        ("{{ `raw \"x\"` }} {{ 'a' }} {{ 0x10 }} {{ 1e3 }} {{ -4 }}", "raw \"x\" 97 16 1000 -4"),
    ] {
        assert_eq!(expand(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn functions_agree_with_prometheus() {
    for (text, expected) in [
        (
            "{{humanize 1048576}} {{humanize1024 1048576}} {{humanizeDuration 135.3563}} {{humanizePercentage 0.959}} {{humanizeTimestamp 1643114203}}",
            "1.049M 1Mi 2m 15s 95.9% 2022-01-25 12:36:43 +0000 UTC",
        ),
        (
            "{{title \"this part\"}} {{toUpper \"is testing\"}} {{toLower \"THE STRINGS\"}}. {{ stripPort \"[::1]:6006\"}} {{ stripPort \"127.0.0.1:4004\"}}. {{parseDuration \"2h10m15s\"}}. {{if match \"[0-9]+\" \"1234\"}}{{reReplaceAll \"r.*d\" \"replaced\" \"rpld text\"}}{{end}}. {{if match \"[0-9]+$\" \"1234a\"}}WRONG{{end}}.",
            "This Part IS TESTING the strings. ::1 127.0.0.1. 7815. replaced text. .",
        ),
        (
            "{{ humanize 0.0 }} {{ humanize 0.001 }} {{ humanize -1234567 }} {{ humanizeDuration 0.0123 }} {{ humanizeDuration 90061 }} {{ humanizeDuration -3.5 }}",
            "0 1m -1.235M 12.3ms 1d 1h 1m 1s -3.5s",
        ),
        (
            "{{ stripDomain \"db.example.com:9100\" }} {{ stripDomain \"10.0.0.1:80\" }} {{ tableLink \"up{a=\\\"b\\\"}\" }}",
            "db:9100 10.0.0.1:80 /graph?g0.expr=up%7Ba%3D%22b%22%7D&g0.tab=1",
        ),
    ] {
        assert_eq!(expand(text).as_deref(), Ok(expected));
    }
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (text, expected) in [
        ("{{ nope }}", "template error at 1:4: function \"nope\" not defined"),
        ("a\nb {{ $x }}", "template error at 2:6: undefined variable \"$x\""),
        ("{{ .Foo", "template error at 1:1: unclosed action"),
        ("{{ if true }}x", "template error at 1:1: unexpected end of the template: an {{end}} is missing"),
        ("{{ .Nope }}", "template error at 1:4: can't evaluate field Nope in type AlertTemplateData"),
        ("{{ query \"bad\" }}", "template error at 1:4: error calling query: bad query"),
        (
            "{{ query \"x\" | first | value | humanize }}{{ template \"t\" }}",
            "template error at 1:43: template \"t\" not defined",
        ),
        ("{{ end }}", "template error at 1:1: unexpected {{end}}"),
    ] {
        assert_eq!(expand(text), Err(expected.to_owned()), "{text}");
    }
}

#[test]
fn a_template_cannot_run_away() {
    let loops = "{{ define \"t\" }}{{ template \"t\" . }}{{ end }}{{ template \"t\" . }}";
    assert!(expand(loops).unwrap_err().contains("more than 50 deep"));
    let long = "{{ range 1000000 }}xxxxxxxxxx{{ end }}";
    assert!(expand(long).unwrap_err().contains("more than"));
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(500), ")".repeat(500));
    assert!(expand(&deep).unwrap_err().contains("nested deeper"));
}

#[test]
fn labels_have_alertmanagers_methods() {
    let labels = Labels::new([("alertname", "A"), ("aaa", "1"), ("b", "2")]);
    let data =
        Value::structure("Data", [("CommonLabels", Value::labels(&labels)), ("At", Value::Time(1_600_000_000_000))]);
    let expand = |text: &str| Template::parse(text).unwrap().expand(&data, &[], &mut StillWorld::default()).unwrap();
    assert_eq!(expand("{{ .CommonLabels.SortedPairs.Values | join \" \" }}"), "A 1 2");
    assert_eq!(expand("{{ (.CommonLabels.Remove (stringSlice \"b\")).Names | join \",\" }}"), "alertname,aaa");
    assert_eq!(expand("{{ .At.Format \"2006-01-02 15:04:05 MST\" }}"), "2020-09-13 12:26:40 UTC");
    assert_eq!(expand("{{ .At.Format \"2006-01-02T15:04:05Z07:00\" }}"), "2020-09-13T12:26:40Z");
    assert_eq!(expand("{{ .At | date \"Mon 2 Jan 3:04PM\" }}"), "Sun 13 Sep 12:26PM");
    // Alertmanager's `title` makes the rest of a word small.
    assert_eq!(expand("{{ \"FIRING at Night\" | title }}"), "Firing At Night");
    let berlin = "{{ .At | tz \"Europe/Berlin\" | date \"15:04 -07:00 MST\" }}";
    if jiff::tz::TimeZone::get("Europe/Berlin").is_ok() {
        assert_eq!(expand(berlin), "14:26 +02:00 CEST");
    }
    let template = Template::parse("{{ .At | tz \"Mars/North\" }}").unwrap();
    let error = template.expand(&data, &[], &mut StillWorld::default()).unwrap_err().to_string();
    assert!(error.contains("unknown time zone Mars/North"), "{error}");
}

#[test]
fn a_world_may_have_functions_of_its_own() {
    struct Loud;
    impl World for Loud {
        fn query(&mut self, _: &str) -> Result<Vec<(Labels, f64)>, String> {
            Ok(Vec::new())
        }
        fn now_ms(&self) -> i64 {
            0
        }
        fn call(&mut self, name: &str, args: &[Value]) -> Option<Result<Value, String>> {
            (name == "shout").then(|| Ok(Value::text(format!("{}!", args[0]))))
        }
    }
    let text = "{{ \"it failed\" | shout | toUpper }}";
    assert!(Template::parse(text).is_err());
    let template = Template::parse_with(text, &["shout"]).unwrap();
    assert_eq!(template.expand(&Value::Nil, &[], &mut Loud).unwrap(), "IT FAILED!");
}
