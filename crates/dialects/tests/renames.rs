//! Renames a user writes.

mod support;

use dialects::{Dialects, Renames, TableError};
use model::{Span, StepKind, Timestamp};
use serde_json::json;

fn read(dialects: &Dialects, attributes: serde_json::Value) -> Span {
    let case = support::case(
        &json!({"resource": {"service.name": "shop"}, "scope": "acme", "spans": [{"name": "work", "attributes": attributes}]}),
    );
    let tenant = dialects::tenant("default", &case.resource);
    dialects.understand(&case.spans[0], &case.resource, &case.scope, &tenant, Timestamp::default())
}

fn with(text: &str) -> Dialects {
    Dialects::with_renames(vec![Renames::parse(text).unwrap()]).unwrap()
}

#[test]
fn a_users_keys_are_read_like_tawnys_own() {
    let dialects = with(
        r#"
        dialect = "acme"
        failures = ["bad"]
        [detect]
        keys = ["acme.step"]
        [tokens]
        input_excludes_cache = true
        [fields]
        kind = ["acme.step"]
        model = ["acme.engine"]
        input_tokens = ["acme.in"]
        cache_read_tokens = ["acme.cached"]
        session_id = ["acme.chat", "acme.older_chat"]
        result = ["acme.verdict"]
        input_value = ["acme.question"]
        [kinds]
        "ask-model" = "llm"
        "#,
    );
    let span = read(
        &dialects,
        json!({
            "acme.step": "Ask Model", "acme.engine": "gpt-4o", "acme.in": 10, "acme.cached": 4, "acme.older_chat": "c1",
            "acme.verdict": "BAD", "acme.question": "why?", "acme.unknown": 1,
        }),
    );
    assert_eq!(span.dialect.as_ref(), "acme");
    assert_eq!(span.kind, StepKind::Llm);
    assert_eq!((span.model.as_deref(), span.session_id.as_deref()), (Some("gpt-4o"), Some("c1")));
    assert_eq!(span.usage.input_tokens, Some(14));
    assert_eq!(span.status, model::SpanStatus::Error);
    assert_eq!(span.input_preview.as_deref(), Some("why?"));
    assert_eq!(span.unmapped, 1);
}

#[test]
fn renames_come_before_the_built_in_tables_and_leave_the_rest_to_them() {
    let dialects = with("dialect = \"mine\"\n[fields]\nagent = [\"team\"]\n");
    let span = read(
        &dialects,
        json!({"team": "claims", "gen_ai.operation.name": "chat", "gen_ai.agent.name": "other", "gen_ai.request.model": "m"}),
    );
    assert_eq!((span.agent.as_deref(), span.kind, span.model.as_deref()), (Some("claims"), StepKind::Llm, Some("m")));
    assert_eq!(span.unmapped, 0);
    let plain = read(Dialects::builtin(), json!({"team": "claims"}));
    assert_eq!((plain.agent, plain.unmapped), (None, 1));
}

#[test]
fn a_rename_that_cannot_work_says_why() {
    let error = |text: &str| Renames::parse(text).unwrap_err();
    let unknown = error("dialect = \"x\"\n[fields]\nmodle = [\"a\"]\n");
    assert!(matches!(&unknown, TableError::UnknownField { name, .. } if name == "modle"), "{unknown}");
    assert!(unknown.to_string().starts_with("line 3: "), "{unknown}");
    assert!(unknown.to_string().contains("request_model"), "names the fields there are: {unknown}");
    assert!(matches!(error("dialect = \"x\"\n[kinds]\na = \"robot\"\n"), TableError::UnknownKind { .. }));
    assert!(matches!(error("dialect = \"x\"\n"), TableError::Empty));
    assert!(matches!(error("[feilds]\na = 1"), TableError::Syntax(_)));
    let table = "dialect = \"x\"\n[fields]\nagent = [\"a\"]\n";
    let patterned = error("dialect = \"x\"\n[fields]\nagent = [\"acme.*\"]\n");
    assert!(matches!(&patterned, TableError::BadKey { line: 3, key } if key == "acme.*"), "{patterned}");
    let many = (0..64).map(|_| Renames::parse(table).unwrap()).collect();
    assert!(matches!(Dialects::with_renames(many).unwrap_err(), TableError::TooMany { limit: 64, .. }));
}

#[test]
fn a_list_of_renames_leads_keys_to_fields_or_to_keys_that_are_known() {
    let dialects = with(
        r#"
        [[rename]]
        from = "acme.in"
        to = "gen_ai.usage.input_tokens"
        [[rename]]
        from = "acme.chat"
        to = "session_id"
        [[rename]]
        from = "acme.step"
        to = "kind"
        kinds = { "ask model" = "llm" }
        [[rename]]
        from = "acme.op"
        to = "gen_ai.operation.name"
        "#,
    );
    let span = read(
        &dialects,
        json!({"acme.in": "10", "acme.chat": 7, "acme.step": "Ask-Model", "gen_ai.request.model": "m"}),
    );
    assert_eq!((span.kind, span.usage.input_tokens, span.session_id.as_deref()), (StepKind::Llm, Some(10), Some("7")));
    assert_eq!((span.dialect.as_ref(), span.unmapped), ("otel_genai", 0), "renames do not name a span");
    assert_eq!(read(&dialects, json!({"acme.step": "guardrail"})).kind, StepKind::Guardrail, "a kind's own word");
    assert_eq!(
        read(&dialects, json!({"acme.op": "execute_tool"})).kind,
        StepKind::Tool,
        "the words of the key it stands for"
    );
}

#[test]
fn a_rename_with_conditions_holds_only_where_all_of_them_do() {
    let rename = |conditions: &str| with(&format!("[[rename]]\nfrom = \"team\"\nto = \"agent\"\n{conditions}\n"));
    let agent = |conditions: &str| read(&rename(conditions), json!({"team": "claims"})).agent;
    // The spans come from the scope `acme` and the service `shop`.
    for holds in
        ["", "scope = \"acme\"", "scope = \"ac*\"", "service = \"shop\"", "scope = \"acme\"\nservice = \"sh*\""]
    {
        assert_eq!(agent(holds).as_deref(), Some("claims"), "{holds}");
    }
    for fails in [
        "scope = \"other\"",
        "service = \"other\"",
        "scope = \"acme\"\nservice = \"other\"",
        "scope = \"other\"\nservice = \"shop\"",
    ] {
        assert_eq!(agent(fails), None, "{fails}");
    }
}

#[test]
fn a_list_of_renames_that_cannot_work_says_why_and_where() {
    let error = |text: &str| Renames::parse(text).unwrap_err().to_string();
    let unknown = error("[[rename]]\nfrom = \"a\"\nto = \"modle\"\n");
    assert!(unknown.starts_with("line 3: cannot fill \"modle\"") && unknown.contains("request_model"), "{unknown}");
    let kind = error("[[rename]]\nfrom = \"a\"\nto = \"kind\"\nkinds = { x = \"robot\" }\n");
    assert!(kind.starts_with("line 4: cannot map \"x\" to \"robot\""), "{kind}");
    assert!(error("[[rename]]\nfrom = \"a.*\"\nto = \"agent\"\n").starts_with("line 2: "), "patterns are not keys");
    let known = error("[[rename]]\nfrom = \"gen_ai.agent.name\"\nto = \"agent\"\n");
    assert!(known.contains("reads already"), "{known}");
    let typo = error("[[rename]]\nfrm = \"a\"\nto = \"agent\"\n");
    assert!(typo.contains("line 2") && typo.contains("frm"), "{typo}");
    assert!(error("rename = []").contains("[[rename]]"));
    assert!(error("[[rename]]\nfrom = \"a\"\n").contains("missing field `to`"));
}

#[test]
fn environments_come_from_the_resource_or_from_the_span() {
    let of = |resource: serde_json::Value| {
        let case = support::case(&json!({"resource": resource}));
        dialects::tenant("default", &case.resource).environment.to_string()
    };
    assert_eq!(of(json!({"deployment.environment.name": "prod", "deployment.environment": "old"})), "prod");
    assert_eq!(of(json!({"deployment.environment": "old"})), "old");
    assert_eq!(of(json!({"service.name": "codex_exec", "env": "ci"})), "ci");
    assert_eq!(of(json!({"service.name": "shop", "env": "ci"})), "default");
    assert_eq!(read(Dialects::builtin(), json!({"langfuse.environment": "qa"})).tenant.environment.as_ref(), "qa");
}
