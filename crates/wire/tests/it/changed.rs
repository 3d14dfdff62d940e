//! Requests cut, changed and put together wrongly, through every decoder: never a panic, and what is read can be written and read again.
//!
//! `cargo xtask fuzz` runs this for longer.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::make;
use model::Timestamp;
use proptest::prelude::*;
use prost::Message;
use wire::{Compression, Encoding, Signal, remote_write};

const NOW: Timestamp = Timestamp::from_millis(1_795_300_000_000);
/// Bytes of an input: enough for a request, too little to slow the search down.
const INPUT_MAX: usize = 64 * 1024;

/// Recorded requests, where present.
fn recorded() -> &'static [Vec<u8>] {
    static RECORDED: std::sync::LazyLock<Vec<Vec<u8>>> = std::sync::LazyLock::new(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
        let (mut found, mut folders) = (Vec::new(), vec![root]);
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
            paths.sort();
            for path in paths {
                if path.is_dir() {
                    folders.push(path);
                } else if fs::metadata(&path).is_ok_and(|about| about.len() <= INPUT_MAX as u64) {
                    found.extend(fs::read(&path));
                }
            }
        }
        if found.is_empty() {
            println!("no recorded requests (../shared/captures): generated ones are changed");
        }
        found
    });
    &RECORDED
}

/// Reads bytes as everything they might be.
fn read_all(body: &[u8]) {
    for signal in Signal::ALL {
        for encoding in [Encoding::Protobuf, Encoding::Json] {
            let Ok(batch) = wire::decode(signal, encoding, body) else { continue };
            let _ = wire::response(signal, encoding, &batch.rejected);
            let written = wire::export_spans(wire::each(&batch.spans));
            let again =
                wire::decode(Signal::Traces, Encoding::Json, written.as_bytes()).expect("an export is readable");
            assert_eq!(wire::export_spans(wire::each(&again.spans)), written);
        }
        let _ = wire::json_to_protobuf(signal, body);
    }
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let _ = wire::decode_unknown(encoding, body);
    }
    let _ = wire::decode_json_line(body);
    let _ = wire::decode_lines(body, NOW);
    let _ = wire::decode_loki_json(body, NOW);
    let _ = wire::decode_loki_protobuf(body, NOW);
    for version in [remote_write::Version::V1, remote_write::Version::V2] {
        let _ = remote_write::decode(version, body);
    }
    if let Ok(split) = wire::split_protobuf_file(body) {
        for request in split.requests {
            let _ = wire::decode_unknown(Encoding::Protobuf, request);
        }
    }
    for compression in [Compression::Gzip, Compression::Deflate, Compression::Zstd] {
        let _ = wire::decompress(compression, body, 1 << 20);
    }
    let _ = wire::unsnap(body, 1 << 20);
}

/// One change: a byte, a stretch left out, doubled, or put somewhere else.
fn change(body: &mut Vec<u8>, (what, at, to, byte): (u8, prop::sample::Index, prop::sample::Index, u8)) {
    if body.is_empty() {
        return;
    }
    let (at, to) = (at.index(body.len()), to.index(body.len()));
    let stretch = at.min(to)..at.max(to).min(at.min(to) + 64);
    match what % 5 {
        0 => body[at] = byte,
        1 => body[at] ^= 1 << (byte % 8),
        2 => drop(body.drain(stretch)),
        3 => {
            let again = body[stretch].to_vec();
            body.splice(at..at, again);
        }
        // Lengths and counts as large as they can be.
        _ => drop(body.splice(at..at, [0xff; 9].into_iter().chain([0x01]))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(std::env::var("TAWNY_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300)))]

    #[test]
    fn a_request_cut_off_or_changed_is_never_a_panic(
        which in any::<prop::sample::Index>(),
        traces in make::traces(),
        logs in make::logs(),
        metrics in make::metrics(),
        own in 0..4usize,
        changes in proptest::collection::vec(any::<(u8, prop::sample::Index, prop::sample::Index, u8)>(), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut body = match own {
            0 => traces.encode_to_vec(),
            1 => logs.encode_to_vec(),
            2 => metrics.encode_to_vec(),
            _ if recorded().is_empty() => traces.encode_to_vec(),
            _ => which.get(recorded()).clone(),
        };
        for one in changes {
            change(&mut body, one);
        }
        read_all(&body);
        body.truncate(cut.index(body.len() + 1));
        read_all(&body);
    }
}
