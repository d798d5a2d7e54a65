//! An outlook in bytes.

use super::head::Head;
use super::{DISTANCES, Outlook, WEEK};
use crate::forecaster::StateError;
use crate::score::Record;
use crate::settings::Settings;
use crate::shape::Shape;
use crate::sketch::{BINS, Sketch};

/// First byte of a stored state.
const VERSION: u8 = 1;

impl Outlook {
    /// The state, to go on from after a restart.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Writing plain data to memory does not fail; an empty state is refused when it is read.
        postcard::to_extend(self, vec![VERSION]).unwrap_or_default()
    }

    /// Goes on from a stored state.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are no such state, or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let body = match bytes.split_first() {
            Some((&VERSION, body)) => body,
            Some(_) => return Err(StateError::new("it has another version")),
            None => return Err(StateError::new("it is empty")),
        };
        let state: Self = postcard::from_bytes(body).map_err(|error| StateError::new(&error.to_string()))?;
        if state.is_sound() { Ok(state) } else { Err(StateError::new("its parts contradict each other")) }
    }

    fn is_sound(&self) -> bool {
        let Self {
            settings,
            series,
            history,
            range,
            values,
            maxima,
            sketches,
            records,
            period,
            borrowed,
            declared,
            ..
        } = self;
        if Settings::new(settings.step_ms(), Some(settings.season_ms())).is_err() {
            return false;
        }
        let season = settings.slots();
        let heads = |heads: &[Head]| {
            let distances = DISTANCES.iter().map(|distance| (distance * season / 24).max(1));
            heads.len() == DISTANCES.len()
                && heads.iter().zip(distances).all(|(head, distance)| head.distance == distance && head.is_sound())
        };
        series.is_sound()
            && history.is_sound(season)
            && range.is_sound()
            && heads(values)
            && heads(maxima)
            && sketches.iter().all(Sketch::is_sound)
            && records.len() == DISTANCES.len()
            && records.iter().all(Record::is_sound)
            && period.is_none_or(|period| (1..=WEEK * season).contains(&period))
            && borrowed.as_ref().is_none_or(Shape::is_sound)
            && declared.iter().all(|off| (0.0..=1e6).contains(off))
    }

    /// Bytes that the state takes in memory.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let heads: usize = self.values.iter().chain(&self.maxima).map(Head::footprint).sum();
        size_of::<Self>()
            + self.history.footprint()
            + heads
            + self.sketches.len() * BINS * size_of::<f32>()
            + self.records.capacity() * size_of::<Record>()
            + self.borrowed.as_ref().map_or(0, Shape::footprint)
    }
}
