//! What a file of policies does to telemetry, as its author would see it.

use std::sync::Arc;

use crate::support::{Few, KEY, apply, attributes, batch, everywhere, left, policies, request, trace};
use model::Value;
use model::raw::{Batch, Group, RawLog, RawSpan, Scope};
use policy::{Key, Policies, Report};

const MESSAGES: &str =
    r#"[{"role":"user","parts":[{"type":"text","content":"My card is 4111 1111 1111 1111, call me"}]}]"#;

fn content(policies: &Policies, environment: &str) -> Vec<(String, String)> {
    let mut batch =
        request(environment, &[("gen_ai.input.messages", MESSAGES.into()), ("gen_ai.request.model", "m-1".into())]);
    apply(policies, &mut batch);
    left(&batch)
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn full_in_development_and_shortened_in_production() {
    let file = r#"
        [[policy]]
        environment = ["production", "prod-*"]
        content = "preview"
        preview_characters = 10
        [[policy]]
        content = "full"
    "#;
    let short = r#"[{"role":"user","parts":[{"type":"text","content":"My card is…"}]}]"#;
    let model = ("gen_ai.request.model", "m-1");
    let redacted = MESSAGES.replace("4111 1111 1111 1111", "[card]");
    for (environment, expected) in
        [("production", short), ("prod-eu", short), ("development", redacted.as_str()), ("default", redacted.as_str())]
    {
        let expected = pairs(&[("gen_ai.input.messages", expected), model]);
        assert_eq!(content(&policies(file), environment), expected, "{environment}");
    }
}

#[test]
fn hash_none_and_what_is_said_of_single_fields() {
    let file = r#"
        [[policy]]
        content = "none"
        [policy.fields]
        "gen_ai.input.*" = "hash"
        "gen_ai.request.*" = "none"
    "#;
    let first = content(&policies(file), "x");
    assert_eq!(first, content(&policies(file), "x"));
    assert_eq!(first.len(), 1);
    let hash = first[0].1.strip_prefix("hmac-sha256:").unwrap();
    assert_eq!(hash.len(), 64);
    let none = policies("[[policy]]\ncontent = \"none\"");
    assert_eq!(content(&none, "x"), pairs(&[("gen_ai.request.model", "m-1")]));
}

#[test]
fn a_share_of_the_traces_is_kept_in_full() {
    let policies = policies("[[policy]]\ncontent = \"sample\"\nsample_percent = 10\nsample_otherwise = \"none\"");
    let whole = (0..2_000).filter(|number| {
        let attributes = attributes(&[("gen_ai.input.messages", "hello".into())]);
        let mut batch = batch("x", RawSpan { trace_id: trace(*number), attributes, ..RawSpan::default() });
        apply(&policies, &mut batch);
        !left(&batch).is_empty()
    });
    let whole = whole.count();
    assert!((140..=260).contains(&whole), "{whole} of 2,000");
}

#[test]
fn long_text_nobody_knows_counts_as_content() {
    let long = "word ".repeat(60);
    let file = "[[policy]]\ncontent = \"none\"";
    let mut unknown = request("x", &[("my.notes", long.as_str().into()), ("my.id", "abc".into())]);
    let report = apply(&policies(file), &mut unknown);
    assert_eq!(left(&unknown), pairs(&[("my.id", "abc")]));
    let (removal, times) = report.iter().next().unwrap();
    assert_eq!((removal.field.as_str(), removal.action.as_str(), times), ("my.notes", "none", 1));
    let mut kept = request("x", &[("my.notes", long.as_str().into())]);
    apply(&policies(&format!("{file}\nunknown = \"full\"")), &mut kept);
    assert_eq!(left(&kept), pairs(&[("my.notes", &long)]));
}

#[test]
fn what_is_escaped_or_nested_in_json_is_found_and_the_json_stays_json() {
    let inner = serde_json::json!({ "mail": "x", "card": 4_111_111_111_111_111_u64 }).to_string();
    let text = format!(
        r#"{{ "to": "jane\u0040example.com", "password": "pw", "args": {}, "n": 1.50 }}"#,
        serde_json::json!(inner)
    );
    let mut batch = request("x", &[("gen_ai.input.messages", text.as_str().into())]);
    let report = apply(&policies("[[policy]]\ncontent = \"full\""), &mut batch);
    let kept = left(&batch).remove(0).1;
    assert_eq!(
        kept,
        r#"{ "to": "[email]", "password": "[secret]", "args": "{\"card\":\"[card]\",\"mail\":\"x\"}", "n": 1.50 }"#
    );
    assert_eq!(report.total(), 3);
}

#[test]
fn pseudonyms_are_equal_for_equal_values_and_tokens_can_be_turned_back() {
    let file = r#"
        [[policy]]
        content = "full"
        [policy.redact]
        detectors = ["email", "card"]
        mark = "pseudonym"
        marks = { email = "token" }
        [[policy.redact.pattern]]
        name = "claim"
        regex = 'CLM-\d{6}'
    "#;
    let text = "jane@example.com and jane@example.com paid CLM-123456 by 4111111111111111";
    let mut batch = request("x", &[("text", text.into())]);
    apply(&policies(file), &mut batch);
    let kept = left(&batch).remove(0).1;
    let words: Vec<&str> = kept.split(' ').collect();
    assert_eq!(words[0], words[2]);
    assert!(words[4].starts_with("[claim:") && words[6].starts_with("[card:"), "{kept}");
    assert_eq!(Key::new(KEY).unwrap().reveal(words[0]).unwrap(), "jane@example.com");
    let other = Key::new("another key of enough bytes").unwrap();
    assert!(other.reveal(words[0]).unwrap_err().to_string().contains("another key"));
    assert!(other.reveal("[email]").is_err());
}

#[test]
fn log_bodies_of_content_events_are_content_and_others_are_not() {
    let log = |event: &'static str, body: &'static str| RawLog {
        event_name: event.into(),
        body: body.into(),
        ..RawLog::default()
    };
    let items = vec![log("gen_ai.user.message", "hello there"), log("step_complete", "done by jane@example.com")];
    let group = Group { resource: Default::default(), scope: Default::default(), items };
    let mut batch = Batch { logs: vec![group], ..Batch::default() };
    apply(&policies("[[policy]]\ncontent = \"none\""), &mut batch);
    let bodies: Vec<&Value<'_>> = batch.logs[0].items.iter().map(|log| &log.body).collect();
    assert_eq!(bodies, [&Value::Null, &Value::from("done by [email]")]);
}

#[test]
fn nothing_of_a_secret_is_left_in_any_field() {
    for secret in ["4111 1111 1111 1111", "jane.doe@example.com", "DE89370400440532013000", "AKIAIOSFODNN7EXAMPLE"] {
        for content in ["full", "preview", "none", "hash"] {
            let mut batch = everywhere(secret);
            let report = apply(&policies(&format!("[[policy]]\ncontent = \"{content}\"")), &mut batch);
            let (kept, told) = (format!("{batch:?}"), format!("{report:?}"));
            assert!(!kept.contains(secret), "{content}: {kept}");
            assert!(!told.contains(secret), "{content}: {told}");
            // Bytes show as numbers.
            let bytes = format!("{:?}", secret.as_bytes());
            assert!(!kept.contains(bytes.trim_matches(['[', ']'])), "{content}: bytes");
        }
    }
}

#[test]
fn what_no_policy_is_for_stays_as_it_came() {
    let policies = policies(
        "[[policy]]\nproject = \"bank\"\ncontent = \"none\"\n[[policy]]\nenvironment = \"live\"\ncontent = \"none\"",
    );
    assert!(policies.is_for("bank") && policies.is_for("shop"));
    let mut report = Report::default();
    let (mut one, expected) = (everywhere("jane@example.com"), everywhere("jane@example.com"));
    assert!(!policies.apply("shop", &mut one, &Few, &mut report));
    assert_eq!((one.spans, one.logs, one.samples), (expected.spans, expected.logs, expected.samples));
    assert!(policies.apply("bank", &mut everywhere("x"), &Few, &mut report));
}

#[test]
fn a_report_is_bounded_and_folds_numbers() {
    let keys: Vec<String> = (0..5_000)
        .map(|number| {
            format!(
                "{}.n",
                "abcdefghij".repeat(1 + number % 9) + &"x".repeat(number / 9 % 30) + &"y".repeat(number / 270)
            )
        })
        .collect();
    let pairs: Vec<(&str, Value<'_>)> = keys.iter().map(|key| (key.as_str(), "jane@example.com".into())).collect();
    let mut many = request("x", &pairs);
    let report = apply(&policies("[[policy]]\ncontent = \"full\""), &mut many);
    assert_eq!(report.total(), 5_000);
    assert!(report.iter().count() <= policy::MAX_REMOVALS + 1, "{}", report.iter().count());
    let mut numbered = request(
        "x",
        &[("gen_ai.prompt.12.a", "jane@example.com".into()), ("gen_ai.prompt.3.a", "jane@example.com".into())],
    );
    let report = apply(&policies("[[policy]]\ncontent = \"full\""), &mut numbered);
    let (removal, times) = report.iter().next().unwrap();
    assert_eq!((removal.field.as_str(), times), ("gen_ai.prompt.#.a", 2));
}

#[test]
fn a_wrong_file_is_refused_with_its_line_and_what_to_write() {
    for (text, expected) in [
        ("", "policy.toml:1: no policy"),
        ("[[policy]]\ncontent = \"some\"", "policy.toml:2: unknown variant `some`"),
        ("[[policy]]\ncontent = \"full\"\nconten = 1", "policy.toml:3: unknown field `conten`"),
        ("[[policy]]\ncontent = \"hash\"", "policy.toml:2: `hash` needs a key: set TAWNY_POLICY_KEY"),
        (
            "[[policy]]\ncontent = \"full\"\n[policy.redact]\ndetectors = [\"cards\"]",
            "policy.toml:4: there is no detector `cards`: use secret, card",
        ),
        ("[[policy]]\ncontent = \"full\"\n[policy.redact]\nmark = \"token\"", "policy.toml:4: this mark needs a key"),
        (
            "[[policy]]\ncontent = \"full\"\nsample_percent = 200",
            "policy.toml:3: `sample_percent` is a number from 0 to 100",
        ),
        (
            "[[policy]]\ncontent = \"full\"\n[[policy.redact.pattern]]\nname = \"x\"\nregex = \"(\"",
            "policy.toml:3: the pattern `x` cannot be used",
        ),
        (
            "[[policy]]\ncontent = \"full\"\n[policy.redact.marks]\nnobody = \"label\"",
            "policy.toml:4: `marks` names `nobody`",
        ),
    ] {
        let error = Policies::parse("policy.toml", text, None).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    assert!(Key::new("short").unwrap_err().to_string().contains("at least 16"));
}

#[test]
fn the_version_of_a_scope_without_a_name_is_looked_through() {
    let scope = Scope { version: "of jane@example.com".into(), ..Scope::default() };
    let group = Group { resource: Arc::default(), scope: Arc::new(scope), items: vec![RawSpan::default()] };
    let mut batch = Batch { spans: vec![group], ..Batch::default() };
    apply(&policies("[[policy]]\ncontent = \"full\""), &mut batch);
    assert_eq!(batch.spans[0].scope.version, "of [email]");
}

#[test]
fn labels_of_a_series_without_a_resource_are_looked_through_by_their_environment_or_by_all() {
    let file = "[[policy]]\nenvironment = \"prod\"\ncontent = \"none\"\n[[policy]]\nenvironment = \"dev\"\n\
                content = \"full\"\n[policy.redact]\nmark = \"pseudonym\"";
    let long = "x".repeat(300);
    let labels = |environment: &[(&str, &str)]| {
        let own = [("job", "shop"), ("who", "jane@example.com"), ("jane@example.com", "1"), ("said", long.as_str())];
        let all = own.iter().chain(environment);
        let mut report = Report::default();
        let given = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let left = policies(file).series("p", given, &Few, &mut report);
        assert_eq!(report.is_empty(), left.iter().any(|(_, value)| value == "jane@example.com"));
        left.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
    };
    assert_eq!(labels(&[("env", "prod")]), ["job=shop", "who=[email]", "[email]=1", "env=prod"]);
    let dev = labels(&[("deployment_environment_name", "dev")]);
    assert!(dev[1].starts_with("who=[email:") && dev[3] == format!("said={long}"), "{dev:?}");
    // Nobody says which it is: what any policy takes out is out.
    assert_eq!(labels(&[]), ["job=shop", "who=[email]", "[email]=1"]);
    // An environment nothing is said for.
    assert_eq!(labels(&[("environment", "test")])[1], "who=jane@example.com");
}

#[test]
fn a_name_is_looked_for_as_it_was_sent_and_as_policies_leave_it_where_that_is_its_own() {
    let name = "jane@example.com";
    let forms = |mark: &str| {
        policies(&format!("[[policy]]\ncontent = \"full\"\n[policy.redact]\nmark = \"{mark}\"")).forms("p", name)
    };
    let key = |forms: &[String]| forms.iter().any(|form| form.starts_with("hmac-sha256:"));
    let plain = forms("label");
    assert!(plain.contains(&name.to_owned()) && !plain.contains(&"[email]".to_owned()), "{plain:?}");
    for (mark, begin) in [("pseudonym", "[email:"), ("token", "[email~")] {
        let found = forms(mark);
        assert!(found.contains(&name.to_owned()) && key(&found), "{found:?}");
        assert!(found.iter().any(|form| form.starts_with(begin)), "{mark}: {found:?}");
    }
    let none = Policies::parse("p", "[[policy]]\ncontent = \"full\"", None).unwrap();
    assert_eq!(none.forms("p", name), [name]);
}
