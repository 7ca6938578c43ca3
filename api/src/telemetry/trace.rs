//! Traces: every request has W3C ids, taken from its caller or made here; a sampled one is exported by OTLP.

use std::{
    sync::OnceLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, Method, StatusCode};
use opentelemetry::{
    Context, KeyValue, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, SpanKind, Status, TraceContextExt, TraceState, Tracer, TracerProvider},
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{IdGenerator, Sampler, SdkTracer, SdkTracerProvider},
};

use crate::settings::{Settings, TraceIds};

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

tokio::task_local! {
    /// The recorded span of the request that this task works on.
    static SPAN: Context;
}

/// Starts the export when an endpoint is set. The provider must be shut down at the end, or the last spans are lost.
pub(crate) fn start(settings: &Settings) -> Option<SdkTracerProvider> {
    let endpoint = format!("{}/v1/traces", settings.otlp_endpoint.as_ref()?.trim_end_matches('/'));
    // The exporter sends from a thread of its own with a blocking client, which must not be made inside the runtime.
    let build = move || {
        let builder = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
        builder.with_endpoint(endpoint).with_timeout(Duration::from_secs(5)).build()
    };
    let exporter = match std::thread::spawn(build).join() {
        Ok(Ok(exporter)) => exporter,
        Ok(Err(error)) => {
            tracing::error!(%error, "traces are not exported");
            return None;
        }
        Err(_) => return None,
    };
    let version = KeyValue::new("service.version", settings.release_version.clone());
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(
            settings.trace_sample,
        ))))
        .with_id_generator(Ids { xray: settings.trace_ids == TraceIds::Xray })
        .with_resource(
            Resource::builder().with_service_name("payments-api").with_attribute(version).build(),
        )
        .build();
    let _ = TRACER.set(provider.tracer("payments-api"));
    Some(provider)
}

/// The trace of one request.
pub(crate) struct Trace {
    pub(crate) id: String,
    pub(crate) span_id: String,
    /// The X-Ray header as the load balancer wrote it, for the log.
    pub(crate) amazon: Option<String>,
    span: Option<Context>,
}

impl Trace {
    /// Joins the caller's trace or begins one. The caller decides whether it is recorded, unless a share is given that is
    /// recorded whoever asks.
    pub(crate) fn begin(
        headers: &HeaderMap,
        method: &Method,
        route: &str,
        ids: TraceIds,
        share: Option<f64>,
    ) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let amazon = text("x-amzn-trace-id");
        let parent = text("traceparent").and_then(w3c).or_else(|| amazon.and_then(xray));
        let parent = match (parent, share) {
            (Some(parent), Some(share)) => {
                remote(parent.trace_id(), parent.span_id(), rand::random::<f64>() < share)
            }
            (parent, _) => parent,
        };
        let amazon = amazon.filter(|value| value.len() <= 256).map(str::to_owned);
        let Some(tracer) = TRACER.get() else {
            let generator = Ids { xray: ids == TraceIds::Xray };
            let trace_id =
                parent.map_or_else(|| generator.new_trace_id(), |parent| parent.trace_id());
            return Self {
                id: trace_id.to_string(),
                span_id: generator.new_span_id().to_string(),
                amazon,
                span: None,
            };
        };
        let parent = parent
            .map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent));
        let builder = tracer
            .span_builder(format!("{method} {route}"))
            .with_kind(SpanKind::Server)
            .with_attributes([
                KeyValue::new("http.request.method", method.to_string()),
                KeyValue::new("http.route", route.to_owned()),
            ]);
        let context = Context::new().with_span(tracer.build_with_context(builder, &parent));
        let ids = context.span().span_context().clone();
        let sampled = ids.is_sampled();
        let (id, span_id) = (ids.trace_id().to_string(), ids.span_id().to_string());
        Self { id, span_id, amazon, span: sampled.then_some(context) }
    }

    /// Runs the request's work so that its database calls become children.
    pub(crate) async fn scope<T>(&self, work: impl Future<Output = T>) -> T {
        match &self.span {
            Some(span) => SPAN.scope(span.clone(), work).await,
            None => work.await,
        }
    }

    /// Ends the span.
    pub(crate) fn end(&self, status: StatusCode) {
        let Some(context) = &self.span else { return };
        let span = context.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        if status.is_server_error() {
            span.set_status(Status::error(status.to_string()));
        }
        span.end();
    }
}

/// Records one finished call of the database below the current request.
pub(crate) fn database(
    operation: &'static str,
    system: &'static str,
    elapsed: Duration,
    failed: bool,
) {
    let Some(tracer) = TRACER.get() else { return };
    let _ = SPAN.try_with(|parent| {
        let builder = tracer
            .span_builder(operation)
            .with_kind(SpanKind::Client)
            .with_start_time(SystemTime::now() - elapsed)
            .with_attributes([
                KeyValue::new("db.system.name", system),
                KeyValue::new("db.operation.name", operation),
            ]);
        let context = Context::new().with_span(tracer.build_with_context(builder, parent));
        if failed {
            context.span().set_status(Status::error("failed"));
        }
        context.span().end();
    });
}

/// New ids, random or in X-Ray's form, whose first 32 bits are the time in seconds (AWS X-Ray developer guide, trace ids).
#[derive(Clone, Copy, Debug)]
struct Ids {
    xray: bool,
}

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        let random: u128 = rand::random();
        if !self.xray {
            return TraceId::from(random.max(1));
        }
        let seconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_secs() & 0xffff_ffff);
        TraceId::from((u128::from(seconds) << 96) | (random >> 32).max(1))
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from(rand::random::<u64>().max(1))
    }
}

/// `00-<trace id>-<span id>-<flags>` (W3C Trace Context, section 3.2).
fn w3c(text: &str) -> Option<SpanContext> {
    let mut parts = text.trim().split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let later = parts.next().is_some();
    let valid =
        version.len() == 2 && version != "ff" && (version != "00" || !later) && flags.len() == 2;
    if !valid || trace.len() != 32 || span.len() != 16 {
        return None;
    }
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
    remote(TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?, sampled)
}

/// `Root=1-<8 hex>-<24 hex>;Parent=<16 hex>;Sampled=<0|1>`, in any order; a load balancer sends the root alone.
fn xray(text: &str) -> Option<SpanContext> {
    let field = |name: &str| {
        text.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
    };
    let (time, random) = field("Root")?.strip_prefix("1-")?.split_once('-')?;
    if time.len() != 8 || random.len() != 24 {
        return None;
    }
    let parent = field("Parent").and_then(|id| SpanId::from_hex(id).ok());
    // Without a parent there is still a trace to join; the span context needs some id to be valid.
    let parent = parent.unwrap_or_else(|| SpanId::from(rand::random::<u64>().max(1)));
    remote(
        TraceId::from_hex(&format!("{time}{random}")).ok()?,
        parent,
        field("Sampled") == Some("1"),
    )
}

fn remote(trace: TraceId, span: SpanId, sampled: bool) -> Option<SpanContext> {
    let flags = if sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let context = SpanContext::new(trace, span, flags, true, TraceState::default());
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_header_are_read() {
        let parent = w3c("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
        assert_eq!(parent.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert!(parent.is_sampled());
        let parent = xray(
            "Self=1-1-1;Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1",
        )
        .unwrap();
        assert_eq!(parent.trace_id().to_string(), "67891233abcdef012345678912345678");
        assert_eq!(parent.span_id().to_string(), "53995c3f42cd8ad8");
        assert!(xray("Root=1-67891233-abcdef012345678912345678").is_some());
    }

    #[test]
    fn broken_headers_are_not() {
        for text in [
            "",
            "00-0af7-b7ad-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
        ] {
            assert!(w3c(text).is_none(), "{text}");
        }
        assert!(xray("Root=1-123-456").is_none());
    }

    #[test]
    fn xray_ids_begin_with_the_time() {
        let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let id = Ids { xray: true }.new_trace_id().to_string();
        let seconds = u64::from_str_radix(&id[..8], 16).unwrap();
        assert!(seconds >= before && seconds <= before + 60);
    }
}
