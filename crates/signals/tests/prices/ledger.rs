//! The bills of `ledger.txt`: the arithmetic written there is done here without the code under test, and both must agree.

use model::Usage;
use signals::prices::{Call, Priced, Prices, Tier};

use crate::{at, today, usd};

/// A sum of `tokens*price`, in 10⁻⁶ of a dollar's millionth: exact for prices of up to six decimals.
fn by_hand(arithmetic: &str) -> i128 {
    arithmetic
        .split('+')
        .map(|product| {
            let (tokens, price) = product.trim().split_once('*').expect("tokens*price");
            let (whole, part) = price.split_once('.').unwrap_or((price, ""));
            let micros: i128 = format!("{whole}{part:0<6}").parse().expect("a price");
            tokens.parse::<i128>().expect("tokens") * micros
        })
        .sum()
}

struct Bill<'a> {
    title: &'a str,
    call: &'a str,
    arithmetic: &'a str,
    expected: &'a str,
}

fn bills(text: &str) -> Vec<Bill<'_>> {
    text.split("\n== ")
        .skip(1)
        .map(|case| {
            let mut lines = case.lines();
            Bill {
                title: lines.next().unwrap(),
                call: lines.next().unwrap(),
                arithmetic: lines.next().unwrap().strip_prefix("= ").unwrap(),
                expected: lines.next().unwrap().strip_prefix("> ").unwrap(),
            }
        })
        .collect()
}

#[test]
fn every_bill_is_what_it_comes_to_by_hand() {
    let prices = Prices::built_in();
    let bills = bills(include_str!("ledger.txt"));
    assert!(bills.len() > 45, "only {} bills were read", bills.len());
    for bill in bills {
        let mut words = bill.call.split_whitespace();
        let provider = words.next().filter(|provider| *provider != "-");
        let model = words.next().unwrap();
        let (mut call, mut moment) = (Call::default(), today());
        for word in words {
            let (name, value) = word.split_once('=').unwrap();
            let count = || value.parse::<u64>().unwrap();
            let Usage {
                input_tokens,
                output_tokens,
                cache_read_tokens,
                cache_write_tokens,
                reasoning_tokens,
                reported_total,
            } = &mut call.usage;
            match name {
                "in" => *input_tokens = Some(count()),
                "out" => *output_tokens = Some(count()),
                "cache_read" => *cache_read_tokens = Some(count()),
                "cache_write" => *cache_write_tokens = Some(count()),
                "reasoning" => *reasoning_tokens = Some(count()),
                "total" => *reported_total = Some(count()),
                "hour" => call.cache_write_1h_tokens = count(),
                "audio_in" => call.audio_input_tokens = count(),
                "audio_out" => call.audio_output_tokens = count(),
                "tier" => call.tier = Tier::of_word(value),
                "at" => moment = at(value),
                other => panic!("{}: what is {other}?", bill.title),
            }
        }
        let (row, amount) = bill.expected.split_once(' ').unwrap();
        // Prices are per million: 10⁻⁶ dollars of them are the 10⁻¹² of `Usd`.
        assert_eq!(by_hand(bill.arithmetic), usd(amount).as_pico(), "{}: the file's own arithmetic", bill.title);
        let priced = prices.cost_of(&call, provider, &[model], moment);
        assert_eq!(priced, Priced::Computed { usd: usd(amount), row: row.into() }, "{}", bill.title);
        let lines = prices.lines(&call, provider, &[model], moment);
        let sum: i128 = lines.iter().map(|line| line.amount().as_pico()).sum();
        assert_eq!(sum, usd(amount).as_pico(), "{}: its lines", bill.title);
    }
}
