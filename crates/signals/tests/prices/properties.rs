//! What holds for any call of any model.

use model::{Billing, CostSource, Span, StepKind, Timestamp, Usage, UsageRole, Usd};
use proptest::prelude::*;
use signals::prices::{Call, Class, Priced, Prices, Tier};

use crate::{llm, today};

/// Built-in models, some with suffixes, and names that are none.
fn name() -> impl Strategy<Value = (Option<String>, String)> {
    let known: Vec<(String, String)> =
        Prices::built_in().rows().map(|row| (row.provider.to_string(), row.model.to_string())).collect();
    prop_oneof![
        8 => (proptest::sample::select(known), proptest::option::of("-2025-0[1-9]-1[0-9]|-latest|@20250101|:0"), any::<bool>())
            .prop_map(|((provider, model), suffix, told)| (told.then_some(provider), model + &suffix.unwrap_or_default())),
        1 => (proptest::option::of("[a-z._]{0,12}"), "\\PC{0,40}"),
    ]
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![10 => 0u64..2_000_000, 1 => Just(u64::MAX), 2 => Just(0)]
}

prop_compose! {
    fn wild_usage()(
        input_tokens in proptest::option::of(count()), output_tokens in proptest::option::of(count()),
        cache_read_tokens in proptest::option::of(count()), cache_write_tokens in proptest::option::of(count()),
        reasoning_tokens in proptest::option::of(count()), reported_total in proptest::option::of(count()),
    ) -> Usage {
        Usage { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, reported_total }
    }
}

prop_compose! {
    fn wild_span()(
        name in name(), usage in wild_usage(), kind in 0..StepKind::ALL.len(), aggregate: bool,
        reported in proptest::option::of(0i128..10_000_000_000_000), start: i64,
    ) -> Span {
        let mut span = llm(name.0.as_deref(), &name.1, usage);
        span.kind = StepKind::ALL[kind];
        if aggregate {
            span.usage_role = UsageRole::Aggregate;
        }
        span.start = Timestamp::from_nanos(start);
        span.cost = reported.map(Usd::from_pico);
        span.cost_source = reported.map(|_| CostSource::Reported);
        span
    }
}

/// A well-formed call of few enough tokens that the sum of two is still a short prompt.
fn small_call() -> impl Strategy<Value = Call> {
    let part = || 0u64..10_000;
    (part(), part(), part(), part(), part(), part(), part(), part()).prop_map(
        |(fresh, read, short, hour, audio, text, reasoning, spoken)| Call {
            usage: Usage {
                input_tokens: Some(fresh + read + short + hour + audio),
                output_tokens: Some(text + reasoning + spoken),
                cache_read_tokens: Some(read),
                cache_write_tokens: Some(short + hour),
                reasoning_tokens: Some(reasoning),
                reported_total: None,
            },
            cache_write_1h_tokens: hour,
            audio_input_tokens: audio,
            audio_output_tokens: spoken,
            tier: Tier::Standard,
        },
    )
}

fn sum(a: &Call, b: &Call) -> Call {
    let mut usage = a.usage;
    usage.add(&b.usage);
    Call {
        usage,
        cache_write_1h_tokens: a.cache_write_1h_tokens + b.cache_write_1h_tokens,
        audio_input_tokens: a.audio_input_tokens + b.audio_input_tokens,
        audio_output_tokens: a.audio_output_tokens + b.audio_output_tokens,
        tier: a.tier,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn two_calls_cost_what_one_call_of_their_tokens_costs(name in name(), a in small_call(), b in small_call()) {
        let prices = Prices::built_in();
        let cost = |call: &Call| prices.cost_of(call, name.0.as_deref(), &[&name.1], today()).usd();
        if let (Some(one), Some(other), Some(both)) = (cost(&a), cost(&b), cost(&sum(&a, &b))) {
            prop_assert_eq!(one.plus(other), both);
        }
    }

    #[test]
    fn every_token_is_on_exactly_one_line_of_the_bill(name in name(), call in small_call()) {
        let lines = Prices::built_in().lines(&call, name.0.as_deref(), &[&name.1], today());
        let of = |classes: &[Class]| -> u64 {
            lines.iter().filter(|line| classes.contains(&line.class)).map(|line| line.tokens).sum()
        };
        if !lines.is_empty() {
            let output = [Class::Output, Class::Reasoning, Class::AudioOutput];
            let input = [Class::Input, Class::CacheRead, Class::CacheWrite, Class::CacheWrite1h, Class::AudioInput];
            prop_assert_eq!(of(&input), call.usage.input_tokens.unwrap());
            prop_assert_eq!(of(&output), call.usage.output_tokens.unwrap());
            prop_assert_eq!(of(&[Class::CacheRead]), call.usage.cache_read_tokens.unwrap());
        }
    }

    #[test]
    fn nothing_costs_less_than_nothing_and_bounds_are_in_order(span in wild_span()) {
        match Prices::built_in().cost(&span, &Billing::default(), today()) {
            Priced::Uncertain { least, most, .. } => {
                prop_assert!(least >= Usd::default());
                prop_assert!(most.is_none_or(|most| most >= least));
            }
            priced => prop_assert!(priced.usd().is_none_or(|usd| usd >= Usd::default())),
        }
    }

    #[test]
    fn pricing_twice_changes_nothing(mut span in wild_span()) {
        let prices = Prices::built_in();
        let first = prices.price(&mut span, &Billing::default());
        let once = span.clone();
        prop_assert_eq!(prices.price(&mut span, &Billing::default()), first);
        prop_assert_eq!(span, once);
    }

    #[test]
    fn a_reported_cost_is_never_replaced(span in wild_span()) {
        let mut priced = span.clone();
        Prices::built_in().price(&mut priced, &Billing::default());
        if span.cost.is_some() {
            prop_assert_eq!(priced, span);
        } else {
            prop_assert_eq!(priced.cost.is_some(), priced.cost_source == Some(CostSource::Computed));
        }
    }

    #[test]
    fn a_bare_total_costs_something_between_its_bounds(name in name(), call in small_call()) {
        let prices = Prices::built_in();
        let (input, output) = (call.usage.input_tokens.unwrap(), call.usage.output_tokens.unwrap());
        let bare = Call::from(Usage { reported_total: Some(input + output), ..Usage::default() });
        let plain = Call { audio_input_tokens: 0, audio_output_tokens: 0, ..call };
        let cost = |call: &Call| prices.cost_of(call, name.0.as_deref(), &[&name.1], today());
        if let (Priced::Uncertain { least, most, .. }, Some(exact)) = (cost(&bare), cost(&plain).usd()) {
            prop_assert!(least <= exact && Some(exact) <= most);
        }
    }

    #[test]
    fn no_file_makes_it_panic(text in "(\\[\\[price\\]\\]\n)?((model|input|from|above|batch|hours) = (1|-1|'x'|2026-01-01|\\[\\]|\\{\\}|é)\n){0,6}") {
        let _ = Prices::built_in().with_overrides("any.toml", &text);
    }
}
