//! A period that nobody declared, such as that of a job every seven hours, found and dropped by evidence.
//!
//! The autocorrelation of the remembered week proposes; what folding the week at a period explains of its variance, each
//! value being left out of its own mean, decides. A period must explain more than the season does, and is looked for anew
//! each season: one that no longer does is gone.

/// The shortest, in slots; shorter ones are noise between neighbours.
const SHORTEST: usize = 3;
/// Peaks of the autocorrelation that are folded.
const CANDIDATES: usize = 6;
/// A peak is almost as high as the highest from this share of it on.
const HIGH: f64 = 0.7;
/// A period explains at least this share of the variance, and so much more than the season.
const EXPLAINED_MIN: f64 = 0.15;
const MORE_THAN_SEASON: f64 = 0.05;
/// Of periods that explain at least this share of what the best does, the shortest is it: the others are multiples, which
/// may explain a little of a day besides.
const ALIKE: f64 = 0.85;
/// Whole periods that must be remembered.
const SEEN_MIN: usize = 3;

/// The period of `values`, oldest first and not a number where unknown, that explains more than `season` does.
pub(super) fn find(values: &[f64], season: usize) -> Option<usize> {
    let known: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    if 4 * known.len() < 3 * values.len() || known.len() < SEEN_MIN * SHORTEST {
        return None;
    }
    let count = known.len() as f64;
    let mean = known.iter().sum::<f64>() / count;
    // What is not known is no deviation.
    let parts: Vec<f64> = values.iter().map(|value| if value.is_nan() { 0.0 } else { value - mean }).collect();
    let variance: f64 = parts.iter().map(|part| part * part).sum();
    if variance <= 1e-9 * mean * mean * count {
        return None;
    }
    let found: Vec<(usize, f64)> =
        candidates(&parts).into_iter().map(|period| (period, explained(&parts, variance, period))).collect();
    let most = found.iter().map(|(_, share)| *share).fold(0.0, f64::max);
    // Multiples of a period explain as much as it does.
    let (period, share) =
        found.into_iter().filter(|(_, share)| *share >= ALIKE * most).min_by_key(|(period, _)| *period)?;
    let least = (explained(&parts, variance, season) + MORE_THAN_SEASON).max(EXPLAINED_MIN);
    (share > least).then_some(period)
}

/// The highest peaks of the autocorrelation, and the shortest of those that are almost as high, of which the others may be
/// multiples.
fn candidates(parts: &[f64]) -> Vec<usize> {
    let longest = parts.len() / SEEN_MIN;
    let at = |lag: usize| {
        let products = parts.iter().zip(parts.iter().skip(lag)).map(|(a, b)| a * b);
        products.sum::<f64>() / (parts.len() - lag) as f64
    };
    let mut peaks: Vec<(usize, f64)> = Vec::new();
    let (mut before, mut here) = (at(SHORTEST - 1), at(SHORTEST));
    for lag in SHORTEST..longest {
        let after = at(lag + 1);
        if here > 0.0 && here >= before && here > after {
            peaks.push((lag, here));
        }
        (before, here) = (here, after);
    }
    let highest = peaks.iter().map(|(_, height)| *height).fold(0.0, f64::max);
    let shortest = peaks.iter().filter(|(_, height)| *height >= HIGH * highest).take(CANDIDATES).map(|(lag, _)| *lag);
    let mut found: Vec<usize> = shortest.collect();
    peaks.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.extend(peaks.into_iter().take(CANDIDATES).map(|(lag, _)| lag));
    found
}

/// The share of the variance that the mean of the other values at the same place of a period explains.
fn explained(parts: &[f64], variance: f64, period: usize) -> f64 {
    if period == 0 || period * 2 > parts.len() {
        return 0.0;
    }
    let mut sums = vec![(0.0, 0.0); period];
    for (place, part) in parts.iter().enumerate() {
        if let Some((sum, count)) = sums.get_mut(place % period) {
            *sum += part;
            *count += 1.0;
        }
    }
    let left: f64 = parts
        .iter()
        .zip(sums.iter().cycle())
        .map(|(part, (sum, count))| {
            let others = if *count > 1.0 { (sum - part) / (count - 1.0) } else { 0.0 };
            (part - others) * (part - others)
        })
        .sum();
    1.0 - left / variance
}

#[cfg(test)]
mod tests;
