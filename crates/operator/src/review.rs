//! Whose a token of the cluster is, by the cluster's own word.

use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use kube::Client;
use kube::api::{Api, PostParams};
use tenantry_engine::ports::identity::{Reviewed, TokenReviewer, Unanswered};
use tokio::sync::Semaphore;

use crate::connect::{ConnectError, Options, configuration};
use crate::failure::said;

/// Questions under way at a time; one more waits.
const AT_ONCE: usize = 16;

/// Asks the API server by `TokenReview`.
pub struct ClusterReviewer {
    client: Client,
    timeout: Duration,
    places: Semaphore,
}

impl std::fmt::Debug for ClusterReviewer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterReviewer").finish_non_exhaustive()
    }
}

impl ClusterReviewer {
    /// Of the cluster that the options name, which need not answer yet.
    ///
    /// # Errors
    /// [`ConnectError::Configuration`].
    pub async fn new(options: &Options) -> Result<Self, ConnectError> {
        let config = configuration(options).await?;
        let client =
            Client::try_from(config).map_err(|error| ConnectError::Configuration { message: error.to_string() })?;
        Ok(Self { client, timeout: options.timeout, places: Semaphore::new(AT_ONCE) })
    }
}

#[async_trait]
impl TokenReviewer for ClusterReviewer {
    async fn review(&self, token: &str, audiences: &[String]) -> Result<Option<Reviewed>, Unanswered> {
        let unanswered = |message: String| Unanswered { message };
        let spec = TokenReviewSpec { token: token.to_owned(), audiences: Some(audiences.to_vec()) };
        let review = TokenReview { spec, ..TokenReview::default() };
        let asked = async {
            let _place = self.places.acquire().await;
            Api::<TokenReview>::all(self.client.clone()).create(&PostParams::default(), &review).await
        };
        let answer = tokio::time::timeout(self.timeout, asked)
            .await
            .map_err(|_| unanswered(format!("nothing came within {} s", self.timeout.as_secs())))?
            // The answer to a review repeats the token; of a refusal only the status is told.
            .map_err(|error| match error {
                kube::Error::Api(status) => unanswered(said(&status)),
                other => unanswered(other.to_string()),
            })?;
        let Some(status) = answer.status.filter(|status| status.authenticated == Some(true)) else { return Ok(None) };
        let user = status.user.unwrap_or_default();
        Ok(Some(Reviewed {
            username: user.username.unwrap_or_default(),
            groups: user.groups.unwrap_or_default(),
            audiences: status.audiences.unwrap_or_default(),
        }))
    }
}
