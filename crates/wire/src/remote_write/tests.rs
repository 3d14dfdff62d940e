//! Remote write as Prometheus sends it; messages are built with `prost` from the published field numbers.

use prost::Message;

use super::*;

#[derive(Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Message)]
struct SampleMessage {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

#[derive(Message)]
struct Span {
    #[prost(sint32, tag = "1")]
    offset: i32,
    #[prost(uint32, tag = "2")]
    length: u32,
}

#[derive(Message)]
struct HistogramMessage {
    #[prost(uint64, tag = "1")]
    count: u64,
    #[prost(double, tag = "3")]
    sum: f64,
    #[prost(sint32, tag = "4")]
    schema: i32,
    #[prost(message, repeated, tag = "11")]
    spans: Vec<Span>,
    #[prost(sint64, repeated, tag = "12")]
    deltas: Vec<i64>,
    #[prost(int64, tag = "15")]
    timestamp: i64,
}

#[derive(Message)]
struct SeriesV1 {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<SampleMessage>,
    #[prost(message, repeated, tag = "4")]
    histograms: Vec<HistogramMessage>,
}

#[derive(Message)]
struct MetadataV1 {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    family: String,
    #[prost(string, tag = "4")]
    help: String,
}

#[derive(Message)]
struct WriteV1 {
    #[prost(message, repeated, tag = "1")]
    series: Vec<SeriesV1>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<MetadataV1>,
}

#[derive(Message)]
struct MetadataV2 {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(uint32, tag = "3")]
    help: u32,
}

#[derive(Message)]
struct SeriesV2 {
    #[prost(uint32, repeated, tag = "1")]
    labels: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<SampleMessage>,
    #[prost(message, optional, tag = "5")]
    metadata: Option<MetadataV2>,
    #[prost(int64, tag = "6")]
    created: i64,
}

#[derive(Message)]
struct WriteV2 {
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    series: Vec<SeriesV2>,
}

fn v1() -> WriteV1 {
    let label = |name: &str, value: &str| Label { name: name.into(), value: value.into() };
    WriteV1 {
        series: vec![SeriesV1 {
            labels: vec![label("__name__", "a"), label("x", "y")],
            samples: vec![SampleMessage { value: 1.5, timestamp: -7 }],
            histograms: vec![HistogramMessage {
                count: 6,
                sum: 9.0,
                schema: 1,
                spans: vec![Span { offset: -2, length: 2 }, Span { offset: 3, length: 1 }],
                deltas: vec![1, 1, 1],
                timestamp: 8,
            }],
        }],
        metadata: vec![MetadataV1 { kind: 1, family: "a".into(), help: "A.".into() }],
    }
}

#[test]
fn the_first_version_is_read_through_snappy() {
    let body = snap::raw::Encoder::new().compress_vec(&v1().encode_to_vec()).unwrap();
    let plain = unsnap(&body, 1 << 20).unwrap();
    let request = decode(Version::V1, &plain).unwrap();
    let series = &request.series[0];
    assert_eq!(series.labels, [("__name__".into(), "a".into()), ("x".into(), "y".into())]);
    assert_eq!(series.samples, [Sample { value: 1.5, time: -7, start: 0 }]);
    // Indices −2 and −1, a gap of three, then 3; counts are running sums.
    assert_eq!(series.histograms[0].positive, [(-2, 1.0), (-1, 2.0), (3, 3.0)]);
    assert_eq!((series.histograms[0].schema, series.histograms[0].time), (1, 8));
    assert_eq!((request.metadata[0].kind, &*request.metadata[0].help), (1, "A."));
    assert!(matches!(unsnap(&body, 3), Err(DecompressError::TooLarge { limit: 3 })));
    assert!(matches!(unsnap(b"\xff\xff\xff", 9), Err(DecompressError::Corrupt { .. })));
}

#[test]
fn the_second_version_names_texts_by_place() {
    let write = WriteV2 {
        symbols: ["", "__name__", "a", "Helps."].map(str::to_owned).into(),
        series: vec![
            SeriesV2 {
                labels: vec![1, 2],
                samples: vec![SampleMessage { value: 2.0, timestamp: 9 }],
                metadata: Some(MetadataV2 { kind: 2, help: 3 }),
                created: 4,
            },
            SeriesV2 { labels: vec![1, 77], ..SeriesV2::default() },
        ],
    };
    let body = write.encode_to_vec();
    let request = decode(Version::V2, &body).unwrap();
    assert_eq!(request.series[0].labels, [("__name__".into(), "a".into())]);
    assert_eq!(request.series[0].samples, [Sample { value: 2.0, time: 9, start: 4 }]);
    assert_eq!(request.series[0].metadata.as_ref().unwrap().help, "Helps.");
    assert_eq!((request.series.len(), request.rejected.count), (1, 1));
}

#[test]
fn content_types_name_the_version() {
    let of = Version::from_content_type;
    assert_eq!(of("application/x-protobuf"), Some(Version::V1));
    assert_eq!(of("application/x-protobuf;proto=prometheus.WriteRequest"), Some(Version::V1));
    assert_eq!(of("application/x-protobuf; proto=io.prometheus.write.v2.Request"), Some(Version::V2));
    assert_eq!((of("application/json"), of("application/x-protobuf;proto=x")), (None, None));
}

#[test]
fn damage_anywhere_is_an_error_or_fewer_series_but_no_panic() {
    let body = v1().encode_to_vec();
    for at in 0..body.len() {
        for change in [1, 0x80, 0xff] {
            let mut damaged = body.clone();
            damaged[at] ^= change;
            let _ = decode(Version::V1, &damaged);
            let _ = decode(Version::V2, &damaged);
        }
        let _ = decode(Version::V1, &body[..at]);
    }
}
