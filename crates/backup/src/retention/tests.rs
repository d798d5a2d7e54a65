use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

use super::*;

fn name(minute: i64) -> Name {
    Name::new(Timestamp::from_millis(1_795_843_800_000 + minute * 60_000), [1, 2, 3])
}

fn kept(keep: &str, minutes: &[i64]) -> Vec<i64> {
    let names: Vec<Name> = minutes.iter().copied().map(name).collect();
    let dropped = keep.parse::<Keep>().unwrap().dropped(&names);
    minutes.iter().copied().filter(|minute| !dropped.contains(&name(*minute))).collect()
}

#[test]
fn the_newest_of_each_period_is_kept() {
    // From half past five on, every ten minutes.
    let all: Vec<i64> = (0..13).map(|step| step * 10).collect();
    assert_eq!(kept("last=2", &all), [110, 120]);
    assert_eq!(kept("hourly=2", &all), [80, 120]);
    assert_eq!(kept("hourly=9", &all), [20, 80, 120]);
    assert_eq!(kept("last=1,daily=5", &all), [120]);
    let days: Vec<i64> = (0..60).map(|day| day * 24 * 60).collect();
    assert_eq!(kept("monthly=2,daily=2", &days), [33, 58, 59].map(|day| day * 24 * 60));
    assert_eq!(kept("yearly=2", &days), [33, 59].map(|day| day * 24 * 60));
    // The 28th of November 2026 is a Saturday.
    assert_eq!(kept("weekly=3", &days[..10]), [1, 8, 9].map(|day| day * 24 * 60));
}

#[test]
fn what_is_said_is_read_and_shown() {
    let keep: Keep = "last=3, hourly=24,daily=30".parse().unwrap();
    assert_eq!(keep.to_string(), "last=3,hourly=24,daily=30");
    assert_eq!(keep.to_string().parse::<Keep>().unwrap(), keep);
    assert_eq!(Keep::default().to_string().parse::<Keep>().unwrap(), Keep::default());
    for (wrong, why) in [
        ("", "not one of"),
        ("last", "not one of"),
        ("last=x", "no number"),
        ("last=1,last=2", "second"),
        ("daily=0", "newest only"),
    ] {
        let said = wrong.parse::<Keep>().unwrap_err();
        assert!(said.to_string().contains(why) && said.code() == Some("T1107"), "{said}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn rules_hold_whatever_there_is(
        minutes in proptest::collection::btree_set(0_i64..3_000_000, 1..80),
        counts in proptest::array::uniform6(0_u32..6),
    ) {
        let keep = Keep { counts };
        let names: Vec<Name> = minutes.iter().copied().map(name).collect();
        let dropped = keep.dropped(&names);
        // The newest is never dropped, nor one of the newest few; nothing is named that was not there.
        let kept: Vec<Name> = names.iter().filter(|name| !dropped.contains(name)).cloned().collect();
        prop_assert!(kept.contains(names.last().unwrap()));
        prop_assert!(names.iter().rev().take(counts[0] as usize).all(|name| kept.contains(name)));
        prop_assert_eq!(kept.len() + dropped.len(), names.len());
        // What was dropped changes nothing for what is kept: asked again, all of it stays.
        prop_assert_eq!(keep.dropped(&kept), Vec::<Name>::new());
        // No more are kept than all rules together may.
        prop_assert!(kept.len() <= (counts.iter().sum::<u32>() as usize).max(1));
        // Keeping more of something drops nothing that was kept.
        let mut more = counts;
        more[2] += 1;
        let more = Keep { counts: more };
        prop_assert!(more.dropped(&names).iter().all(|name| dropped.contains(name)));
    }
}
