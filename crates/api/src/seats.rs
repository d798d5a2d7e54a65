//! How many of something each one holds at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

type Taken = Arc<Mutex<BTreeMap<String, usize>>>;

/// Counts seats by name. Names without a seat are forgotten.
#[derive(Debug, Default)]
pub(crate) struct Seats(Taken);

/// Held until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    name: String,
    taken: Taken,
}

impl Seats {
    /// A seat for one who may have so many; none when they have them all.
    pub(crate) fn take(&self, name: &str, each: usize) -> Option<Seat> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(name.to_owned()).or_default();
        if *count >= each {
            return None;
        }
        *count += 1;
        drop(taken);
        Some(Seat { name: name.to_owned(), taken: Arc::clone(&self.0) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.name) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_so_many_and_gets_them_back() {
        let seats = Seats::default();
        let (first, second) = (seats.take("a", 2), seats.take("a", 2));
        assert!(first.is_some() && second.is_some());
        assert!(seats.take("a", 2).is_none(), "both are taken");
        assert!(seats.take("b", 2).is_some(), "another's are their own");
        drop(first);
        assert!(seats.take("a", 2).is_some());
        drop(second);
        assert!(seats.0.lock().unwrap().is_empty(), "nothing piles up");
        assert!(seats.take("c", 0).is_none());
    }
}
