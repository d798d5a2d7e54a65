use tenantry_domain::almanac::Effect as Does;
use tenantry_domain::almanac::LEAD_DEFAULT;
use tenantry_domain::unit::{Milli, PerMille};
use tenantry_forecast::Settings;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const HOUR: Span = Span::from_secs(3_600);
const PERIOD: Span = Span::from_secs(15);

fn event(name: &str, from: Timestamp, until: Timestamp, effect: Does) -> Event {
    Event { name: name.into(), from, until, lead: LEAD_DEFAULT, effect, confidence: PerMille(1000) }
}

fn requests() -> SignalName {
    SignalName::new("requests").unwrap()
}

/// A forecaster that has seen a steady load of 100 for two days.
fn model() -> Forecaster {
    let mut model = Forecaster::new(Settings::new(60_000, None).unwrap(), &[]);
    for minute in (0..2 * 1440).rev() {
        let at = (NOW - Span::from_secs(60 * minute)).as_millis();
        model.observe(at, 100.0, at);
    }
    model
}

/// What is announced of `events` for capacity that serves from `from` for two minutes.
fn announced_at(events: Vec<Event>, from: Timestamp) -> Vec<(String, f64)> {
    let almanac = Almanac { events, ..Almanac::default() };
    let ahead = Ahead::of(&model(), &almanac, &requests(), NOW);
    let found = ahead.announced((&almanac, &requests()), [from, from + Span::from_secs(120)], NOW);
    found.into_iter().map(|one| (one.event, one.maximum.last().unwrap().value.as_f64())).collect()
}

#[test]
fn an_event_speaks_from_its_lead_until_it_is_over_or_a_day_old() {
    let from = NOW + HOUR;
    let launch = |until| vec![event("launch", from, until, Does::Factor(Milli::units(4)))];
    let speaks = |until: Timestamp, at: Timestamp| !announced_at(launch(until), at).is_empty();
    let until = from + HOUR;
    assert!(!speaks(until, from - Span::from_secs(600)));
    assert!(speaks(until, from - Span::from_secs(240)));
    assert!(speaks(until, until - Span::from_secs(1)) && !speaks(until, until));
    // A campaign of a week has been seen after a day, and is no surprise any more.
    let week = from + Span::from_secs(7 * 86_400);
    assert!(speaks(week, from + Span::from_secs(80_000)) && !speaks(week, from + DAY));
}

#[test]
fn each_event_is_told_by_itself_and_bears_on_its_own_signals() {
    let (from, until) = (NOW + HOUR, NOW + HOUR + HOUR);
    let events = vec![
        event("double", from, until, Does::Factor(Milli::units(2))),
        event("mails", from, until, Does::Added(vec![(requests(), Milli::units(900))])),
        event("other", from, until, Does::Added(vec![(SignalName::new("jobs").unwrap(), Milli::units(900))])),
    ];
    let told = announced_at(events, from);
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["double", "mails"]);
    assert!((200.0..260.0).contains(&told[0].1) && (1000.0..1060.0).contains(&told[1].1), "{told:?}");
}

#[test]
fn an_outlook_is_kept_only_while_an_event_is_near_and_survives_as_bytes() {
    let from = NOW + DAY + HOUR;
    let almanac =
        Almanac { events: vec![event("a", from, from + HOUR, Does::Factor(Milli::units(2)))], ..Almanac::default() };
    assert!(!is_near(&almanac, NOW) && is_near(&almanac, NOW + HOUR) && is_near(&almanac, from));
    assert!(!is_near(&almanac, from + HOUR));
    let ahead = Ahead::of(&model(), &almanac, &requests(), NOW + HOUR);
    let mut again = Ahead::from_bytes(&ahead.to_bytes()).unwrap();
    assert_eq!(again.outlook, ahead.outlook);
    again.learn((&almanac, &requests()), Some((NOW + HOUR, 100.0)), NOW + HOUR);
    assert!(again.fits(&model()) && again.calendar.is_some());
}

#[test]
fn workloads_have_their_turns_by_name_and_every_one_has_one() {
    let key = |name: &str| WorkloadKey { tenant: "acme".parse().unwrap(), workload: name.parse().unwrap() };
    let turns = |name: &str| {
        let cycle = |cycle: u64| NOW + Span::from_secs(15 * cycle);
        (0..8).filter(|one| is_its_turn(&key(name), cycle(*one), PERIOD)).collect::<Vec<_>>()
    };
    let all: std::collections::BTreeSet<u64> = ["a", "b", "c", "d"].into_iter().flat_map(turns).collect();
    assert!(turns("a").len() == 1 && all.len() > 1, "{all:?}");
}
