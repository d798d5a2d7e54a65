use proptest::prelude::*;

use super::*;

const SETTINGS: Settings = Settings { period: Span::from_secs(10), lease_term: Span::from_secs(15) };

fn at(secs: i64) -> Timestamp {
    Timestamp::from_millis(secs * 1000)
}

fn generation(epoch: u64, cycle: u64) -> Generation {
    Generation { epoch, cycle }
}

fn lease(secs: i64, held: Held) -> Event {
    Event::Lease { asked: at(secs), held }
}

#[test]
fn a_cycle_leases_observes_records_applies_settles_and_sleeps() {
    let mut cycle = Cycle::new(SETTINGS);
    let first = generation(4, 1);
    let steps = [
        (0, Event::Woke, Step::HoldLease),
        (0, lease(0, Held::Yes(4)), Step::Observe { generation: first, first: true }),
        (1, Event::Planned { records: true }, Step::Record(first)),
        (2, Event::Recorded { changes: true }, Step::Apply { generation: first, deadline: at(15) }),
        (3, Event::Applied, Step::Settle(first)),
        (4, Event::Settled, Step::Sleep { until: at(10), leading: true }),
        (10, Event::Woke, Step::HoldLease),
        (10, lease(10, Held::Yes(4)), Step::Observe { generation: generation(4, 2), first: false }),
        (11, Event::Planned { records: false }, Step::Sleep { until: at(20), leading: true }),
        (20, Event::Stopping, Step::Release),
        (20, Event::Settled, Step::End),
    ];
    for (secs, event, step) in steps {
        assert_eq!(cycle.next(at(secs), event), step, "at {secs} s after {event:?}");
    }
}

#[test]
fn without_the_lease_it_stands_by_and_a_new_epoch_counts_anew() {
    let mut cycle = Cycle::new(SETTINGS);
    cycle.next(at(0), Event::Woke);
    assert_eq!(cycle.next(at(0), lease(0, Held::No)), Step::Sleep { until: at(10), leading: false });
    cycle.next(at(10), Event::Woke);
    let step = cycle.next(at(10), lease(10, Held::Yes(9)));
    assert_eq!(step, Step::Observe { generation: generation(9, 1), first: true });
}

#[test]
fn an_unknown_lease_holds_until_its_term_ends() {
    let mut cycle = Cycle::new(SETTINGS);
    cycle.next(at(0), Event::Woke);
    cycle.next(at(0), lease(0, Held::Yes(1)));
    cycle.next(at(1), Event::Planned { records: false });
    cycle.next(at(10), Event::Woke);
    assert!(matches!(cycle.next(at(11), lease(10, Held::Unknown)), Step::Observe { .. }));
    cycle.next(at(12), Event::Planned { records: true });
    // Recorded in time for the record, too late for the lease.
    assert!(matches!(cycle.next(at(15), Event::Recorded { changes: true }), Step::Settle(_)));
}

#[test]
fn what_could_not_be_recorded_is_not_applied() {
    let mut cycle = Cycle::new(SETTINGS);
    cycle.next(at(0), Event::Woke);
    cycle.next(at(0), lease(0, Held::Yes(1)));
    cycle.next(at(0), Event::Planned { records: true });
    assert!(matches!(cycle.next(at(0), Event::RecordFailed), Step::Sleep { .. }));
}

fn event() -> impl Strategy<Value = Event> {
    let held = prop_oneof![(1_u64..4).prop_map(Held::Yes), Just(Held::No), Just(Held::Unknown)];
    prop_oneof![
        4 => Just(Event::Woke),
        4 => (0_i64..3, held).prop_map(|(secs, held)| lease(secs, held)),
        4 => any::<bool>().prop_map(|records| Event::Planned { records }),
        4 => any::<bool>().prop_map(|changes| Event::Recorded { changes }),
        1 => Just(Event::RecordFailed),
        3 => Just(Event::Applied),
        3 => Just(Event::Settled),
        1 => Just(Event::Stopping),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever comes in whatever order, nothing is written that was not recorded under a lease that still holds.
    #[test]
    fn no_order_of_events_leads_to_a_write_without_record_and_lease(
        events in prop::collection::vec((0_i64..8, event()), 1..60),
    ) {
        let mut cycle = Cycle::new(SETTINGS);
        let (mut now, mut before, mut last) = (0_i64, None, Generation::default());
        let mut held: Option<(u64, Timestamp)> = None;
        for (passed, event) in events {
            now += passed;
            let event = match event {
                Event::Lease { asked, held } => lease(now - asked.as_millis() / 1000, held),
                other => other,
            };
            if let (Some(Step::HoldLease), Event::Lease { asked, held: answer }) = (before, event) {
                match answer {
                    Held::Yes(epoch) => held = Some((epoch, asked + SETTINGS.lease_term)),
                    Held::No => held = None,
                    Held::Unknown => {}
                }
            }
            let step = cycle.next(at(now), event);
            if let Step::Apply { generation, deadline } = step {
                prop_assert_eq!(before, Some(Step::Record(generation)));
                prop_assert_eq!(event, Event::Recorded { changes: true });
                let (epoch, until) = held.unwrap();
                prop_assert_eq!((generation.epoch, deadline), (epoch, until));
                prop_assert!(at(now) < deadline);
            }
            if let Step::Observe { generation, .. } = step {
                prop_assert!(generation != last);
                prop_assert!(generation.epoch != last.epoch || generation.cycle > last.cycle);
                last = generation;
            }
            before = Some(step);
        }
    }
}
