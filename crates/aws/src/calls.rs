use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// Counts the requests that are really sent, each retry as one.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallCounter(Arc<Mutex<BTreeMap<String, u64>>>);

impl CallCounter {
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        lock(&self.0).clone()
    }

    /// Counts a call that goes by no interceptor.
    pub(crate) fn count(&self, operation: &str) {
        *lock(&self.0).entry(operation.to_owned()).or_default() += 1;
    }
}

#[dyn_dispatch_hint]
impl Intercept for CallCounter {
    fn name(&self) -> &'static str {
        "CallCounter"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        configuration: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(operation) = configuration.load::<Metadata>() {
            let name = format!("{}:{}", service_prefix(operation.service()), operation.name());
            self.count(&name);
        }
        Ok(())
    }
}

/// Locks, also after a panic elsewhere: what these locks guard is never left half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The service's name as it stands in IAM actions.
fn service_prefix(service: &str) -> String {
    match service {
        "CloudWatch Logs" => "logs".into(),
        other => other.to_lowercase(),
    }
}
