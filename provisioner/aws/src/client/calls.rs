//! What was called, and how often.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextMut, BeforeSerializationInterceptorContextRef,
    BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::Guard;
use crate::client::emulated;

/// What was called, shared by all clones of an [`Aws`].
#[derive(Clone, Debug, Default)]
pub(super) struct Calls(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) calls: BTreeMap<Call, u64>,
    pub(super) attempts: u64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    name: String,
    pub(super) mutating: bool,
}

impl Calls {
    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn of(&self, wanted: impl Fn(&Call) -> bool) -> Vec<(String, u64)> {
        let counts = self.lock();
        let calls = counts.calls.iter().filter(|(call, _)| wanted(call));
        calls.map(|(call, count)| (call.name.clone(), *count)).collect()
    }
}

/// Counts a client's calls, holds back those that may no longer be made, and marks the answers of an
/// emulator.
pub(super) struct Watch {
    pub(super) service: &'static str,
    pub(super) emulated: bool,
    /// What is asked before a mutating call; `None` for a client that reads.
    pub(super) guard: Option<Guard>,
    pub(super) calls: Calls,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("service", &self.service).finish_non_exhaustive()
    }
}

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = cfg.load::<Metadata>().map_or("", Metadata::name);
        let name = format!("{}:{operation}", self.service);
        let call = Call { name, mutating: self.guard.is_some() };
        *self.calls.lock().calls.entry(call).or_default() += 1;
        Ok(())
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(guard) = &self.guard {
            guard()?;
        }
        self.calls.lock().attempts += 1;
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.emulated {
            emulated::mark(context.response_mut());
        }
        Ok(())
    }
}
