//! Replicas in numbers: those that serve, and those that start.

use serde::{Deserialize, Serialize};

/// Places in which starting replicas are kept by age.
const PLACES: u8 = 32;

/// A set of replicas in time's steps. A started one serves after the start-up delay; what is taken away goes at once,
/// the youngest first, as Kubernetes prefers pods that are not ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    ready: u32,
    starting: u32,
    /// Replicas by the place at which they will be ready.
    ages: [u16; PLACES as usize],
    head: u8,
    /// Steps that a place covers: one, unless the delay is longer than there are places.
    stride: u16,
    /// Steps since the head moved.
    waited: u16,
    places: u8,
}

impl Pool {
    /// A pool in which `ready` replicas serve, and new ones take `delay` steps to start.
    #[must_use]
    pub fn new(ready: u32, delay: u32) -> Self {
        let most = u32::from(PLACES - 1);
        let stride = delay.div_ceil(most).max(1);
        let places = u8::try_from(delay.div_ceil(stride)).unwrap_or(u8::MAX);
        let stride = u16::try_from(stride).unwrap_or(u16::MAX);
        Self { ready, starting: 0, ages: [0; PLACES as usize], head: 0, stride, waited: 0, places }
    }

    /// A pool of which so many serve, and so many were started just now.
    #[must_use]
    pub fn seen(ready: u32, starting: u32, delay: u32) -> Self {
        let mut pool = Self::new(ready, delay);
        pool.resize(ready.saturating_add(starting));
        pool
    }

    /// Replicas that serve.
    #[must_use]
    pub const fn ready(&self) -> u32 {
        self.ready
    }

    /// Replicas that were started and do not serve yet.
    #[must_use]
    pub const fn starting(&self) -> u32 {
        self.starting
    }

    /// All of them: what is paid for.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.ready + self.starting
    }

    /// A step of time passes.
    pub fn pass(&mut self) {
        self.waited += 1;
        if self.waited < self.stride {
            return;
        }
        self.waited = 0;
        self.head = (self.head + 1) % PLACES;
        if let Some(place) = self.ages.get_mut(usize::from(self.head)) {
            let done = u32::from(std::mem::take(place));
            self.ready += done;
            self.starting -= done.min(self.starting);
        }
    }

    fn place(&mut self, ahead: u8) -> Option<&mut u16> {
        self.ages.get_mut((usize::from(self.head) + usize::from(ahead)) % usize::from(PLACES))
    }

    /// Brings the size to `to`.
    pub fn resize(&mut self, to: u32) {
        let size = self.size();
        if to > size {
            let places = self.places;
            let added = u16::try_from(to - size).unwrap_or(u16::MAX);
            if places == 0 {
                self.ready += u32::from(added);
            } else if let Some(place) = self.place(places) {
                let room = added.min(u16::MAX - *place);
                *place += room;
                self.starting += u32::from(room);
            }
        } else {
            let mut cut = size - to;
            for ahead in (1..=self.places).rev() {
                if cut == 0 || self.starting == 0 {
                    break;
                }
                if let Some(place) = self.place(ahead) {
                    let gone = u32::from(*place).min(cut);
                    *place -= u16::try_from(gone).unwrap_or(0);
                    self.starting -= gone.min(self.starting);
                    cut -= gone;
                }
            }
            self.ready -= cut.min(self.ready);
        }
    }
}
