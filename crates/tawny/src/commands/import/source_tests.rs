//! Files of every form become the same requests.

use std::io::Write;

use super::*;

fn pieces(file: &[u8]) -> (Vec<String>, Vec<(u64, String)>) {
    let (mut requests, mut problems) = (Vec::new(), Vec::new());
    read(file, |piece| {
        match piece {
            Piece::Request(request) => requests.push(String::from_utf8_lossy(&request.body).into_owned()),
            Piece::Unreadable { line, problem } => problems.push((line, problem)),
        }
        true
    })
    .unwrap();
    (requests, problems)
}

const TWO: &str = "{\"resourceSpans\":[{\"a\":1}]}\n{\"resourceSpans\":[{\"b\":2},{\"c\":3}]}\n";
const JOINED: &str = "{\"resourceSpans\":[{\"a\":1},{\"b\":2},{\"c\":3}]}";

#[test]
fn lines_are_put_together_and_can_be_taken_apart() {
    assert_eq!(pieces(TWO.as_bytes()), (vec![JOINED.to_owned()], vec![]));
    let mut parts = Vec::new();
    read(TWO.as_bytes(), |piece| {
        let Piece::Request(request) = piece else { panic!("every line is a request") };
        parts.extend(request.split().unwrap().map(|part| (part.line(), String::from_utf8(part.body).unwrap())));
        true
    })
    .unwrap();
    assert_eq!(parts[0], (1, "{\"resourceSpans\":[{\"a\":1}]}".to_owned()));
    assert_eq!(parts[1], (2, "{\"resourceSpans\":[{\"b\":2},{\"c\":3}]}".to_owned()));
}

#[test]
fn compressed_files_are_recognised_by_their_bytes() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(TWO.as_bytes()).unwrap();
    assert_eq!(pieces(&gzip.finish().unwrap()).0, [JOINED]);
    assert_eq!(pieces(&zstd::encode_all(TWO.as_bytes(), 1).unwrap()).0, [JOINED]);
}

#[test]
fn a_long_window_of_zstd_is_read() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(28).unwrap();
    encoder.long_distance_matching(true).unwrap();
    encoder.include_contentsize(false).unwrap();
    encoder.write_all(TWO.as_bytes()).unwrap();
    assert_eq!(pieces(&encoder.finish().unwrap()).0, [JOINED]);
}

#[test]
fn a_bad_line_costs_its_neighbours_nothing() {
    let file = format!("{}{{\"resourceSpans\":[{{]}}\n\n{{\"other\":1}}\n{{\"resourceSpans\":[{{\"d\":4}}]}}", TWO);
    let (requests, problems) = pieces(file.as_bytes());
    assert_eq!(requests, ["{\"resourceSpans\":[{\"a\":1},{\"b\":2},{\"c\":3},{\"d\":4}]}"]);
    assert_eq!(problems.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 5]);
}

#[test]
fn one_line_may_hold_several_signals() {
    let (requests, problems) = pieces(b"{\"resourceLogs\":[{\"l\":1}],\"resourceSpans\":[{\"s\":1}],\"x\":[]}\n{}\n");
    assert_eq!(requests, ["{\"resourceSpans\":[{\"s\":1}]}", "{\"resourceLogs\":[{\"l\":1}]}"]);
    assert!(problems.is_empty(), "{problems:?}");
}

#[test]
fn documents_over_several_lines_are_read() {
    let (requests, problems) =
        pieces("\u{feff}{\n \"resourceSpans\": [ {\"a\":1} ]\n}\n{\n\"resourceSpans\":[{\"b\":2}]}".as_bytes());
    assert_eq!(requests, ["{\"resourceSpans\":[ {\"a\":1} ,{\"b\":2}]}"]);
    assert!(problems.is_empty(), "{problems:?}");
    let (requests, problems) = pieces(b"{\n \"resourceSpans\": [ {\"a\":1} ]\n}\n{ oops");
    assert_eq!((requests.len(), problems[0].0), (1, 4));
}

#[test]
fn requests_stay_bounded() {
    let line = format!("{{\"resourceSpans\":[{{\"x\":\"{}\"}}]}}\n", "y".repeat(600_000));
    let (requests, _) = pieces(line.repeat(10).as_bytes());
    assert!(requests.len() >= 3 && requests.iter().all(|request| request.len() <= REQUEST_BYTES + 100));
}
