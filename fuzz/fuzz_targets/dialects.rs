//! Whatever can be decoded is understood without a panic, whatever its attributes say.

#![no_main]

use libfuzzer_sys::fuzz_target;
use model::Timestamp;
use wire::{Encoding, Signal};

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let signal = if choice & 1 == 0 { Signal::Traces } else { Signal::Logs };
    let encoding = if choice & 2 == 0 { Encoding::Json } else { Encoding::Protobuf };
    let Ok(batch) = wire::decode(signal, encoding, body) else { return };
    let received = Timestamp::from_nanos(1_763_700_000_000_000_000);
    let logs: Vec<_> = batch.logs.iter().flat_map(|group| group.items.iter().cloned()).collect();
    for (resource, scope, span) in wire::each(&batch.spans) {
        let tenant = dialects::tenant("default", resource);
        let _ = dialects::understand(span, resource, scope, &tenant, received);
        let _ = dialects::content(span, resource, scope, &logs);
    }
    for (resource, scope, log) in wire::each(&batch.logs) {
        let tenant = dialects::tenant("default", resource);
        let _ = dialects::understand_log(log, resource, scope, &tenant, received);
        // G1 senders put the conversation into log records: read them as a span's.
        let span = model::raw::RawSpan::default();
        let _ = dialects::content(&span, resource, scope, &logs);
    }
});
