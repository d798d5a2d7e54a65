//! Times an outlook on five-minute slots with a day and a week: `cargo run --release -p tenantry-forecast --example outlook`
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program at the edge: it times itself and prints"
)]

use std::time::Instant;

use tenantry_forecast::{Calendar, Forecaster, Outlook, Settings, SettingsError};

const SLOT_MS: i64 = 300_000;
const DAYS: i64 = 21;

fn main() -> Result<(), SettingsError> {
    let (mut outlook, calendar) = (Outlook::new(Settings::new(15_000, None)?), Calendar::new());
    let mut chance: u32 = 1;
    let mut load = |slot: i64| {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (hour, day) = (slot / 12 % 24, slot / 288 % 7);
        let people = if (8..20).contains(&hour) && day < 5 { 3.0 } else { 1.0 };
        people * (100.0 + f64::from(chance >> 24) / 8.0)
    };
    let clock = Instant::now();
    for slot in 0..DAYS * 288 {
        outlook.observe(slot * SLOT_MS, load(slot), slot * SLOT_MS, &calendar);
    }
    let learning = clock.elapsed().as_secs_f64();
    let now = DAYS * 288 * SLOT_MS;
    outlook.advance(now, &calendar);
    let clock = Instant::now();
    let (mut asked, mut sum) = (0_u32, 0.0);
    for slot in (0..2016).step_by(7) {
        let expected = outlook.at(now + slot * SLOT_MS, &calendar);
        sum += expected.map_or(0.0, |expected| expected.quantile(0.99));
        asked += 1;
    }
    let asking = clock.elapsed().as_secs_f64();
    println!("state {} bytes stored, {} in memory", outlook.to_bytes().len(), outlook.footprint());
    println!("a closed slot {:.1} us", learning * 1e6 / (DAYS * 288) as f64);
    println!(
        "a time ahead {:.1} us (mean of its 99 % quantiles {:.0})",
        asking * 1e6 / f64::from(asked),
        sum / f64::from(asked)
    );
    let mut forecaster = Forecaster::new(Settings::new(15_000, None)?, &[]);
    for slot in 0..DAYS * 288 {
        forecaster.observe(slot * SLOT_MS, load(slot), slot * SLOT_MS);
    }
    let clock = Instant::now();
    let known = Outlook::of(&forecaster, &calendar);
    println!(
        "an outlook of a forecaster's week {:.1} ms ({} bytes)",
        clock.elapsed().as_secs_f64() * 1e3,
        known.footprint()
    );
    Ok(())
}
