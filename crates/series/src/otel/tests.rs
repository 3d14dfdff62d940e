//! Each kind of data point gives the series Prometheus' own receiver would give.

use model::{Exemplar as Told, SpanId, TraceId};

use super::*;

fn sample(metric: &str, unit: &str, kind: SampleKind) -> Sample {
    Sample {
        metric: metric.into(),
        description: "What it means.".into(),
        unit: unit.into(),
        labels: vec![("gen_ai.request.model".into(), "m1".into())],
        start: Timestamp::from_nanos(1_000_000_000),
        time: Timestamp::from_nanos(5_000_000_000),
        kind,
        exemplars: Vec::new(),
    }
}

fn origin() -> Origin {
    let pairs = [("service.name", "shop"), ("service.instance.id", "1"), ("host.name", "h")];
    let tenant = Tenant { environment: "prod".into(), ..Tenant::default() };
    Origin::new(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())), &tenant)
}

fn told(sample: &Sample) -> Batch {
    let mut batch = Batch::default();
    add(sample, &origin(), Timestamp::default(), &mut batch);
    batch
}

fn shown(batch: &Batch) -> Vec<String> {
    let shown = |write: &Write| {
        let value = match &write.value {
            SampleValue::Float(value) => value.to_string(),
            SampleValue::Histogram(value) => value.to_string(),
        };
        let rest = write.labels.without(&["__name__", "job", "instance", "environment", "gen_ai_request_model"]);
        format!("{}{rest} {value} {:?} {:?}", write.labels.metric_name(), write.mode, write.start)
    };
    batch.writes.iter().map(shown).collect()
}

#[test]
fn series_carry_who_sent_them_and_the_rest_is_on_target_info() {
    let gauge = sample("queue.depth", "", SampleKind::Gauge { value: 3.0 });
    let batch = told(&gauge);
    let expected =
        r#"{__name__="queue_depth", environment="prod", gen_ai_request_model="m1", instance="1", job="shop"}"#;
    assert_eq!((batch.writes[0].labels.to_string().as_str(), batch.writes[0].time), (expected, 5_000));
    assert_eq!(batch.metadata[0].1.kind, MetricType::Gauge);
    let mut batch = Batch::default();
    origin().describe(7, &mut batch);
    let expected = r#"{__name__="target_info", host_name="h", instance="1", job="shop"}"#;
    assert_eq!(batch.writes[0].labels.to_string(), expected);
}

#[test]
fn sums_are_counters_from_their_start_and_deltas_grow() {
    let sum = |temporality, monotonic| SampleKind::Sum { value: 4.0, temporality, monotonic };
    for (kind, expected) in [
        (sum(Temporality::Cumulative, true), "calls_total{} 4 Set Some(1000)"),
        (sum(Temporality::Delta, true), "calls_total{} 4 Add Some(1000)"),
        (sum(Temporality::Cumulative, false), "calls{} 4 Set None"),
    ] {
        assert_eq!(shown(&told(&sample("calls", "{call}", kind))), [expected]);
    }
}

#[test]
fn a_histogram_is_three_families_with_exemplars_in_their_bucket() {
    let point = HistogramPoint {
        count: 6,
        sum: Some(9.5),
        bounds: vec![0.5, 1.0],
        counts: vec![1, 2, 3],
        ..HistogramPoint::default()
    };
    let kind = SampleKind::Histogram { point, temporality: Temporality::Cumulative };
    let mut sample = sample("gen_ai.client.operation.duration", "s", kind);
    let trace: TraceId = "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap();
    let span: SpanId = "00f067aa0ba902b7".parse().unwrap();
    let time = Timestamp::from_nanos(4_000_000_000);
    sample.exemplars.push(Told { time, value: 0.7, trace_id: Some(trace), span_id: Some(span) });
    let batch = told(&sample);
    let name = "gen_ai_client_operation_duration_seconds";
    assert_eq!(
        shown(&batch),
        [
            format!("{name}_sum{{}} 9.5 Set Some(1000)"),
            format!("{name}_count{{}} 6 Set Some(1000)"),
            format!("{name}_bucket{{le=\"0.5\"}} 1 Set Some(1000)"),
            format!("{name}_bucket{{le=\"1\"}} 3 Set Some(1000)"),
            format!("{name}_bucket{{le=\"+Inf\"}} 6 Set Some(1000)"),
        ]
    );
    let exemplar = &batch.exemplars[0];
    assert_eq!((exemplar.series.get("le"), exemplar.time), ("1", 4_000));
    assert_eq!(exemplar.labels.get("trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[test]
fn an_exponential_histogram_is_a_native_one_no_finer_than_allowed() {
    let exponential = Exponential {
        scale: 9,
        zero_count: 1,
        positive: (2, vec![1, 2, 0, 4]),
        negative: (-1, vec![3]),
        ..Exponential::default()
    };
    let point =
        HistogramPoint { count: 11, sum: Some(2.0), exponential: Some(exponential), ..HistogramPoint::default() };
    let kind = SampleKind::Histogram { point, temporality: Temporality::Delta };
    let batch = told(&sample("latency", "", kind));
    let SampleValue::Histogram(histogram) = &batch.writes[0].value else { panic!("{:?}", batch.writes) };
    // Indices 2, 3 and 5 of scale 9 are 1, 1 and 2 of scale 8, and one more as Prometheus counts.
    assert_eq!(
        (histogram.schema, &histogram.positive, &histogram.negative),
        (8, &vec![(2, 3.0), (3, 4.0)], &vec![(0, 3.0)])
    );
    assert_eq!((histogram.count, histogram.zero_count, histogram.zero_threshold), (11.0, 1.0, 1e-128));
    assert_eq!(batch.writes[0].mode, Mode::Add);
}

#[test]
fn attributes_that_become_one_label_are_joined() {
    let mut sample = sample("a", "", SampleKind::Gauge { value: 1.0 });
    sample.labels = vec![("x.y".into(), "1".into()), ("x_y".into(), "2".into()), ("job".into(), "own".into())];
    let batch = told(&sample);
    assert_eq!((batch.writes[0].labels.get("x_y"), batch.writes[0].labels.get("job")), ("1;2", "own"));
}
