//! The size that costs least when a shortage has a price.
//!
//! With `n` replicas, a step costs `n`, and `price` times the load where demand `D` is larger than `n`. So the best `n`
//! minimises `n + price * E[D; D > n] / mean`: the newsvendor's problem with whole replicas, in which a shortage is paid
//! for by the requests that it hits. Where the future is sure, one replica buys much and is bought; where it is wide,
//! each buys little, and the budget for shortages is spent there.

/// The best size from `least` on, where `exceeding[i]` is the probability that demand is over `least + i` replicas.
///
/// `mean` is the mean demand in replicas, by which loads are measured.
pub(crate) fn best(price: f64, mean: f64, least: u32, exceeding: &[f64]) -> u32 {
    let Some(last) = exceeding.last() else { return least };
    let mut size = least + u32::try_from(exceeding.len()).unwrap_or(0) - 1;
    let unit = price / mean;
    // Demand beyond the table is taken for the first size beyond it.
    let mut shortage = last * f64::from(size + 1);
    let mut cheapest = (f64::from(size) + unit * shortage, size);
    for pair in exceeding.windows(2).rev() {
        let [over, over_next] = pair else { break };
        shortage += (over - over_next).max(0.0) * f64::from(size);
        size -= 1;
        let cost = f64::from(size) + unit * shortage;
        if cost <= cheapest.0 {
            cheapest = (cost, size);
        }
    }
    cheapest.1
}
