use proptest::prelude::*;

use super::*;

const HOUR: i64 = 3_600_000;
/// 2026-03-29, when clocks in Berlin go from one hour ahead of UTC to two, at 01:00 UTC.
const CHANGE: i64 = 1_774_746_000_000;

fn berlin() -> Calendar {
    let mut calendar = Calendar::new();
    calendar.offset(CHANGE - 150 * DAY_MS, HOUR).unwrap();
    calendar.offset(CHANGE, 2 * HOUR).unwrap();
    calendar
}

#[test]
fn weekdays_are_those_of_the_tenants_clock() {
    let mut calendar = Calendar::new();
    assert_eq!(calendar.like(0), Day::Like(Weekday::Thursday));
    // 23:30 UTC of a Saturday is half past midnight of a Sunday in Berlin.
    calendar.offset(0, HOUR).unwrap();
    let saturday = 1_774_740_600_000;
    assert_eq!(calendar.like(saturday), Day::Like(Weekday::Sunday));
    assert_eq!(Calendar::new().like(saturday), Day::Like(Weekday::Saturday));
}

#[test]
fn an_offset_holds_until_the_next_and_the_first_before_it() {
    let calendar = berlin();
    assert_eq!(calendar.offset_at(CHANGE - 1), HOUR);
    assert_eq!(calendar.offset_at(CHANGE), 2 * HOUR);
    assert_eq!(calendar.offset_at(0), HOUR);
    assert!(calendar.changes_clocks());
}

#[test]
fn a_declared_day_is_what_it_is_declared_to_be() {
    let mut calendar = Calendar::new();
    calendar.day(4, Day::Like(Weekday::Sunday)).unwrap();
    calendar.day(5, Day::Holiday).unwrap();
    let noon = |day: i64| day * DAY_MS + 12 * HOUR;
    assert_eq!(calendar.declared(noon(4)), Some(Day::Like(Weekday::Sunday)));
    assert_eq!((calendar.like(noon(5)), calendar.declared(noon(6))), (Day::Holiday, None));
}

#[test]
fn events_are_found_by_any_overlap() {
    let mut calendar = Calendar::new();
    let event = |from_ms, until_ms| Event { from_ms, until_ms, effect: Effect::Factor(2.0), confidence: 0.9 };
    for (from, until) in [(500, 900), (100, 200), (150, 1000)] {
        calendar.event(event(from, until)).unwrap();
    }
    let found = |from, until| calendar.events_in(from, until).map(|event| event.from_ms).collect::<Vec<_>>();
    assert_eq!(found(0, 100), Vec::<i64>::new());
    assert_eq!(found(0, 151), [100, 150]);
    assert_eq!(found(200, 600), [150, 500]);
    assert_eq!(found(1000, 2000), Vec::<i64>::new());
}

#[test]
fn what_cannot_be_is_refused_with_what_to_do() {
    let mut calendar = Calendar::new();
    let event = |until_ms, effect, confidence| Event { from_ms: 100, until_ms, effect, confidence };
    let mut refused = |event: Event| calendar.event(event).unwrap_err().to_string();
    assert!(refused(event(100, Effect::Factor(2.0), 0.5)).contains("its end must be after its beginning"));
    assert!(refused(event(200, Effect::Factor(f64::NAN), 0.5)).contains("factor of NaN does not fit"));
    assert!(refused(event(200, Effect::Factor(1e9), 0.5)).contains("factors are 0 to 1000"));
    assert!(refused(event(200, Effect::Added(-1.0), 0.5)).contains("added load of -1"));
    assert!(refused(event(200, Effect::Factor(2.0), 0.0)).contains("confidence of 0"));
    assert!(calendar.offset(0, 2 * DAY_MS).unwrap_err().to_string().contains("more than a day from UTC"));
    for day in 0..i64::try_from(ENTRIES_MAX).unwrap() {
        calendar.day(day, Day::Holiday).unwrap();
    }
    calendar.day(0, Day::Holiday).unwrap();
    assert_eq!(calendar.day(-1, Day::Holiday), Err(CalendarError::Full));
    calendar.forget(10 * DAY_MS);
    calendar.day(-1, Day::Holiday).unwrap();
}

#[test]
fn what_is_over_is_forgotten_and_the_clock_stays() {
    let mut calendar = berlin();
    calendar.forget(CHANGE + 10 * DAY_MS);
    assert_eq!(calendar.offset_at(CHANGE + 10 * DAY_MS), 2 * HOUR);
    assert!(!calendar.changes_clocks());
}

proptest! {
    #[test]
    fn no_instant_is_too_far(at: i64, from: i64, offset in -86_400_000_i64..=86_400_000) {
        let mut calendar = Calendar::new();
        calendar.offset(from, offset).unwrap();
        calendar.day(3, Day::Holiday).unwrap();
        prop_assert_eq!(calendar.offset_at(at), offset);
        let _ = (calendar.like(at), calendar.declared(at), calendar.events_in(at, from).count());
        calendar.forget(at);
    }
}
