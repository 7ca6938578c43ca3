//! ECS in its own JSON. Task definitions and services may hold any field that ECS has, which the
//! SDK's builders cannot take; so their bodies are put in place of the SDK's and read back as they
//! came, while signing, endpoints, retries and errors stay the SDK's.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ecs::types::Tag;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use engine::{Class, Error, Owner, Result};
use kinds::Tags;
use serde_json::{Value, json};

use crate::Aws;
use crate::error::error;
use crate::observe::tags;

/// Sends `body` as the operation that `send` makes, and returns the answer.
///
/// `operation` is written as in IAM policies: `ecs:CreateService`.
pub(crate) async fn call<T, E, F>(
    operation: &'static str,
    body: &Value,
    send: impl FnOnce(Json) -> F,
) -> Result<Value>
where
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    let json = Json { body: body.to_string().into(), answer: Arc::default() };
    let answer = Arc::clone(&json.answer);
    send(json).await.map_err(|e| error(operation, e))?;
    let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
    answer.ok_or_else(|| Error::new(Class::Lost, format!("{operation} answered without JSON")))
}

/// The exchange of bodies, as an interceptor of one call.
#[derive(Clone)]
pub(crate) struct Json {
    body: Arc<str>,
    answer: Arc<Mutex<Option<Value>>>,
}

/// Bodies hold the environment of tasks, which is nobody's business in a log.
impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Json").finish_non_exhaustive()
    }
}

impl Intercept for Json {
    fn name(&self) -> &'static str {
        "Json"
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.headers_mut().insert("content-length", self.body.len().to_string());
        *request.body_mut() = SdkBody::from(self.body.as_bytes());
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) =
            serde_json::from_slice(body).ok();
        Ok(())
    }
}

/// A field that is a string; empty when it is missing.
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// A field that is a list; empty when it is missing.
pub(crate) fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

/// The same without fields that are `null`: AWS leaves those out, emulators do not.
pub(crate) fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let told = fields.iter().filter(|(_, value)| !value.is_null());
            Value::Object(told.map(|(name, v)| (name.clone(), without_nulls(v))).collect())
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// What follows the last slash of an ARN.
pub(crate) fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

/// Tags as ECS's JSON has them.
pub(crate) fn tags_json<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Value {
    tags.into_iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

/// Owner and tags from ECS's JSON.
pub(crate) fn seen_json(value: &Value) -> (Option<Owner>, Tags) {
    tags::seen(list(value, "tags").iter().map(|tag| (text(tag, "key"), text(tag, "value"))))
}

/// Owner and tags from the SDK's type.
pub(crate) fn seen_tags(tags: &[Tag]) -> (Option<Owner>, Tags) {
    tags::seen(tags.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default()))))
}

/// What a create call carries, in the SDK's type.
pub(crate) fn tag_list<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

impl Aws {
    /// Brings the tags of anything in ECS from `seen` to `desired`.
    pub(crate) async fn retag_ecs(&self, arn: &str, desired: &Tags, seen: &Tags) -> Result<()> {
        let (set, remove) = desired.changes_from(seen);
        if !set.is_empty() {
            let call = self.write()?.ecs.tag_resource().resource_arn(arn);
            call.set_tags(Some(tag_list(set)))
                .send()
                .await
                .map_err(|e| error("ecs:TagResource", e))?;
        }
        if !remove.is_empty() {
            let keys = remove.into_iter().map(Into::into).collect();
            let call = self.write()?.ecs.untag_resource().resource_arn(arn);
            call.set_tag_keys(Some(keys))
                .send()
                .await
                .map_err(|e| error("ecs:UntagResource", e))?;
        }
        Ok(())
    }
}
