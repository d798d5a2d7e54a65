//! One series, said once: what to keep of values that came twice.

use std::collections::HashMap;

use tenantry_engine::ports::metrics::{Labels, Sample, Series};

/// Keeps the newest sample of each series, in the order of first appearance, and says how many were dropped. Of two as
/// old as each other a number wins over none, then the earlier one.
pub(crate) fn newest(samples: &mut Vec<Sample>) -> usize {
    let before = samples.len();
    let mut best: HashMap<&Labels, usize> = HashMap::with_capacity(before);
    let mut keep: Vec<bool> = vec![true; before];
    for (at, sample) in samples.iter().enumerate() {
        let Some(held) = best.get(&sample.labels).copied() else {
            best.insert(&sample.labels, at);
            continue;
        };
        let better = samples.get(held).is_some_and(|held| {
            sample.at > held.at || (sample.at == held.at && !held.value.is_finite() && sample.value.is_finite())
        });
        let loser = if better { held } else { at };
        if better {
            best.insert(&sample.labels, at);
        }
        if let Some(flag) = keep.get_mut(loser) {
            *flag = false;
        }
    }
    if best.len() < before {
        let mut keep = keep.into_iter();
        samples.retain(|_| keep.next().unwrap_or(true));
    }
    before - samples.len()
}

/// Joins pieces of the same series, oldest value first, one for each instant, in the order of labels; and says how many
/// values were dropped. Of two values of an instant a number wins over none, then the earlier piece.
pub(crate) fn series(mut pieces: Vec<Series>) -> (Vec<Series>, usize) {
    pieces.sort_by(|a, b| a.labels.cmp(&b.labels));
    let mut joined: Vec<Series> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match joined.last_mut() {
            Some(last) if last.labels == piece.labels => last.points.extend(piece.points),
            _ => joined.push(piece),
        }
    }
    let mut dropped = 0;
    for series in &mut joined {
        let before = series.points.len();
        series.points.sort_by_key(|(at, value)| (*at, !value.is_finite()));
        series.points.dedup_by_key(|(at, _)| *at);
        dropped += before - series.points.len();
    }
    (joined, dropped)
}

#[cfg(test)]
mod tests;
