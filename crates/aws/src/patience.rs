use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder, Retryable};
use keywright_engine::ProviderError;

/// How long to wait for what AWS does not see yet. Waits end as soon as AWS agrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// The first pause; each next one is twice as long.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// All pauses together while a new principal, role or key is not seen everywhere yet.
    pub settling: Duration,
    /// All pauses together while a replica key is `Creating`.
    pub replication: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(5),
            settling: Duration::from_secs(30),
            replication: Duration::from_secs(120),
        }
    }
}

impl Patience {
    /// None at all: for an AWS that sees at once what was done.
    pub fn none() -> Self {
        Self { settling: Duration::ZERO, replication: Duration::ZERO, ..Self::default() }
    }

    /// Calls, and calls again while the error says that AWS only needs time.
    pub(crate) async fn while_settling<T, F, C>(
        &self,
        needs_time: impl FnMut(&ProviderError) -> bool,
        call: F,
    ) -> Result<T, ProviderError>
    where
        F: FnMut() -> C,
        C: Future<Output = Result<T, ProviderError>>,
    {
        call.retry(self.pauses(self.settling)).when(needs_time).notify(report).await
    }

    /// The pauses between looks for what may not be shown yet.
    pub(crate) fn settling_pauses(&self) -> ExponentialBackoff {
        self.pauses(self.settling).build()
    }

    /// The pauses between looks at a replica key that is being made.
    pub(crate) fn replication_pauses(&self) -> ExponentialBackoff {
        self.pauses(self.replication).build()
    }

    fn pauses(&self, all_together: Duration) -> ExponentialBuilder {
        ExponentialBuilder::default()
            .with_min_delay(self.first_pause)
            .with_max_delay(self.longest_pause)
            .with_factor(2.0)
            .without_max_times()
            .with_total_delay(Some(all_together))
    }
}

fn report(error: &ProviderError, pause: Duration) {
    tracing::debug!(operation = error.operation, %error, ?pause, "AWS needs time");
}
