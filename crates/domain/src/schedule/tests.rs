use super::*;

fn at(text: &str) -> Timestamp {
    text.parse::<jiff::Timestamp>().unwrap().into()
}

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

fn check(window: &Window, cases: &[(&str, bool)]) {
    for (instant, expected) in cases {
        assert_eq!(window.holds(at(instant)), *expected, "{instant}");
    }
}

#[test]
fn office_hours_follow_the_zone_through_summer_time() {
    let days = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
    let window = Window::daily("Europe/Paris", time("08:00"), time("18:00"), &days, vec![], vec![]).unwrap();
    check(
        &window,
        &[
            ("2026-01-15T07:00:00Z", true),  // 08:00 in winter
            ("2026-01-15T06:59:59Z", false), // a second before
            ("2026-07-15T06:00:00Z", true),  // 08:00 in summer
            ("2026-07-15T16:00:00Z", false), // 18:00 is outside
            ("2026-01-17T10:00:00Z", false), // Saturday
        ],
    );
}

#[test]
fn a_night_belongs_to_the_day_it_begins_on() {
    let window = Window::daily("UTC", time("22:00"), time("06:00"), &[Weekday::Friday], vec![], vec![]).unwrap();
    check(
        &window,
        &[
            ("2026-01-16T23:00:00Z", true),  // Friday night
            ("2026-01-17T05:59:00Z", true),  // still Friday's
            ("2026-01-17T23:00:00Z", false), // Saturday night
            ("2026-01-16T05:00:00Z", false), // Thursday's night
        ],
    );
}

#[test]
fn dates_narrow_a_window() {
    let christmas: Date = "2026-12-25".parse().unwrap();
    let only = Window::daily("UTC", time("00:00"), time("23:59"), &[], vec![christmas], vec![]).unwrap();
    check(&only, &[("2026-12-25T12:00:00Z", true), ("2026-12-26T12:00:00Z", false)]);
    let except = Window::daily("UTC", time("00:00"), time("23:59"), &[], vec![], vec![christmas]).unwrap();
    check(&except, &[("2026-12-25T12:00:00Z", false), ("2026-12-26T12:00:00Z", true)]);
}

#[test]
fn a_window_that_cannot_be_is_refused() {
    let zone = Window::daily("Mars/Olympus", time("00:00"), time("01:00"), &[], vec![], vec![]);
    assert!(zone.unwrap_err().to_string().contains("`Mars/Olympus` is no time zone"));
    assert!(Window::once(at("2026-01-02T00:00:00Z"), at("2026-01-01T00:00:00Z")).is_err());
}
