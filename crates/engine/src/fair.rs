//! Whose turn it is where many tenants want something at once: nobody waits for all that another wants.

use std::collections::BTreeMap;

/// Items in the order in which their tenants take turns, each tenant's in the order in which they came; tenants take turns in
/// the order of their names, beginning behind `first`. A tenant that wants a hundred things so comes once before another's one.
pub(crate) fn in_turns<T, K: Ord>(items: impl IntoIterator<Item = T>, of: impl Fn(&T) -> K, first: usize) -> Vec<T> {
    let mut queues: Vec<_> = lanes(items, of).into_iter().map(Vec::into_iter).collect();
    let first = first.checked_rem(queues.len()).unwrap_or_default();
    queues.rotate_left(first);
    let mut order = Vec::new();
    while !queues.is_empty() {
        queues.retain_mut(|queue| match queue.next() {
            Some(item) => {
                order.push(item);
                true
            }
            None => false,
        });
    }
    order
}

/// Items by their tenants, each tenant's in the order in which they came.
pub(crate) fn lanes<T, K: Ord>(items: impl IntoIterator<Item = T>, of: impl Fn(&T) -> K) -> Vec<Vec<T>> {
    let mut lanes: BTreeMap<K, Vec<T>> = BTreeMap::new();
    for item in items {
        lanes.entry(of(&item)).or_default().push(item);
    }
    lanes.into_values().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tenants_take_turns() {
        let items = ["a1", "a2", "a3", "b1", "c1", "c2"];
        let order = |first| in_turns(items, |item| item.chars().next(), first).join(" ");
        assert_eq!(order(0), "a1 b1 c1 a2 c2 a3");
        assert_eq!(order(1), "b1 c1 a1 c2 a2 a3");
        assert_eq!(order(3), order(0));
        assert_eq!(in_turns(Vec::<u8>::new(), |one| *one, 7), Vec::<u8>::new());
    }

    proptest! {
        /// Before the n-th thing of one tenant no other has had more than n.
        #[test]
        fn nobody_waits_for_more_than_a_turn_of_each_other(wanted in prop::collection::vec(0_u8..6, 0..200), first in 0_usize..9) {
            let items: Vec<(u8, usize)> = wanted.into_iter().zip(0..).collect();
            let order = in_turns(items.clone(), |item| item.0, first);
            let mut sorted = order.clone();
            sorted.sort_by_key(|item| item.1);
            prop_assert_eq!(sorted, items, "each comes once");
            let mut had: BTreeMap<u8, usize> = BTreeMap::new();
            let mut last: BTreeMap<u8, usize> = BTreeMap::new();
            for (tenant, place) in order {
                let turn = had.entry(tenant).or_default();
                *turn += 1;
                let turn = *turn;
                prop_assert!(had.values().all(|other| *other <= turn), "{had:?}");
                prop_assert!(last.insert(tenant, place).is_none_or(|before| before < place), "its own keep their order");
            }
        }
    }
}
