//! One call from arrival to answer: fault, judge, forward, learn, correct, log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http_body_util::BodyExt;
use tokio::sync::oneshot;

use crate::call::Call;
use crate::cloud::{Cloud, lock};
use crate::fault::{self, Kind};
use crate::proxy::{Body, Cut, Upstream, forward, unreachable_upstream, whole};
use crate::redact::{ids, redact};
use crate::wire::answer::Content;
use crate::wire::error::Fault;
use crate::wire::{self, Protocol, Request};
use crate::world::{Verdict, Worlds};

pub(crate) struct Exchange {
    cloud: Arc<Cloud>,
    request: Request,
    arrived: Instant,
    call: Call,
    /// Resolves when the client's connection is gone.
    gone: oneshot::Receiver<()>,
}

impl Exchange {
    pub(crate) fn start(
        cloud: Arc<Cloud>,
        request: Request,
        body: &Bytes,
        gone: oneshot::Receiver<()>,
    ) -> Self {
        let mutating = request.mutating();
        let mut secrets = lock(&cloud.secrets);
        let leaks_secret = request.service != "secretsmanager" && secrets.found_in(body);
        if request.service == "secretsmanager" {
            secrets.learn(&request.parameters);
        }
        drop(secrets);
        let call = Call {
            seq: lock(&cloud.log).arrive(),
            wall: jiff::Timestamp::now().to_string(),
            clock: cloud.clock.now(),
            principal: request.principal.clone(),
            region: request.region.clone(),
            service: request.service.clone(),
            operation: request.operation.clone(),
            mutating,
            mutation: if mutating { cloud.next_mutation() } else { 0 },
            parameters: redact(&request.parameters),
            request_ids: ids(&request.parameters),
            leaks_secret,
            ..Call::default()
        };
        Self { cloud, request, arrived: Instant::now(), call, gone }
    }

    pub(crate) async fn run(
        mut self,
        upstream: Upstream,
        parts: Parts,
        body: Bytes,
    ) -> Result<Response<Body>, Cut> {
        if !self.cloud.delay.is_zero() {
            tokio::time::sleep(self.cloud.delay).await;
        }
        let kind = self.cloud.strike(&self.request);
        self.call.fault = kind.map(|k| k.to_string());
        match kind {
            Some(Kind::Before) => {
                self.log(None);
                return Err(Cut::OnPurpose);
            }
            Some(Kind::HoldBefore) => {
                self.hold().await;
                self.log(None);
                return Err(Cut::OnPurpose);
            }
            Some(Kind::Slow(ms)) => tokio::time::sleep(Duration::from_millis(ms)).await,
            _ => {}
        }
        if let Some(fault) = self.injected(kind) {
            self.call.refused = true;
            let response = self.say(&fault);
            return Ok(self.end(response));
        }
        // Before everything else that AWS judges.
        let denied = lock(&self.cloud.permissions).refuse(&self.request);
        if let Some(fault) = denied {
            self.call.refused = true;
            let response = self.say(&fault);
            return Ok(self.end(response));
        }
        let turn = self.cloud.turn(&self.request).await;
        let response = match self.verdict() {
            Some(Verdict::Refuse(fault)) => {
                self.call.refused = true;
                self.say(&fault)
            }
            Some(Verdict::Page(content)) => self.own(&content),
            Some(Verdict::Replay(content)) => {
                self.call.message = Some("the answer to the same call before".into());
                self.correct(self.own(&content))
            }
            None => match self.ask(&upstream, &parts, body).await? {
                Ok(response) => response,
                Err(error) => {
                    self.call.message = Some(error.to_string());
                    self.log(None);
                    return Ok(unreachable_upstream(&error));
                }
            },
        };
        drop(turn);
        self.log(Some(&response));
        match kind {
            Some(Kind::After) => Err(Cut::OnPurpose),
            Some(Kind::HoldAfter) => {
                self.hold().await;
                Err(Cut::OnPurpose)
            }
            Some(Kind::Error500) => {
                let fault = fault::server_error(&self.request.service, 500);
                Ok(self.say(&fault).map(whole))
            }
            _ => Ok(response.map(whole)),
        }
    }

    /// The error to answer without any effect.
    fn injected(&mut self, kind: Option<Kind>) -> Option<Fault> {
        let service = self.request.service.as_str();
        match kind {
            Some(Kind::Throttle) => Some(fault::throttled(service)),
            Some(Kind::Error503) => Some(fault::server_error(service, 503)),
            Some(Kind::Expired) => Some(fault::expired(service)),
            Some(Kind::Error500) if self.cloud.seed.draw("500 after", self.call.seq) < 0.5 => {
                // Told apart in the log: this one had no effect.
                self.call.fault = Some("500-before".into());
                Some(fault::server_error(service, 500))
            }
            _ if self.cloud.throttled(&self.request) => {
                self.call.fault = Some("bucket".into());
                Some(fault::throttled(service))
            }
            _ => None,
        }
    }

    /// What is known without the emulator.
    fn verdict(&mut self) -> Option<Verdict> {
        if let Some(size) = self.cloud.page(&self.request)
            && let Some(page) = lock(&self.cloud.pages).resume(&self.request, size)
        {
            return Some(page.map_or_else(Verdict::Refuse, Verdict::Page));
        }
        if !self.cloud.strict {
            return None;
        }
        let now = self.cloud.clock.now();
        lock(&self.cloud.worlds).judge(&self.request, self.cloud.chance(), now)
    }

    /// Asks the emulator, and makes its answer AWS's.
    async fn ask(
        &mut self,
        upstream: &Upstream,
        parts: &Parts,
        body: Bytes,
    ) -> Result<Result<Response<Bytes>, hyper_util::client::legacy::Error>, Cut> {
        let response = match forward(&self.cloud, upstream, parts, whole(body)).await {
            Ok(response) => response,
            Err(error) => return Ok(Err(error)),
        };
        let (head, body) = response.into_parts();
        let response = Response::from_parts(head, body.collect().await?.to_bytes());
        let good = response.status().is_success();
        if good {
            let answer = Content::read(self.request.protocol, &response).to_value();
            lock(&self.cloud.permissions).learn(&self.request, &answer);
        }
        if good && self.cloud.strict {
            let content = Content::read(self.request.protocol, &response);
            let (chance, now) = (self.cloud.chance(), self.cloud.clock.now());
            lock(&self.cloud.worlds).learn(&self.request, &content, chance, now);
        }
        let response = lock(&self.cloud.registry).introduce(&self.request, response);
        Ok(Ok(self.correct(response)))
    }

    /// An answer of the emulator's as AWS would give it now, in pages.
    fn correct(&self, response: Response<Bytes>) -> Response<Bytes> {
        let mut changed = false;
        let mut content = if response.status().is_success() {
            Content::read(self.request.protocol, &response)
        } else {
            let code = wire::error::read(self.request.protocol, &response)
                .map(|(code, _)| code)
                .unwrap_or_default();
            let stand_in = Worlds::stand_in(&self.request, &code).filter(|_| self.cloud.strict);
            let Some(content) = stand_in else { return self.renamed(response, &code) };
            changed = true;
            content
        };
        if self.cloud.strict {
            let now = self.cloud.clock.now();
            match lock(&self.cloud.worlds).show(&self.request, &mut content, now) {
                Ok(shown) => changed |= shown,
                Err(fault) => {
                    return self.say(&fault);
                }
            }
        }
        if let Some(size) = self.cloud.page(&self.request) {
            changed |= lock(&self.cloud.pages).cut(&self.request, &mut content, size);
        }
        match content.write().filter(|_| changed) {
            Some(body) => {
                let (mut head, _) = response.into_parts();
                head.status = http::StatusCode::OK;
                head.headers.remove(CONTENT_LENGTH);
                // DynamoDB's checksum of a body that is no longer sent.
                head.headers.remove("x-amz-crc32");
                Response::from_parts(head, body)
            }
            None => response,
        }
    }

    /// An error whose code the emulator has wrong.
    fn renamed(&self, response: Response<Bytes>, code: &str) -> Response<Bytes> {
        let unknown_group = code == "InvalidGroupId.Malformed"
            && self.call.request_ids.iter().any(|id| id.starts_with("sg-"));
        if !unknown_group || !self.cloud.strict {
            return response;
        }
        let message =
            format!("The security group '{}' does not exist", self.call.request_ids.join("', '"));
        self.say(&Fault::refusal("InvalidGroup.NotFound", message))
    }

    /// An answer of our own making.
    fn own(&self, content: &Content) -> Response<Bytes> {
        let kind = match self.request.protocol {
            Protocol::Json("1.0") => "application/x-amz-json-1.0",
            Protocol::Json(_) => "application/x-amz-json-1.1",
            _ => "text/xml;charset=UTF-8",
        };
        let mut response = Response::new(content.write().unwrap_or_default());
        response
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
        response
    }

    fn say(&self, fault: &Fault) -> Response<Bytes> {
        fault.answer(self.request.protocol, &self.request.service, &self.cloud.request_id())
    }

    fn end(mut self, response: Response<Bytes>) -> Response<Body> {
        self.log(Some(&response));
        response.map(whole)
    }

    /// Says that this call is held, and waits for a release or the client's end.
    async fn hold(&mut self) {
        let mut released = self.cloud.released.subscribe();
        released.mark_unchanged();
        self.cloud.held.send_replace(self.call.seq);
        tokio::select! {
            _ = released.changed() => {}
            _ = &mut self.gone => {}
        }
        self.cloud.held.send_replace(0);
    }

    fn log(&mut self, response: Option<&Response<Bytes>>) {
        let call = &mut self.call;
        call.answered = self.cloud.clock.now();
        call.elapsed_ms = self.arrived.elapsed().as_secs_f64() * 1000.0;
        if let Some(response) = response {
            call.status = response.status().as_u16();
            if let Some((code, message)) = wire::error::read(self.request.protocol, response) {
                call.code = Some(code);
                call.message = Some(message);
            } else if self.request.service != "dynamodb" {
                let value = Content::read(self.request.protocol, response).to_value();
                call.response_ids = ids(&value);
                call.response = redact(&value);
            }
        }
        lock(&self.cloud.log).push(call.clone());
    }
}
