//! Rows and columns, both ways, with every field set and with none; also from the text types a query engine gives back.

use std::sync::Arc;

use crate::common::*;
use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use model::{
    AgentNode, CostSource, Exemplar, Exponential, HistogramPoint, KindCounts, Run, RunStatus, Sample, SampleKind, Span,
    SpanStatus, StepKind, Temporality, Tenant, Timestamp, TraceId, Usage, UsageRole,
};
use store::rows::{runs, samples, spans};
use store::{Entry, Rows, Table};

/// As DataFusion reads Parquet: texts as views, columns in another order.
fn as_a_query_gives_it(batch: &RecordBatch) -> RecordBatch {
    let view = |data_type: &DataType| match data_type {
        DataType::Utf8 => DataType::Utf8View,
        DataType::List(item) if item.data_type() == &DataType::Utf8 => {
            DataType::List(Arc::new(Field::new("item", DataType::Utf8View, true)))
        }
        other => other.clone(),
    };
    let schema = batch.schema();
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for (field, column) in schema.fields().iter().zip(batch.columns()).rev() {
        let data_type = view(field.data_type());
        columns.push(cast(column, &data_type).unwrap());
        fields.push(Field::new(field.name(), data_type, true));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn some(text: &str) -> Option<Arc<str>> {
    Some(text.into())
}

fn usage() -> Usage {
    Usage {
        input_tokens: Some(1),
        output_tokens: Some(2),
        cache_read_tokens: Some(3),
        cache_write_tokens: Some(4),
        reasoning_tokens: Some(5),
        reported_total: Some(i64::MAX as u64),
    }
}

fn full_run() -> Run {
    let node = AgentNode {
        agent: "lead".into(),
        span_id: span_id(7),
        parent: None,
        calls: 1,
        llm_calls: 2,
        tool_calls: 3,
        errors: 4,
        usage: usage(),
        cost: Some("0.000000000001".parse().unwrap()),
        own_ms: 0.1 + 0.2,
        delegated_ms: 1e300,
    };
    let helper =
        AgentNode { agent: "helper".into(), parent: Some(0), cost: None, usage: Usage::default(), ..node.clone() };
    let mut kinds = KindCounts::default();
    StepKind::ALL.iter().for_each(|kind| kinds.add(*kind));
    kinds.add(StepKind::Llm);
    Run {
        tenant: Tenant { project: "p".into(), environment: "é".into() },
        trace_id: trace_id(1),
        version: u64::MAX,
        name: "run".into(),
        root_span_id: Some(span_id(1)),
        agent: some("lead"),
        agents: vec![node, helper],
        service: some("s"),
        workflow: some("w"),
        session_id: some("c"),
        user_id: some("u"),
        agent_version: some("1"),
        query_type: some("q"),
        status: RunStatus::Abandoned,
        error_type: some("E"),
        error_message: some("m"),
        outcome: some("o"),
        start: Timestamp::from_nanos(-5),
        end: Timestamp::from_nanos(i64::MAX),
        last_received: Timestamp::from_nanos(NOON),
        duration_ms: 0.1,
        kinds,
        llm_calls: 1,
        tool_calls: 2,
        retrievals: 3,
        rounds: 4,
        errors: 5,
        retries: u32::MAX,
        usage: usage(),
        cost: Some("-12345678.000000000001".parse().unwrap()),
        models: vec!["a".into(), "b".into()],
        tools: vec!["t".into()],
        tags: vec!["".into(), "x\"y".into()],
        input_preview: some("in"),
        output_preview: some(""),
        provisional: true,
    }
}

fn bare_run() -> Run {
    let full = full_run();
    Run {
        root_span_id: None,
        agent: None,
        agents: Vec::new(),
        service: None,
        workflow: None,
        session_id: None,
        user_id: None,
        agent_version: None,
        query_type: None,
        error_type: None,
        error_message: None,
        outcome: None,
        end: Timestamp::default(),
        kinds: KindCounts::default(),
        usage: Usage::default(),
        cost: None,
        models: Vec::new(),
        tools: Vec::new(),
        tags: Vec::new(),
        input_preview: None,
        output_preview: None,
        provisional: false,
        ..full
    }
}

#[test]
fn runs_read_back() {
    let all = vec![full_run(), bare_run(), full_run()];
    let batch = runs::to_batch(&all);
    assert_eq!(batch.schema(), Table::Runs.schema());
    assert_eq!(runs::from_batch(&batch).unwrap(), all);
    assert_eq!(runs::from_batch(&as_a_query_gives_it(&batch)).unwrap(), all);
    assert_eq!(runs::to_batch::<Run>(&[]).num_rows(), 0);
}

#[test]
fn a_run_without_a_needed_column_is_an_error_that_names_it() {
    let batch = runs::to_batch(&[full_run()]);
    let columns: Vec<usize> =
        (0..batch.num_columns()).filter(|at| batch.schema().field(*at).name() != "status").collect();
    let error = runs::from_batch(&batch.project(&columns).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "cannot read runs rows: no column status");
}

fn full_span() -> Span {
    Span {
        parent_span_id: Some(span_id(1)),
        version: 9,
        received: Timestamp::from_nanos(NOON),
        dialect: "otel_genai".into(),
        dialect_version: 3,
        name: "chat".into(),
        kind: StepKind::Llm,
        status: SpanStatus::Error,
        error_type: some("E"),
        error_message: some("m"),
        start: Timestamp::from_nanos(1),
        end: Timestamp::from_nanos(-1),
        service: some("s"),
        agent: some("a"),
        agent_version: some("2"),
        workflow: some("w"),
        session_id: some("c"),
        user_id: some("u"),
        query_type: some("q"),
        outcome: some("o"),
        model: some("m"),
        request_model: some("r"),
        provider: some("openai"),
        response_id: some("id"),
        usage: usage(),
        usage_role: UsageRole::Aggregate,
        cost: Some("1.5".parse().unwrap()),
        cost_source: Some(CostSource::Computed),
        ttft_ms: Some(1.25),
        finish_reason: some("stop"),
        tool_name: some("t"),
        tool_call_id: some("tc"),
        requested_tool_calls: vec!["x".into(), "y".into()],
        documents: Some(0),
        prompt_name: some("p"),
        prompt_version: some("v"),
        tags: vec!["tag".into()],
        provider_sdk: true,
        remote_parent: true,
        told_in: Some(TraceId::from_array([7; 16])),
        told: some("end:fetch"),
        input_preview: some("i"),
        output_preview: some("o"),
        unmapped: 4,
        ..Span::new(Tenant::default(), trace_id(3), span_id(5))
    }
}

/// Sends spans through a store, hot and sealed.
#[tokio::test(flavor = "multi_thread")]
async fn spans_read_back_with_every_field_set_and_with_none() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    let bare = Span { version: 0, ..Span::new(Tenant::default(), trace_id(3), span_id(6)) };
    let mut rows = Rows::new();
    for span in [full_span(), bare.clone()] {
        let raw = model::raw::RawSpan { name: span.name.to_string().into(), ..Sent::new(1, 1).raw() };
        rows.push_span(span, &raw, &resource(), &scope());
    }
    let entry = Entry { tag: 0, project: "default".into(), received: full_span().received, payload: "[]".into(), rows };
    store.commit(entry).await.unwrap();
    let expected = [Span { version: 1, ..full_span() }, Span { version: 1, ..bare }];
    // In memory with all columns; in a file without what others tell.
    for schema in [Table::Spans.schema(), Table::Spans.stored_schema()] {
        assert_eq!(spans(&store).await, expected);
        for batch in batches(&store, Table::Spans).await {
            assert_eq!(batch.schema().fields(), schema.fields());
            let direct = spans::narrow_from_batch(&batch).unwrap();
            assert_eq!(spans::narrow_from_batch(&as_a_query_gives_it(&batch)).unwrap(), direct);
            assert_eq!(spans::from_batch(&as_a_query_gives_it(&batch)).unwrap().len(), batch.num_rows());
        }
        store.flush().await.unwrap();
    }
}

fn sample(kind: SampleKind) -> Sample {
    Sample {
        metric: "m".into(),
        description: "d".into(),
        unit: "s".into(),
        labels: vec![("b".into(), "1".into()), ("a".into(), "\"2\"".into()), ("b".into(), "3".into())],
        start: Timestamp::from_nanos(5),
        time: Timestamp::from_nanos(6),
        kind,
        exemplars: vec![
            Exemplar {
                time: Timestamp::from_nanos(7),
                value: f64::INFINITY,
                trace_id: Some(trace_id(1)),
                span_id: None,
            },
            Exemplar { time: Timestamp::default(), value: 0.1, trace_id: None, span_id: Some(span_id(1)) },
        ],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_of_every_kind_read_back() {
    let exponential = Exponential {
        scale: -4,
        zero_count: 1,
        zero_threshold: 1e-9,
        positive: (-3, vec![1, 2]),
        negative: (4, Vec::new()),
    };
    let point = HistogramPoint {
        count: 3,
        sum: Some(0.3),
        min: None,
        max: Some(f64::MAX),
        bounds: vec![0.1, 1.0],
        counts: vec![1, 1, 1],
        exponential: None,
    };
    let exponential_point =
        HistogramPoint { bounds: Vec::new(), counts: Vec::new(), exponential: Some(exponential), ..point.clone() };
    let all = [
        sample(SampleKind::Gauge { value: -0.0 }),
        sample(SampleKind::Sum { value: 1e300, temporality: Temporality::Delta, monotonic: true }),
        sample(SampleKind::Histogram { point, temporality: Temporality::Cumulative }),
        sample(SampleKind::Histogram { point: exponential_point, temporality: Temporality::Unspecified }),
        sample(SampleKind::Summary { count: 2, sum: 5.0, quantiles: vec![(0.5, 1.0), (0.99, f64::INFINITY)] }),
        Sample {
            labels: Vec::new(),
            exemplars: Vec::new(),
            start: Timestamp::default(),
            ..sample(SampleKind::Gauge { value: 1.0 })
        },
    ];
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    let mut rows = Rows::new();
    for sample in &all {
        rows.push_sample(&Tenant::default(), sample.clone(), &resource(), &scope(), Timestamp::from_nanos(NOON));
    }
    let entry =
        Entry { tag: 0, project: "default".into(), received: Timestamp::from_nanos(NOON), payload: "[]".into(), rows };
    store.commit(entry).await.unwrap();
    for _ in 0..2 {
        let batches = batches(&store, Table::Samples).await;
        let found: Vec<Sample> = batches
            .iter()
            .flat_map(|batch| samples::from_batch(&as_a_query_gives_it(batch)).unwrap())
            .map(|row| row.sample)
            .collect();
        assert_eq!(found.len(), all.len());
        for sample in &all {
            assert!(found.iter().any(|found| format!("{found:?}") == format!("{sample:?}")), "{sample:?}\n{found:?}");
        }
        store.flush().await.unwrap();
    }
}
