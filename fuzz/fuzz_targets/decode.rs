//! Any bytes through the decoder: never a panic, and what is read comes back the same after export.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::{Compression, Encoding, Signal};

/// Decompressed bytes per input: enough to unfold, too little to slow the search down.
const LIMIT: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    match choice % 8 {
        choice @ 0..6 => {
            let signal = Signal::ALL[usize::from(choice % 3)];
            let encoding = if choice < 3 { Encoding::Protobuf } else { Encoding::Json };
            decode(signal, encoding, body);
        }
        6 => {
            for compression in [Compression::Gzip, Compression::Deflate, Compression::Zstd] {
                let _ = wire::decompress(compression, body, LIMIT);
            }
        }
        _ => {
            if let Ok(split) = wire::split_protobuf_file(body) {
                for request in split.requests {
                    let _ = wire::decode_unknown(Encoding::Protobuf, request);
                }
            }
        }
    }
});

fn decode(signal: Signal, encoding: Encoding, body: &[u8]) {
    let Ok(batch) = wire::decode(signal, encoding, body) else { return };
    let _ = wire::response(signal, encoding, &batch.rejected);
    let spans = wire::export_spans(wire::each(&batch.spans));
    let again = wire::decode(Signal::Traces, Encoding::Json, spans.as_bytes()).expect("an export is readable");
    assert_eq!(wire::export_spans(wire::each(&again.spans)), spans);
    let logs = wire::export_logs(wire::each(&batch.logs));
    let again = wire::decode(Signal::Logs, Encoding::Json, logs.as_bytes()).expect("an export is readable");
    assert_eq!(wire::export_logs(wire::each(&again.logs)), logs);
}
