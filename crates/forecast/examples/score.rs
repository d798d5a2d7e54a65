//! Scores the forecaster on load traces: `cargo run --release -p tenantry-forecast --example score -- FILE.csv...`
//!
//! Each file has a header and rows of `timestamp,value,...`; the first value column is read. Printed for each: the
//! loss of the forecast relative to repeating the last value and the last season (under 1 is better), how often the
//! truth stayed at or under each quantile, and what an update and a forecast take.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a program at the edge: it reads files, times itself and prints"
)]

use std::process::ExitCode;
use std::time::Instant;

use tenantry_forecast::{Forecaster, LEVELS, Settings};

/// Rows as steps with values; the step's length in milliseconds is guessed from the first two rows by the caller.
fn read(path: &str) -> Option<(i64, Vec<f64>)> {
    let text = std::fs::read_to_string(path).ok()?;
    let mut rows = text.lines().skip(1).filter_map(|line| {
        let mut cells = line.split(',');
        Some((seconds(cells.next()?)?, cells.next()?.parse::<f64>().ok()?))
    });
    let (first, second) = (rows.next()?, rows.next()?);
    let step_ms = (second.0 - first.0) * 1000;
    Some((step_ms, [first, second].into_iter().chain(rows).map(|(_, value)| value).collect()))
}

/// Seconds of the day and day of a time such as `2018-01-03T00:05:00Z`, enough to learn the step.
fn seconds(text: &str) -> Option<i64> {
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    Some(((part(8, 10)? * 24 + part(11, 13)?) * 60 + part(14, 16)?) * 60 + part(17, 19)?)
}

fn main() -> ExitCode {
    let files: Vec<String> = std::env::args().skip(1).collect();
    if files.is_empty() {
        eprintln!("usage: score FILE.csv...");
        return ExitCode::from(2);
    }
    println!("{:<42} {:>7} {:>7} {:>7}  coverage of {LEVELS:?}  trusted", "trace", "steps", "/last", "/season");
    let (mut updates, mut asked, mut learning, mut asking) = (0_u32, 0_u32, 0.0, 0.0);
    for file in &files {
        let Some((step_ms, values)) = read(file) else {
            eprintln!("{file}: not a trace");
            return ExitCode::FAILURE;
        };
        let season = step_ms.saturating_mul(288).max(86_400_000);
        let Ok(settings) = Settings::new(step_ms, Some(season)) else {
            eprintln!("{file}: a step of {step_ms} ms cannot be read");
            return ExitCode::FAILURE;
        };
        let mut forecaster = Forecaster::new(settings, &[settings.stretch(step_ms, step_ms)]);
        let (mut hits, mut compared, mut trusted) = ([0_u32; LEVELS.len()], 0_u32, 0_u32);
        for (index, (value, ahead)) in values.iter().zip(values.iter().skip(2)).enumerate() {
            let at = i64::try_from(index).unwrap_or(0) * step_ms;
            let clock = Instant::now();
            forecaster.observe(at, *value, at);
            forecaster.advance(at + step_ms);
            learning += clock.elapsed().as_secs_f64();
            updates += 1;
            let clock = Instant::now();
            let forecast = std::hint::black_box(forecaster.expect(0, at + step_ms));
            asking += clock.elapsed().as_secs_f64();
            asked += 1;
            let Some(forecast) = forecast else { continue };
            let next = values.get(index + 1).copied().unwrap_or(0.0);
            let truth = next.max(*ahead);
            compared += 1;
            trusted += u32::from(forecast.trust() == tenantry_forecast::Trust::Earned);
            for (hit, level) in hits.iter_mut().zip(LEVELS) {
                *hit += u32::from(truth <= forecast.quantile(level) * (1.0 + 1e-9));
            }
        }
        let end = i64::try_from(values.len()).unwrap_or(0) * step_ms;
        let Some(score) = forecaster.expect(0, end).and_then(|forecast| forecast.score()) else { continue };
        let share = |count: u32| f64::from(count) / f64::from(compared.max(1));
        let coverage: Vec<String> = hits.iter().map(|hit| format!("{:.3}", share(*hit))).collect();
        let name = file.rsplit('/').next().unwrap_or(file);
        println!(
            "{name:<42} {compared:>7} {:>7.3} {:>7.3}  {}  {:.2}",
            score.loss / score.last_loss,
            score.season_loss.map_or(f64::NAN, |season| score.loss / season),
            coverage.join(" "),
            share(trusted)
        );
        if file == files.last().unwrap_or(file) {
            println!("state: {} bytes", forecaster.to_bytes().len());
        }
    }
    println!(
        "update {:.0} ns, forecast {:.0} ns (mean of {updates})",
        learning * 1e9 / f64::from(updates.max(1)),
        asking * 1e9 / f64::from(asked.max(1))
    );
    ExitCode::SUCCESS
}
