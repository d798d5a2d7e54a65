//! How long an update and a new forecast take, and what the state takes: `cargo run --release -p tenantry-forecast --example speed`
//!
//! A series has samples five minutes apart, a day and a week as seasons, and is forecast at three distances: five minutes, a
//! quarter of an hour, an hour. Twelve distances at five quantiles are read after each sample.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a program at the edge: it makes its own input, times itself and prints"
)]

use std::hint::black_box;
use std::time::Instant;

use tenantry_forecast::{Forecaster, Sample, Settings, Stretch, observe_all};

const STEP_MS: i64 = 300_000;
const WARM: i64 = 9 * 288;
const LEVELS: [f64; 5] = [0.1, 0.5, 0.9, 0.95, 0.99];

/// A day's curve with noise, which is the same in each run.
fn value(series: usize, step: i64) -> f64 {
    let series = i64::try_from(series).unwrap();
    let noise = (step.wrapping_mul(7919).wrapping_add(series * 104_729)).rem_euclid(97) as f64 / 97.0;
    let phase = (step as f64 / 288.0 + series as f64 * 0.013) * std::f64::consts::TAU;
    200.0 * (1.0 + 0.5 * phase.sin() + 0.1 * noise)
}

fn warm() -> Forecaster {
    let stretches = [Stretch::at(1), Stretch::at(3), Stretch::at(12)];
    let mut forecaster = Forecaster::new(Settings::new(STEP_MS, None).unwrap(), &stretches);
    for step in 0..WARM {
        forecaster.observe(step * STEP_MS, value(0, step), step * STEP_MS);
    }
    forecaster
}

/// Gives all series of a shard their next samples, and reads their forecasts.
fn round(shard: &mut [Forecaster], samples: &mut [Sample], step: i64) -> f64 {
    for sample in samples.iter_mut() {
        (sample.at_ms, sample.value) = (step * STEP_MS, value(sample.series, step));
    }
    black_box(observe_all(shard, samples, step * STEP_MS));
    let distances: [u32; 12] = std::array::from_fn(|place| u32::try_from(place).unwrap() + 1);
    let mut out = [[0.0; 5]; 12];
    let mut sum = 0.0;
    for forecaster in shard {
        forecaster.ahead_all(&distances, LEVELS, &mut out);
        sum += out[11][4];
    }
    sum
}

fn main() {
    let forecaster = warm();
    println!(
        "state of a series          {:8} bytes in memory, {} stored",
        forecaster.footprint(),
        forecaster.to_bytes().len()
    );

    for (series, threads) in [(1_000, 1), (100_000, 2)] {
        let mut shard = vec![forecaster.clone(); series];
        let part = series.div_ceil(threads);
        let mut samples: Vec<Vec<Sample>> = shard
            .chunks(part)
            .map(|part| (0..part.len()).map(|series| Sample { series, at_ms: 0, value: 0.0 }).collect())
            .collect();
        let mut best = f64::MAX;
        for step in WARM..WARM + 12 {
            let started = Instant::now();
            std::thread::scope(|scope| {
                for (shard, samples) in shard.chunks_mut(part).zip(&mut samples) {
                    scope.spawn(move || black_box(round(shard, samples, step)));
                }
            });
            best = best.min(started.elapsed().as_secs_f64());
        }
        println!(
            "{series:7} series, {threads} thread(s)  {:8.2} us a series, {:.3} s for all (best of 12 rounds)",
            best * 1e6 * threads as f64 / series as f64,
            best
        );
    }
}
