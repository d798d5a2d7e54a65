//! Tokens that are had for a while.

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::asking::Trouble;

/// A token that does not hold for so long any more is replaced.
const MARGIN: Duration = Duration::from_secs(60);

/// A token, and for how long it holds from now.
pub(super) struct Token {
    pub(super) text: Zeroizing<String>,
    pub(super) holds: Duration,
}

/// The token that is had. While one is asked for, all others wait for it.
#[derive(Default)]
pub(super) struct Kept(Mutex<Option<(Zeroizing<String>, Instant)>>);

impl Kept {
    /// The token, or a new one.
    pub(super) async fn get(
        &self,
        ask: impl Future<Output = Result<Token, Trouble>> + Send,
    ) -> Result<Zeroizing<String>, Trouble> {
        let mut kept = self.0.lock().await;
        if let Some((text, until)) = &*kept
            && Instant::now() < *until
        {
            return Ok(text.clone());
        }
        let Token { text, holds } = ask.await?;
        // One that holds for less than the margin is used once.
        *kept = Instant::now().checked_add(holds.saturating_sub(MARGIN)).map(|until| (text.clone(), until));
        Ok(text)
    }

    /// Forgets it, as it was refused.
    pub(super) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept(..)")
    }
}
