//! Random requests, written by prost and as JSON in every style, must mean the same to us as prost's types say.
//! What was read must come back the same after export.

use crate::common::json::Style;
use crate::common::{expect, json, make};
use model::raw::{Batch, Group};
use proptest::prelude::*;
use prost::Message;
use wire::{Encoding, Signal};

/// Groups as they read after export: neighbours that agree on resource and scope are one.
fn merged<'a, T: Clone>(groups: &[Group<'a, T>]) -> Vec<Group<'a, T>> {
    let mut out: Vec<Group<'a, T>> = Vec::new();
    for group in groups {
        match out.last_mut() {
            Some(last) if last.resource == group.resource && last.scope == group.scope => {
                last.items.extend(group.items.iter().cloned());
            }
            _ => out.push(group.clone()),
        }
    }
    out
}

fn decode(signal: Signal, encoding: Encoding, body: &[u8]) -> Batch<'_> {
    let batch = wire::decode(signal, encoding, body).unwrap_or_else(|error| panic!("{error}"));
    assert!(batch.rejected.reasons.len() <= model::raw::Rejected::MAX_REASONS);
    assert_eq!(batch.rejected.count == 0, batch.rejected.reasons.is_empty(), "{:?}", batch.rejected);
    batch
}

/// Whether a request none of whose items are valid may be taken for another signal.
fn nothing_kept<T>(expected: &(Vec<Group<'_, T>>, u64)) -> bool {
    expected.0.is_empty() && expected.1 > 0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn spans_mean_what_prost_says(request in make::traces(), bits in any::<u8>()) {
        let expected = expect::traces(&request);
        prop_assume!(!nothing_kept(&expected));
        let body = request.encode_to_vec();
        let batch = decode(Signal::Traces, Encoding::Protobuf, &body);
        prop_assert_eq!((&batch.spans, batch.rejected.count), (&expected.0, expected.1));

        let text = json::traces(&request, Style::from_bits(bits));
        let batch = decode(Signal::Traces, Encoding::Json, text.as_bytes());
        prop_assert_eq!((&batch.spans, batch.rejected.count), (&expected.0, expected.1));

        let line = wire::export_spans(wire::each(&batch.spans));
        prop_assert!(!line.contains('\n'));
        let (signal, again) = wire::decode_json_line(line.as_bytes()).unwrap();
        prop_assert_eq!((signal, &again.spans), (Signal::Traces, &merged(&expected.0)));
        prop_assert_eq!(wire::export_spans(wire::each(&again.spans)), line);
    }

    #[test]
    fn log_records_mean_what_prost_says(request in make::logs(), bits in any::<u8>()) {
        let expected = expect::logs(&request);
        let body = request.encode_to_vec();
        let batch = decode(Signal::Logs, Encoding::Protobuf, &body);
        prop_assert_eq!((&batch.logs, batch.rejected.count), (&expected.0, expected.1));

        let text = json::logs(&request, Style::from_bits(bits));
        let batch = decode(Signal::Logs, Encoding::Json, text.as_bytes());
        prop_assert_eq!((&batch.logs, batch.rejected.count), (&expected.0, expected.1));

        let line = wire::export_logs(wire::each(&batch.logs));
        let (signal, again) = wire::decode_json_line(line.as_bytes()).unwrap();
        prop_assert_eq!((signal, &again.logs), (Signal::Logs, &merged(&expected.0)));
    }

    #[test]
    fn data_points_mean_what_prost_says(request in make::metrics(), bits in any::<u8>()) {
        let expected = expect::metrics(&request);
        prop_assume!(!nothing_kept(&expected));
        let body = request.encode_to_vec();
        let batch = decode(Signal::Metrics, Encoding::Protobuf, &body);
        prop_assert_eq!((&batch.samples, batch.rejected.count), (&expected.0, expected.1));

        let text = json::metrics(&request, Style::from_bits(bits));
        let batch = decode(Signal::Metrics, Encoding::Json, text.as_bytes());
        prop_assert_eq!((&batch.samples, batch.rejected.count), (&expected.0, expected.1));
    }

    #[test]
    fn noise_is_never_a_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for signal in Signal::ALL {
            for encoding in [Encoding::Protobuf, Encoding::Json] {
                let _ = wire::decode(signal, encoding, &body);
            }
        }
        let _ = wire::decode_json_line(&body);
        let _ = wire::split_protobuf_file(&body);
    }
}
