//! Chunks give back exactly what was put in, in few bytes.

use proptest::prelude::*;

use super::*;

fn unpacked(chunks: &[Chunk]) -> (Vec<i64>, Vec<u64>) {
    let (mut times, mut values, mut histograms) = (Vec::new(), Vec::new(), Vec::new());
    for chunk in chunks {
        chunk.unpack(&mut times, &mut values, &mut histograms).unwrap();
    }
    (times, values.into_iter().map(f64::to_bits).collect())
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-1_000i64..100_000).prop_map(|whole| whole as f64),
        any::<f64>(),
        any::<u64>().prop_map(f64::from_bits),
        Just(-0.0),
        Just(f64::from_bits(promql::STALE_NAN_BITS)),
        Just(MAX_WHOLE),
        Just(-MAX_WHOLE),
        Just(i64::MIN as f64),
    ]
}

proptest! {
    #[test]
    fn any_samples_come_back_bit_by_bit(
        start in any::<i32>(),
        samples in prop::collection::vec((1i64..100_000_000, value()), 1..400),
    ) {
        let mut time = i64::from(start);
        let times: Vec<i64> = samples.iter().map(|(step, _)| { time += step; time }).collect();
        let values: Vec<f64> = samples.iter().map(|(_, value)| *value).collect();
        let chunks = pack(&times, &values);
        prop_assert_eq!(unpacked(&chunks), (times, bits(&values)));
    }

    #[test]
    fn damaged_bytes_are_an_error_or_other_samples_but_no_panic(
        data in prop::collection::vec(any::<u8>(), 0..64), count in 0u32..200, encoding in 0u8..3,
    ) {
        let encoding = Encoding::from_number(encoding).unwrap();
        let chunk = Chunk { min: 0, max: 0, count, encoding, data: data.into() };
        let _ = chunk.unpack(&mut Vec::new(), &mut Vec::new(), &mut Vec::new());
    }
}

#[test]
fn a_counter_of_calls_takes_a_byte_a_sample_and_a_quiet_one_a_quarter() {
    let times: Vec<i64> = (0..960).map(|at| at * 15_000).collect();
    let size = |values: &[f64]| pack(&times, values).iter().map(|chunk| chunk.data.len()).sum::<usize>() as f64 / 960.0;
    let calls: Vec<f64> = (0..960).map(|at| f64::from(at * 3 + at % 4)).collect();
    let quiet = vec![5.0; 960];
    assert!(size(&calls) < 1.2, "{}", size(&calls));
    assert!(size(&quiet) < 0.35, "{}", size(&quiet));
}

#[test]
fn a_stale_marker_does_not_end_a_chunk_of_whole_numbers() {
    let values = [1.0, f64::from_bits(promql::STALE_NAN_BITS), 3.0];
    let chunks = pack(&[0, 1, 2], &values);
    assert_eq!((chunks.len(), chunks[0].encoding), (1, Encoding::Whole));
    assert_eq!(unpacked(&chunks).1, bits(&values));
}

#[test]
fn a_fraction_begins_another_chunk() {
    let chunks = pack(&[0, 1, 2, 3], &[1.0, 2.0, 2.5, 3.0]);
    let encodings: Vec<Encoding> = chunks.iter().map(|chunk| chunk.encoding).collect();
    assert_eq!(encodings, [Encoding::Whole, Encoding::Xor]);
}
