use proptest::prelude::*;

use super::*;
use crate::calendar::{Day, Effect, Weekday};
use crate::chance::Noise;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// Long slots, so that weeks are lived through fast.
const SLOT: i64 = 30 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// A Monday, at midnight UTC.
const MONDAY: i64 = 1_760_313_600_000;
const LEVELS: [f64; 7] = [0.01, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999];

fn outlook() -> Outlook {
    Outlook::new(Settings::new(SLOT, None).unwrap())
}

/// Feeds a value for each slot from [`MONDAY`] on, and gives the instant after the last.
fn live(outlook: &mut Outlook, slots: i64, calendar: &Calendar, mut value: impl FnMut(i64) -> f64) -> i64 {
    let first = outlook.series.closed().map_or(0, |closed| closed + 1 - MONDAY / SLOT);
    for slot in first..first + slots {
        let at = MONDAY + slot * SLOT;
        outlook.observe(at, value(slot).max(0.0), at, calendar);
        outlook.advance(at + SLOT, calendar);
    }
    MONDAY + (first + slots) * SLOT
}

/// A wave of the day.
fn wave(slot: i64) -> f64 {
    100.0 + 60.0 * libm::sin(slot as f64 / 48.0 * std::f64::consts::TAU)
}

fn within(value: f64, expected: f64, share: f64) {
    assert!((value - expected).abs() <= share * expected, "{value} is not {expected}");
}

#[test]
fn a_wave_is_known_for_a_week_and_its_quantiles_hold() {
    let (mut outlook, calendar, mut chance) = (outlook(), Calendar::new(), Noise(7));
    let mut noisy = |slot: i64| wave(slot) * (1.0 + 0.1 * chance.bell());
    live(&mut outlook, 14 * 48, &calendar, &mut noisy);
    for ahead in [2, 12, 48, 336] {
        let (mut hits, mut count, mut said) = ([0.0; LEVELS.len()], 0.0, Vec::new());
        for slot in 0..(4 * 48 + ahead) {
            let now = live(&mut outlook, 1, &calendar, &mut noisy);
            if slot < 4 * 48 {
                said.push(outlook.at(now + (ahead - 1) * SLOT, &calendar).unwrap().quantiles(LEVELS));
            }
            let came = outlook.history.get(now / SLOT - 1).unwrap();
            if let Some(said) = usize::try_from(slot - ahead).ok().and_then(|slot| said.get(slot)) {
                count += 1.0;
                hits.iter_mut().zip(said).for_each(|(hits, said)| *hits += if came <= *said { 1.0 } else { 0.0 });
            }
        }
        for (hits, level) in hits.iter().zip(LEVELS).skip(1) {
            assert!((hits / count - level).abs() < 0.08, "{ahead} ahead, {level}: {}", hits / count);
        }
    }
    let now = live(&mut outlook, 1, &calendar, &mut noisy);
    let expected = outlook.at(now + DAY, &calendar).unwrap();
    let score = expected.score().unwrap();
    assert_eq!(expected.trust(), Trust::Earned, "{score:?}");
    assert!(score.loss < score.last_loss && score.loss < score.season_loss.unwrap(), "{score:?}");
}

#[test]
fn the_largest_of_a_window_is_calibrated_as_such() {
    let (mut outlook, calendar, mut chance) = (outlook(), Calendar::new(), Noise(11));
    let mut noisy = |slot: i64| wave(slot) * (1.0 + 0.1 * chance.bell());
    live(&mut outlook, 12 * 48, &calendar, &mut noisy);
    let (length, mut hits, mut said, mut values) = (48, [0.0_f64; 3], Vec::new(), Vec::new());
    for _ in 0..8 * 48 {
        let now = live(&mut outlook, 1, &calendar, &mut noisy);
        values.push(outlook.history.get(now / SLOT - 1).unwrap());
        said.push(outlook.most(now + (length - 1) * SLOT, &calendar).unwrap().quantiles([0.5, 0.9, 0.99]));
    }
    let mut count = 0.0_f64;
    for (window, said) in values[1..].windows(usize::try_from(length).unwrap()).zip(&said) {
        let most = window.iter().copied().fold(0.0, f64::max);
        count += 1.0;
        hits.iter_mut().zip(said).for_each(|(hits, said)| *hits += if most <= *said { 1.0 } else { 0.0 });
    }
    for (hits, level) in hits.iter().zip([0.5, 0.9, 0.99]) {
        assert!((hits / count - level).abs() < 0.2, "{level}: {}", hits / count);
    }
    // A day's largest is above the largest of its medians: it is no quantile of any slot.
    let now = live(&mut outlook, 1, &calendar, &mut noisy);
    let most = outlook.most(now + DAY, &calendar).unwrap().quantile(0.5);
    assert!(most > 170.0, "{most}");
}

#[test]
fn a_longer_window_is_never_smaller_from_one_learned_length_to_the_next() {
    let (mut outlook, calendar, mut chance) = (outlook(), Calendar::new(), Noise(3));
    let now = live(&mut outlook, 9 * 48, &calendar, |slot| wave(slot) * (1.0 + 0.2 * chance.bell()));
    let mut before = [0.0; LEVELS.len()];
    for hours in DISTANCES {
        let quantiles = outlook.most(now + hours * HOUR - SLOT, &calendar).unwrap().quantiles(LEVELS);
        assert!(quantiles.iter().zip(before).all(|(now, before)| *now >= before), "{hours} h: {quantiles:?}");
        before = quantiles;
    }
}

#[test]
fn a_job_each_seven_hours_is_found_used_and_dropped() {
    let (mut outlook, calendar, mut chance) = (outlook(), Calendar::new(), Noise(5));
    let job = |slot: i64| if slot.rem_euclid(14) < 2 { 200.0 } else { 20.0 };
    let now = live(&mut outlook, 12 * 48, &calendar, |slot| job(slot) + chance.bell());
    assert_eq!(outlook.period_ms(), Some(7 * HOUR));
    let first = now / SLOT - MONDAY / SLOT;
    for slot in first + 48..first + 2 * 48 {
        let middle = outlook.at(MONDAY + slot * SLOT, &calendar).unwrap().quantile(0.5);
        within(middle, job(slot), 0.25);
    }
    live(&mut outlook, 9 * 48, &calendar, |_| 50.0 + chance.bell());
    assert_eq!(outlook.period_ms(), None);
}

#[test]
fn a_holiday_is_like_a_sunday_once_it_is_declared() {
    let week = |slot: i64| if slot.div_euclid(48).rem_euclid(7) == 6 { 20.0 } else { wave(slot) };
    let mut calendar = Calendar::new();
    let (mut outlook, mut chance) = (outlook(), Noise(2));
    let now = live(&mut outlook, 15 * 48, &calendar, |slot| week(slot) + chance.bell());
    let noon = now + 12 * HOUR + DAY;
    let plain = outlook.at(noon, &calendar).unwrap().quantile(0.5);
    calendar.day(noon.div_euclid(DAY), Day::Like(Weekday::Sunday)).unwrap();
    within(outlook.at(noon, &calendar).unwrap().quantile(0.5), 20.0, 0.3);
    assert!(plain > 60.0, "{plain}");
    // Holidays of which none is remembered are like Sundays too.
    calendar.day(noon.div_euclid(DAY), Day::Holiday).unwrap();
    within(outlook.at(noon, &calendar).unwrap().quantile(0.5), 20.0, 0.3);
}

#[test]
fn a_calendar_that_is_wrong_loses_its_say() {
    let week = |slot: i64| if slot.div_euclid(48).rem_euclid(7) == 6 { 20.0 } else { wave(slot) };
    let mut calendar = Calendar::new();
    let mut outlook = outlook();
    // Each Wednesday is declared to be like a Sunday, and is like any other day.
    for week in 0..5 {
        calendar.day(MONDAY.div_euclid(DAY) + 7 * week + 2, Day::Like(Weekday::Sunday)).unwrap();
    }
    let now = live(&mut outlook, 4 * 7 * 48, &calendar, week);
    let noon = now + 2 * DAY + 12 * HOUR;
    within(outlook.at(noon, &calendar).unwrap().quantile(0.5), week((noon - MONDAY) / SLOT), 0.2);
}

#[test]
fn summer_time_moves_the_day_with_the_clock() {
    let mut calendar = Calendar::new();
    let change = MONDAY + 10 * DAY;
    calendar.offset(0, HOUR).unwrap();
    calendar.offset(change, 2 * HOUR).unwrap();
    // Load of people who go by the clock: a peak at six in the evening.
    let load = |slot: i64| {
        let at = MONDAY + slot * SLOT;
        let local = (at + calendar.offset_at(at)).rem_euclid(DAY) / HOUR;
        if (17..20).contains(&local) { 300.0 } else { 50.0 }
    };
    let mut outlook = outlook();
    let now = live(&mut outlook, 10 * 48, &calendar, load);
    let peak = now + 15 * HOUR + SLOT;
    assert_eq!(load((peak - MONDAY) / SLOT), 300.0);
    within(outlook.at(peak, &calendar).unwrap().quantile(0.5), 300.0, 0.2);
    let blind = outlook.at(peak, &Calendar::new()).unwrap().quantile(0.5);
    assert!(blind < 150.0, "{blind}");
}

#[test]
fn a_declared_event_is_a_floor_of_the_quantiles_that_its_confidence_reaches() {
    let (mut outlook, mut calendar, mut chance) = (outlook(), Calendar::new(), Noise(4));
    let now = live(&mut outlook, 9 * 48, &calendar, |slot| wave(slot) * (1.0 + 0.05 * chance.bell()));
    let at = now + DAY + 2 * HOUR;
    let plain = outlook.at(at, &calendar).unwrap().quantiles(LEVELS);
    let window = outlook.most(at, &calendar).unwrap().quantiles(LEVELS);
    let event = Event { from_ms: at - HOUR, until_ms: at + HOUR, effect: Effect::Factor(5.0), confidence: 0.3 };
    calendar.event(event).unwrap();
    let declared = outlook.at(at, &calendar).unwrap().quantiles(LEVELS);
    let [_, _, middle, high, ..] = declared;
    assert_eq!(middle, plain[2]);
    assert!(high > 4.0 * plain[2], "{declared:?}");
    assert!(declared.is_sorted());
    let held = outlook.most(at, &calendar).unwrap().quantiles(LEVELS);
    assert!(held[3] > 2.0 * window[3] && held[2] == window[2], "{held:?} {window:?}");
    // Before it nothing changes, and after it neither.
    assert_eq!(
        outlook.at(at - 2 * HOUR, &calendar).unwrap().quantile(0.99),
        outlook.at(at - 2 * HOUR, &Calendar::new()).unwrap().quantile(0.99)
    );
    assert!(outlook.at(at + 2 * HOUR, &calendar).unwrap().quantile(0.99) < 3.0 * plain[2]);
}

#[test]
fn what_an_event_brings_is_neither_multiplied_again_nor_taken_for_a_plain_day() {
    let (mut outlook, mut calendar, mut chance) = (outlook(), Calendar::new(), Noise(4));
    let mut plain = |slot: i64| wave(slot) * (1.0 + 0.05 * chance.bell());
    let now = live(&mut outlook, 9 * 48, &calendar, &mut plain);
    let (from_ms, until_ms) = (now + 2 * HOUR, now + 8 * HOUR);
    calendar.event(Event { from_ms, until_ms, effect: Effect::Factor(5.0), confidence: 1.0 }).unwrap();
    let within_it = |at: i64| (from_ms..until_ms).contains(&at);
    let load = |slot: i64, plain: f64| if within_it(MONDAY + slot * SLOT) { 5.0 * plain } else { plain };
    for _ in 0..16 {
        let now = live(&mut outlook, 1, &calendar, |slot| load(slot, plain(slot)));
        let slot = (now - MONDAY) / SLOT;
        let high = outlook.at(now, &calendar).unwrap().quantile(0.99);
        let truth = load(slot, wave(slot));
        assert!((truth..1.8 * truth).contains(&high), "{slot}: {high} for {truth}");
    }
    let now = live(&mut outlook, 16, &calendar, &mut plain);
    let tomorrow = from_ms + DAY + 3 * HOUR;
    let high = outlook.at(tomorrow, &calendar).unwrap().quantile(0.99);
    assert!(now < tomorrow && high < 1.6 * wave((tomorrow - MONDAY) / SLOT), "{high}");
}

#[test]
fn an_outlook_of_a_forecaster_knows_its_week() {
    let settings = Settings::new(5 * MINUTE, None).unwrap();
    let (mut forecaster, calendar, mut chance) = (Forecaster::new(settings, &[]), Calendar::new(), Noise(6));
    let wave = |at: i64| 100.0 + 60.0 * libm::sin(at as f64 / DAY as f64 * std::f64::consts::TAU);
    let mut now = MONDAY;
    while now < MONDAY + 10 * DAY {
        forecaster.observe(now, wave(now) * (1.0 + 0.05 * chance.bell()), now);
        now += 5 * MINUTE;
    }
    let outlook = Outlook::of(&forecaster, &calendar);
    for hours in [1, 6, 18, 40] {
        let at = now + hours * HOUR;
        let [low, middle, high] = outlook.at(at, &calendar).unwrap().quantiles([0.05, 0.5, 0.95]);
        within(middle, wave(at), 0.08);
        assert!(low < wave(at) && wave(at) < high && high < 1.5 * wave(at), "{low} {high}");
    }
    // A forecaster that knows nothing makes one that does not either.
    assert!(Outlook::of(&Forecaster::new(settings, &[]), &calendar).at(now, &calendar).is_none());
}

#[test]
fn a_series_that_sleeps_for_days_is_known_to_wake() {
    let (mut outlook, calendar, mut chance) = (outlook(), Calendar::new(), Noise(8));
    // Awake for an hour, at 1000, about once in a day and a half, and else at nothing.
    let mut left = 0;
    live(&mut outlook, 40 * 48, &calendar, |_| {
        left = if left > 0 {
            left - 1
        } else if chance.unit() < 1.0 / 72.0 {
            2
        } else {
            0
        };
        if left > 0 { 1000.0 } else { 0.0 }
    });
    for _ in 0..3 {
        let now = live(&mut outlook, 48, &calendar, |_| 0.0);
        let expected = outlook.at(now + 6 * HOUR, &calendar).unwrap().quantiles([0.5, 0.9, 0.99]);
        assert!(expected[0] < 50.0 && expected[2] > 300.0, "{expected:?}");
        assert!(expected.iter().all(|value| value.is_finite() && *value <= 4000.0));
        let day = outlook.most(now + DAY, &calendar).unwrap().quantile(0.9);
        assert!(day > 500.0, "{day}");
    }
}

#[test]
fn a_series_that_begins_borrows_the_weeks_of_others_with_honest_width() {
    let calendar = Calendar::new();
    let others: Vec<Shape> = (1..4_u32)
        .map(|size| {
            let (mut other, mut chance) = (outlook(), Noise(u64::from(size)));
            live(&mut other, 8 * 48, &calendar, |slot| {
                f64::from(size * size) * wave(slot) * (1.0 + 0.05 * chance.bell())
            });
            other.shape(&calendar).unwrap()
        })
        .collect();
    let shape = Shape::pooled(&others).unwrap();
    let begin = |mut outlook: Outlook| {
        live(&mut outlook, 4, &calendar, |slot| 7.0 * wave(slot));
        outlook
    };
    let settings = outlook().settings;
    let (lent, alone) = (begin(Outlook::borrowing(settings, shape)), begin(outlook()));
    // Two hours old, it is asked for the evening's trough, ten hours and more ahead.
    let trough = MONDAY + 18 * HOUR;
    let truth = 7.0 * wave((trough - MONDAY) / SLOT);
    let off = |outlook: &Outlook| (outlook.at(trough, &calendar).unwrap().quantile(0.5) - truth).abs();
    assert!(off(&lent) < 0.3 * off(&alone), "{} {}", off(&lent), off(&alone));
    let [low, high] = lent.at(trough, &calendar).unwrap().quantiles([0.1, 0.9]);
    assert!(low <= truth && truth <= high, "{low} {truth} {high}");
}

#[test]
fn nothing_is_said_of_a_series_never_seen_of_the_past_or_beyond_a_week() {
    let (mut outlook, calendar) = (outlook(), Calendar::new());
    assert!(outlook.at(0, &calendar).is_none() && outlook.most(0, &calendar).is_none());
    assert!(outlook.shape(&calendar).is_none());
    let now = live(&mut outlook, 3, &calendar, |_| 5.0);
    assert!(outlook.at(now - SLOT, &calendar).is_none());
    assert!(outlook.at(now + 7 * DAY, &calendar).is_some());
    assert!(outlook.at(now + 7 * DAY + SLOT, &calendar).is_none());
    assert!(outlook.at(i64::MAX, &calendar).is_none() && outlook.at(i64::MIN, &calendar).is_none());
    assert!(matches!(outlook.at(now, &calendar).unwrap().trust(), Trust::Young { .. }));
}

#[test]
fn a_state_is_under_ten_kibibytes_and_goes_on_as_if_nothing_happened() {
    let (mut one, calendar, mut chance) =
        (Outlook::new(Settings::new(15_000, None).unwrap()), Calendar::new(), Noise(6));
    let mut now = MONDAY;
    for slot in 0..9 * 288 {
        one.observe(now, wave(slot / 6) * (1.0 + 0.2 * chance.bell()).max(0.0), now, &calendar);
        now += 5 * MINUTE;
    }
    let bytes = one.to_bytes();
    assert!(bytes.len() <= 10 * 1024, "{} bytes stored", bytes.len());
    assert!(one.footprint() <= 10 * 1024, "{} bytes in memory", one.footprint());
    let mut other = Outlook::from_bytes(&bytes).unwrap();
    assert_eq!(one, other);
    for slot in 0..50 {
        now += 5 * MINUTE;
        one.observe(now, wave(slot), now, &calendar);
        other.observe(now, wave(slot), now, &calendar);
    }
    let said = |outlook: &Outlook| outlook.at(now + 2 * DAY, &calendar).unwrap().quantiles(LEVELS);
    assert_eq!(said(&one), said(&other));
    assert_eq!(one.to_bytes(), other.to_bytes());
}

#[test]
fn bytes_that_are_no_state_are_refused() {
    let (mut outlook, calendar) = (outlook(), Calendar::new());
    live(&mut outlook, 200, &calendar, wave);
    let bytes = outlook.to_bytes();
    for cut in (0..bytes.len()).step_by(7) {
        assert!(Outlook::from_bytes(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let mut newer = bytes;
    newer[0] = 200;
    assert!(Outlook::from_bytes(&newer).unwrap_err().to_string().contains("another version"));
}

/// Series that broke forecasters.
fn wild(kind: u8, slot: i64, chance: &mut Noise) -> f64 {
    match kind {
        0 => {
            if chance.unit() < 0.01 {
                1e18
            } else {
                1.0
            }
        }
        1 => {
            if slot.rem_euclid(500) < 250 {
                0.0
            } else {
                1e9
            }
        }
        2 => f64::MIN_POSITIVE * chance.unit(),
        3 => {
            if chance.unit() < 0.2 {
                f64::NAN
            } else {
                chance.unit()
            }
        }
        4 => slot as f64 * 1e6,
        5 => 0.0,
        6 => libm::exp(40.0 * chance.unit()),
        _ => 1e-300 + wave(slot) * if chance.unit() < 0.001 { 1e12 } else { 1.0 },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_series_makes_it_explode(kind in 0_u8..8, seed: u64, gap in 0_i64..3_000, slots in 1_i64..900, step in prop_oneof![Just(SLOT), Just(HOUR), Just(3 * HOUR)]) {
        let (mut outlook, mut calendar, mut chance) = (Outlook::new(Settings::new(step, None).unwrap()), Calendar::new(), Noise(seed));
        calendar.day(MONDAY / DAY + 2, Day::Holiday).unwrap();
        calendar.offset(MONDAY + DAY, HOUR).unwrap();
        let slot_ms = outlook.slot_ms();
        let mut highest = 0.0_f64;
        let mut now = MONDAY;
        for slot in 0..slots {
            let value = wild(kind, slot, &mut chance);
            if outlook.observe(now, value, now, &calendar) == Outcome::Taken {
                highest = highest.max(value);
            }
            now += slot_ms * if slot == slots / 2 { 1 + gap } else { 1 };
            outlook.advance(now, &calendar);
        }
        for hours in [1, 5, 30, 100, 167] {
            let expected = [outlook.at(now + hours * HOUR, &calendar), outlook.most(now + hours * HOUR, &calendar)];
            for expected in expected.into_iter().flatten() {
                let quantiles = expected.quantiles(LEVELS);
                prop_assert!(quantiles.iter().all(|value| value.is_finite() && *value >= 0.0), "{quantiles:?}");
                prop_assert!(quantiles.is_sorted(), "{quantiles:?}");
                prop_assert!(quantiles.iter().all(|value| *value <= 1.001 * BOUND * 1.3 * highest), "{quantiles:?} after {highest}");
            }
        }
        let state = Outlook::from_bytes(&outlook.to_bytes());
        prop_assert!(state.is_ok(), "{:?}", state.err());
        prop_assert_eq!(state.unwrap().to_bytes(), outlook.to_bytes());
    }

    #[test]
    fn damaged_states_never_panic(places in prop::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        let (mut outlook, calendar) = (outlook(), Calendar::new());
        live(&mut outlook, 100, &calendar, wave);
        let mut bytes = outlook.to_bytes();
        for (place, byte) in places {
            let place = 1 + place % (bytes.len() - 1);
            bytes[place] = byte;
        }
        let sane = |outlook: &Outlook| outlook.series.closed().is_none_or(|closed| closed.unsigned_abs() < 1 << 40);
        if let Some(mut outlook) = Outlook::from_bytes(&bytes).ok().filter(sane) {
            let now = live(&mut outlook, 3, &calendar, wave);
            for hours in [1, 40, 160] {
                for expected in [outlook.at(now + hours * HOUR, &calendar), outlook.most(now + hours * HOUR, &calendar)] {
                    let _ = expected.map(|expected| expected.quantiles(LEVELS));
                }
            }
        }
    }
}
