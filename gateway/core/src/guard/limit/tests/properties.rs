//! A limit is never exceeded, whatever the steps of the clock.

use proptest::prelude::*;

use super::*;

/// Steps between requests, from none to several windows of `span` nanoseconds.
fn steps(span: u64) -> impl Strategy<Value = Vec<u64>> {
    let step = prop_oneof![
        4 => Just(0u64),
        6 => 0..=span / 20,
        3 => 0..=span / 3,
        1 => 0..=3 * span,
        1 => Just(span),
        1 => Just(span - 1),
    ];
    prop::collection::vec(step, 1..400)
}

/// The moments at which requests pass, and what is true of every refusal.
fn play(limit: &Arc<Limit>, start: u64, steps: &[u64]) -> Vec<u64> {
    let key = address(1);
    let (mut now, mut passed) = (start, Vec::new());
    for step in steps {
        now += step;
        match ask(limit, &key, now) {
            Ok(()) => passed.push(now),
            Err(wait) => {
                assert!(wait > 0);
                // A refusal charges nothing, so the same history with only this request later passes.
                let late = |at: u64| {
                    let twin = Arc::new(Limit::new("twin", limit.rule(), 10, super::at(start), None));
                    passed.iter().for_each(|at| ask(&twin, &key, *at).unwrap());
                    ask(&twin, &key, at)
                };
                assert_eq!(late(now + wait), Ok(()), "told to come back after {wait}");
                assert_eq!(late(now + wait - 1), Err(1), "told to come back after {wait}");
            }
        }
    }
    passed
}

/// Steps of a game, cut so that the twins stay cheap.
fn few(steps: &[u64]) -> &[u64] {
    steps.get(..60).unwrap_or(steps)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rate_lets_no_more_pass_than_its_burst_and_what_was_refilled(
        (count, period, burst) in (1u32..50, 1u64..100, 1u32..50),
        start in 0u64..1_000_000_000_000_000,
        steps in steps(3 * SECOND),
    ) {
        let rule = format!("{count}/{period}s burst {burst}");
        let passed = play(&limit(&rule, 10, start, None), start, few(&steps));
        for (i, from) in passed.iter().enumerate() {
            for (j, to) in passed.iter().enumerate().skip(i) {
                let refilled = u128::from(to - from) * u128::from(count) / u128::from(period * SECOND);
                prop_assert!((j - i + 1) as u128 <= u128::from(burst) + refilled);
            }
        }
    }

    #[test]
    fn a_quota_is_never_exceeded_in_any_window_and_room_is_not_late(
        (count, window) in (prop_oneof![1u32..=12, 13u32..60], 1u64..5000),
        start in 0u64..1_000_000_000_000_000,
        steps in (1u64..5000).prop_flat_map(|seconds| steps(seconds * SECOND)),
    ) {
        let rule = format!("{count}/{window}s");
        let limit = limit(&rule, 10, start, None);
        let span = window * SECOND;
        let count = count as usize;
        // Late by at most a twelfth; by next to nothing where each request is remembered.
        let late = if count <= 12 { span / (1 << 30) } else { span / 12 };
        let key = address(1);
        let (mut now, mut passed) = (start, Vec::<u64>::new());
        for step in &steps {
            now += step;
            let within = |span: u64| passed.iter().rev().take_while(|at| now - **at < span).count();
            let (in_window, in_longer) = (within(span), within(span + late + 1));
            match ask(&limit, &key, now) {
                Ok(()) => {
                    prop_assert!(in_window < count, "{in_window} of {count} in a window, and one more");
                    passed.push(now);
                }
                Err(wait) => {
                    prop_assert!(in_longer >= count, "refused with {in_longer} of {count}");
                    prop_assert!(wait > 0 && wait <= span + late + 1);
                }
            }
        }
    }

    #[test]
    fn a_quota_tells_the_truth_about_when_to_come_back(
        (count, window) in (prop_oneof![1u32..=12, 13u32..30], 1u64..60),
        start in 0u64..1_000_000_000_000_000,
        steps in steps(10 * SECOND),
    ) {
        play(&limit(&format!("{count}/{window}s"), 10, start, None), start, few(&steps));
    }

    #[test]
    fn what_remains_is_what_passes(
        rule in prop_oneof![Just("7/5s burst 9"), Just("9/10s"), Just("40/10s")],
        steps in steps(10 * SECOND),
    ) {
        let limit = limit(rule, 10, 0, None);
        let mut now = 0;
        for step in few(&steps) {
            now += step;
            let verdict = limit.counter.charge(&address(1), now);
            let twin = limit_like(&limit, now);
            prop_assert_eq!(passes(&twin, &address(1), now, 100), verdict.remaining as usize);
        }
    }
}

/// A limit of its own that remembers the same: there and back through another rule would round.
fn limit_like(limit: &Arc<Limit>, now: u64) -> Arc<Limit> {
    let counter = limit.counter.carry_over(limit.rule(), 10, now);
    Arc::new(Limit {
        name: Arc::clone(limit.name()),
        rule: limit.rule(),
        text: Arc::clone(&limit.text),
        counter,
    })
}

/// Numbers by which a second is divided without a rest: a rate is rounded to nanoseconds.
fn whole() -> impl Strategy<Value = u32> {
    prop::sample::select(vec![1, 2, 4, 5, 8, 10])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// A rule that is said to be within another never lets a request through that the other one, counting the same
    /// requests, would refuse.
    #[test]
    fn a_rule_within_another_lets_no_more_pass(
        (count, period, burst) in (whole(), 1u64..6, prop::option::of(1u32..8)),
        (other_count, other_period, other_burst) in (whole(), 1u64..12, prop::option::of(1u32..12)),
        steps in steps(3 * SECOND),
    ) {
        let rule = |count: u32, period: u64, burst: Option<u32>| match burst {
            Some(burst) => format!("{count}/{period}s burst {burst}"),
            None => format!("{count}/{period}s"),
        };
        let start = 1_000 * SECOND;
        let strict = limit(&rule(count, period, burst), 10, start, None);
        let wide = limit(&rule(other_count, other_period, other_burst), 10, start, None);
        if strict.rule().within(wide.rule()) {
            let (key, mut now) = (address(1), start);
            for step in steps {
                now += step;
                if ask(&strict, &key, now).is_ok() {
                    prop_assert_eq!(ask(&wide, &key, now), Ok(()), "{:?} within {:?}", strict.rule(), wide.rule());
                }
            }
        }
    }
}
