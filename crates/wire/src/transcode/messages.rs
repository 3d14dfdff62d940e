//! The messages of OTLP 1.x as data: names in JSON, numbers in protobuf, types. Source: opentelemetry-proto 1.9.

/// A message: its fields.
pub type Message = &'static [Field];

/// A field of a message.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Name in JSON.
    pub name: &'static str,
    /// Number in protobuf.
    pub number: u32,
    /// What it holds.
    pub kind: Kind,
    /// It holds a list.
    pub list: bool,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `string`.
    Text,
    /// `bytes`, in OTLP/JSON hexadecimal.
    Id,
    /// `bytes`, in JSON base64.
    Base64,
    /// `bool`.
    Bool,
    /// `double`.
    Double,
    /// `fixed64`.
    Fixed64,
    /// `sfixed64`.
    Sfixed64,
    /// `fixed32`.
    Fixed32,
    /// `int64`.
    Int64,
    /// `uint64`.
    Uint64,
    /// `uint32`.
    Uint32,
    /// `sint32`.
    Sint32,
    /// An enum, with how its names end, by number.
    Enum(&'static [&'static str]),
    /// A message.
    Message(Message),
}

impl Kind {
    /// Whether it holds this message. By address, because some contain themselves.
    pub fn is(self, message: Message) -> bool {
        matches!(self, Self::Message(own) if std::ptr::eq(own, message))
    }
}

const fn one(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { name, number, kind, list: false }
}

const fn many(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { name, number, kind, list: true }
}

use Kind::{Base64, Bool, Double, Enum, Fixed32, Fixed64, Id, Int64, Sfixed64, Sint32, Text, Uint32, Uint64};

// Statics, because these messages contain themselves.
pub static ANY_VALUE: [Field; 7] = [
    one(1, "stringValue", Text),
    one(2, "boolValue", Bool),
    one(3, "intValue", Int64),
    one(4, "doubleValue", Double),
    one(5, "arrayValue", Kind::Message(&ARRAY)),
    one(6, "kvlistValue", Kind::Message(&KEY_VALUES)),
    one(7, "bytesValue", Base64),
];
static ARRAY: [Field; 1] = [many(1, "values", Kind::Message(&ANY_VALUE))];
static KEY_VALUES: [Field; 1] = [many(1, "values", Kind::Message(&KEY_VALUE))];
pub static KEY_VALUE: [Field; 2] = [one(1, "key", Text), one(2, "value", Kind::Message(&ANY_VALUE))];

const ATTRIBUTE: Kind = Kind::Message(&KEY_VALUE);

const ENTITY: Message =
    &[one(1, "schemaUrl", Text), one(2, "type", Text), many(3, "idKeys", Text), many(4, "descriptionKeys", Text)];

const RESOURCE: Kind = Kind::Message(&[
    many(1, "attributes", ATTRIBUTE),
    one(2, "droppedAttributesCount", Uint32),
    many(3, "entityRefs", Kind::Message(ENTITY)),
]);

const SCOPE: Kind = Kind::Message(&[
    one(1, "name", Text),
    one(2, "version", Text),
    many(3, "attributes", ATTRIBUTE),
    one(4, "droppedAttributesCount", Uint32),
]);

const EVENT: Message = &[
    one(1, "timeUnixNano", Fixed64),
    one(2, "name", Text),
    many(3, "attributes", ATTRIBUTE),
    one(4, "droppedAttributesCount", Uint32),
];

const LINK: Message = &[
    one(1, "traceId", Id),
    one(2, "spanId", Id),
    one(3, "traceState", Text),
    many(4, "attributes", ATTRIBUTE),
    one(5, "droppedAttributesCount", Uint32),
    one(6, "flags", Fixed32),
];

const SPAN_KINDS: &[&str] = &["_UNSPECIFIED", "_INTERNAL", "_SERVER", "_CLIENT", "_PRODUCER", "_CONSUMER"];

const STATUS: Message = &[one(2, "message", Text), one(3, "code", Enum(&["_UNSET", "_OK", "_ERROR"]))];

const SPAN: Message = &[
    one(1, "traceId", Id),
    one(2, "spanId", Id),
    one(3, "traceState", Text),
    one(4, "parentSpanId", Id),
    one(5, "name", Text),
    one(6, "kind", Enum(SPAN_KINDS)),
    one(7, "startTimeUnixNano", Fixed64),
    one(8, "endTimeUnixNano", Fixed64),
    many(9, "attributes", ATTRIBUTE),
    one(10, "droppedAttributesCount", Uint32),
    many(11, "events", Kind::Message(EVENT)),
    one(12, "droppedEventsCount", Uint32),
    many(13, "links", Kind::Message(LINK)),
    one(14, "droppedLinksCount", Uint32),
    one(15, "status", Kind::Message(STATUS)),
    one(16, "flags", Fixed32),
];

/// How the names of severities end, by number.
const SEVERITIES: &[&str] = &[
    "_UNSPECIFIED",
    "_TRACE",
    "_TRACE2",
    "_TRACE3",
    "_TRACE4",
    "_DEBUG",
    "_DEBUG2",
    "_DEBUG3",
    "_DEBUG4",
    "_INFO",
    "_INFO2",
    "_INFO3",
    "_INFO4",
    "_WARN",
    "_WARN2",
    "_WARN3",
    "_WARN4",
    "_ERROR",
    "_ERROR2",
    "_ERROR3",
    "_ERROR4",
    "_FATAL",
    "_FATAL2",
    "_FATAL3",
    "_FATAL4",
];

const LOG: Message = &[
    one(1, "timeUnixNano", Fixed64),
    one(2, "severityNumber", Enum(SEVERITIES)),
    one(3, "severityText", Text),
    one(5, "body", Kind::Message(&ANY_VALUE)),
    many(6, "attributes", ATTRIBUTE),
    one(7, "droppedAttributesCount", Uint32),
    one(8, "flags", Fixed32),
    one(9, "traceId", Id),
    one(10, "spanId", Id),
    one(11, "observedTimeUnixNano", Fixed64),
    one(12, "eventName", Text),
];

const EXEMPLAR: Kind = Kind::Message(&[
    one(2, "timeUnixNano", Fixed64),
    one(3, "asDouble", Double),
    one(4, "spanId", Id),
    one(5, "traceId", Id),
    one(6, "asInt", Sfixed64),
    many(7, "filteredAttributes", ATTRIBUTE),
]);

const NUMBER: Kind = Kind::Message(&[
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "asDouble", Double),
    many(5, "exemplars", EXEMPLAR),
    one(6, "asInt", Sfixed64),
    many(7, "attributes", ATTRIBUTE),
    one(8, "flags", Uint32),
]);

const HISTOGRAM_POINT: Kind = Kind::Message(&[
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    one(5, "sum", Double),
    many(6, "bucketCounts", Fixed64),
    many(7, "explicitBounds", Double),
    many(8, "exemplars", EXEMPLAR),
    many(9, "attributes", ATTRIBUTE),
    one(10, "flags", Uint32),
    one(11, "min", Double),
    one(12, "max", Double),
]);

const BUCKETS: Kind = Kind::Message(&[one(1, "offset", Sint32), many(2, "bucketCounts", Uint64)]);

const EXPONENTIAL_POINT: Kind = Kind::Message(&[
    many(1, "attributes", ATTRIBUTE),
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    one(5, "sum", Double),
    one(6, "scale", Sint32),
    one(7, "zeroCount", Fixed64),
    one(8, "positive", BUCKETS),
    one(9, "negative", BUCKETS),
    one(10, "flags", Uint32),
    many(11, "exemplars", EXEMPLAR),
    one(12, "min", Double),
    one(13, "max", Double),
    one(14, "zeroThreshold", Double),
]);

const QUANTILE: Message = &[one(1, "quantile", Double), one(2, "value", Double)];

const SUMMARY_POINT: Kind = Kind::Message(&[
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    one(5, "sum", Double),
    many(6, "quantileValues", Kind::Message(QUANTILE)),
    many(7, "attributes", ATTRIBUTE),
    one(8, "flags", Uint32),
]);

const TEMPORALITY: Kind = Enum(&["_UNSPECIFIED", "_DELTA", "_CUMULATIVE"]);

const METRIC: Message = &[
    one(1, "name", Text),
    one(2, "description", Text),
    one(3, "unit", Text),
    one(5, "gauge", Kind::Message(&[many(1, "dataPoints", NUMBER)])),
    one(
        7,
        "sum",
        Kind::Message(&[
            many(1, "dataPoints", NUMBER),
            one(2, "aggregationTemporality", TEMPORALITY),
            one(3, "isMonotonic", Bool),
        ]),
    ),
    one(
        9,
        "histogram",
        Kind::Message(&[many(1, "dataPoints", HISTOGRAM_POINT), one(2, "aggregationTemporality", TEMPORALITY)]),
    ),
    one(
        10,
        "exponentialHistogram",
        Kind::Message(&[many(1, "dataPoints", EXPONENTIAL_POINT), one(2, "aggregationTemporality", TEMPORALITY)]),
    ),
    one(11, "summary", Kind::Message(&[many(1, "dataPoints", SUMMARY_POINT)])),
    many(12, "metadata", ATTRIBUTE),
];

/// `ExportTraceServiceRequest`.
pub const TRACES: Message = &[many(
    1,
    "resourceSpans",
    Kind::Message(&[
        one(1, "resource", RESOURCE),
        many(
            2,
            "scopeSpans",
            Kind::Message(&[one(1, "scope", SCOPE), many(2, "spans", Kind::Message(SPAN)), one(3, "schemaUrl", Text)]),
        ),
        one(3, "schemaUrl", Text),
    ]),
)];

/// `ExportLogsServiceRequest`.
pub const LOGS: Message = &[many(
    1,
    "resourceLogs",
    Kind::Message(&[
        one(1, "resource", RESOURCE),
        many(
            2,
            "scopeLogs",
            Kind::Message(&[
                one(1, "scope", SCOPE),
                many(2, "logRecords", Kind::Message(LOG)),
                one(3, "schemaUrl", Text),
            ]),
        ),
        one(3, "schemaUrl", Text),
    ]),
)];

/// `ExportMetricsServiceRequest`.
pub const METRICS: Message = &[many(
    1,
    "resourceMetrics",
    Kind::Message(&[
        one(1, "resource", RESOURCE),
        many(
            2,
            "scopeMetrics",
            Kind::Message(&[
                one(1, "scope", SCOPE),
                many(2, "metrics", Kind::Message(METRIC)),
                one(3, "schemaUrl", Text),
            ]),
        ),
        one(3, "schemaUrl", Text),
    ]),
)];
