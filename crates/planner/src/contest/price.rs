//! The size that costs least when a shortage has a price.
//!
//! With `n` replicas, a step costs `n`, and `price` times the load where demand `D` is larger than `n`. So the best `n`
//! minimises `n + price * E[D; D > n] / mean`: the newsvendor's problem with whole replicas, in which a shortage is paid
//! for by the requests that it hits. Where the future is sure, one replica buys much and is bought; where it is wide,
//! each buys little, and the budget for shortages is spent there.

/// A size, and the load that is expected to be hit with it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Shortage {
    size: u32,
    hit: f64,
}

/// The load hit at each size from `least` on in strides, where `exceeding[i]` is the probability that demand is over
/// `least + i * stride`.
pub(super) fn shortages<'a>(least: u32, stride: u32, exceeding: &[f64], into: &'a mut [Shortage]) -> &'a [Shortage] {
    let mut size = least + stride * u32::try_from(exceeding.len()).unwrap_or(0);
    // Demand beyond the table is taken for the first size beyond it.
    let (mut hit, mut over_next) = (0.0, 0.0);
    for (shortage, over) in into.iter_mut().zip(exceeding).rev() {
        hit += (over - over_next).max(0.0) * f64::from(size);
        over_next = *over;
        size -= stride;
        *shortage = Shortage { size, hit };
    }
    into
}

impl Shortage {
    /// The best of the sizes, where hit load has this price.
    pub(super) fn best(sizes: &[Self], price: f64) -> Option<u32> {
        let worth = |one: &Self| f64::from(one.size) + price * one.hit;
        let mut sizes = sizes.iter();
        let first = sizes.next()?;
        let (mut best, mut least) = (first.size, worth(first));
        for one in sizes {
            let worth = worth(one);
            if worth < least {
                (best, least) = (one.size, worth);
            }
        }
        Some(best)
    }
}

#[cfg(test)]
mod tests {
    use super::{Shortage, shortages};

    #[test]
    fn more_is_bought_at_a_higher_price_and_none_in_vain() {
        // Demand is 2 or less surely, 3 in one of ten steps, 4 in one of a hundred.
        let exceeding = [1.0, 1.0, 0.1, 0.01, 0.0];
        let mut into = [Shortage::default(); 5];
        let sizes = shortages(0, 1, &exceeding, &mut into);
        let best = |price| Shortage::best(sizes, price);
        assert_eq!(best(0.0), Some(0));
        assert_eq!(best(2.0), Some(2));
        assert_eq!(best(5.0), Some(3));
        assert_eq!(best(50.0), Some(4));
        assert_eq!(best(1e9), Some(4));
        assert_eq!(Shortage::best(&[], 1.0), None);
    }
}
