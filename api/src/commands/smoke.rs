//! `smoke URL`: walks one payment through its life on a deployed instance and gives a clear verdict.

use std::time::{Duration, Instant};

use clap::Args;
use reqwest::{Client, Method, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Failure, say};
use crate::settings::Settings;

#[derive(Args)]
pub(super) struct Smoke {
    /// Where the service is, such as https://payments.example.com; credentials come from ADMIN_USER and ADMIN_PASS
    url: Url,
    /// The release that must answer; anything else fails
    #[arg(long)]
    expect_version: Option<String>,
}

impl Smoke {
    pub(super) async fn run(self, settings: &Settings) -> Result<(), Failure> {
        let mut walk = Walk::new(self.url, settings)?;
        let outcome = walk.all(self.expect_version.as_deref()).await;
        if outcome.is_err() {
            walk.clean_up().await;
        }
        match &outcome {
            Ok(()) => say(&format!(
                "PASS: {} checks in {} ms",
                walk.passed,
                walk.began.elapsed().as_millis()
            )),
            Err(failure) => {
                say(&format!("FAIL: {}", failure.text))?;
                outcome
            }
        }
    }
}

struct Walk {
    http: Client,
    url: Url,
    user: String,
    pass: SecretString,
    /// The payment that was made.
    payment: Option<String>,
    passed: u32,
    began: Instant,
}

impl Walk {
    fn new(url: Url, settings: &Settings) -> Result<Self, Failure> {
        let http = crate::http_client::new()
            .ok_or_else(|| Failure::new("the HTTP client cannot be made"))?;
        let user =
            settings.admin_user.clone().ok_or_else(|| Failure::new("ADMIN_USER: is required"))?;
        let pass =
            settings.admin_pass.clone().ok_or_else(|| Failure::new("ADMIN_PASS: is required"))?;
        Ok(Self { http, url, user, pass, payment: None, passed: 0, began: Instant::now() })
    }

    async fn all(&mut self, version: Option<&str>) -> Result<(), Failure> {
        let status = self.expect("it is healthy", 200, self.open(Method::GET, "/status")).await?;
        if let Some(expected) = version {
            self.check(
                &format!("it is release {expected}"),
                status["version"] == expected,
                &status["version"],
            )?;
        }
        self.expect("strangers are turned away", 401, self.open(Method::GET, "/list")).await?;

        let key = format!("smoke-{}", Uuid::now_v7());
        let body = json!({ "payment": "0,01", "data": { "smoke": key } });
        let create = |walk: &Self| {
            walk.request(Method::POST, "/create").header("idempotency-key", &key).json(&body)
        };
        let created = self.expect("a payment is created", 201, create(self)).await?;
        let id = created["id"].as_str().unwrap_or_default().to_owned();
        self.payment = Some(id.clone());
        let again = self.expect("a retry is answered", 201, create(self)).await?;
        self.check("the retry made no second payment", again["id"] == created["id"], &again["id"])?;
        let ambiguous = self.request(Method::POST, "/create").json(&json!({ "payment": "12.345" }));
        self.expect("an ambiguous amount is refused", 422, ambiguous).await?;

        self.expect("payments are listed", 200, self.request(Method::GET, "/list")).await?;
        // Others pay at the same time, so it is not looked for on the first page.
        let path = format!("/v1/payments?data=%7B%22smoke%22:%22{key}%22%7D");
        let found = self.request(Method::GET, &path);
        let found = self.expect("a list is searched", 200, found).await?;
        let ids: Vec<_> =
            found["data"].as_array().into_iter().flatten().map(|found| &found["id"]).collect();
        self.check("the payment is found, once", ids == [&created["id"]], &json!(ids))?;
        let read = self
            .expect("it is read", 200, self.request(Method::GET, &format!("/v1/payments/{id}")))
            .await?;
        self.check("its amount is exact", read["amount"]["minor"] == 1, &read["amount"])?;

        let path = format!("/v1/payments/{id}");
        let keep = |walk: &Self| {
            walk.request(Method::PUT, &format!("/update/{id}"))
                .json(&json!({ "status": "inserted" }))
        };
        self.expect("the status that it has changes nothing", 200, keep(self)).await?;
        // It ends as a tombstone: a consumed one would stay in the books for ever.
        self.expect("it is deleted", 204, self.request(Method::DELETE, &format!("/delete/{id}")))
            .await?;
        self.expect("it is gone", 410, self.request(Method::GET, &path)).await?;
        let restore = self.request(Method::POST, &format!("{path}/restore"));
        self.expect("it is restored", 200, restore).await?;
        self.expect("it is deleted for good", 204, self.request(Method::DELETE, &path)).await?;
        let events = self.request(Method::GET, &format!("{path}/events"));
        let events = self.expect("its audit trail is read", 200, events).await?;
        let kinds: Vec<_> =
            events["data"].as_array().into_iter().flatten().map(|event| &event["kind"]).collect();
        self.check(
            "the trail has every change once",
            kinds == ["inserted", "deleted", "restored", "deleted"],
            &json!(kinds),
        )
    }

    /// Takes the payment of a walk that failed out of the books, if it can be done.
    async fn clean_up(&self) {
        if let Some(id) = &self.payment {
            let _ = self.request(Method::DELETE, &format!("/v1/payments/{id}")).send().await;
        }
    }

    fn open(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let base = self.url.as_str().trim_end_matches('/');
        self.http.request(method, format!("{base}{path}")).timeout(Duration::from_secs(10))
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.open(method, path).basic_auth(&self.user, Some(self.pass.expose_secret()))
    }

    async fn expect(
        &mut self,
        what: &str,
        status: u16,
        request: reqwest::RequestBuilder,
    ) -> Result<Value, Failure> {
        let failed = |error| Failure::new(format!("{what}: {}", crate::http_client::why(error)));
        let answer: Response = request.send().await.map_err(failed)?;
        let got = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        if got != status {
            return Err(Failure::new(format!(
                "{what}: expected {status}, got {got} {}",
                body["code"]
            )));
        }
        self.check(what, true, &body)?;
        Ok(body)
    }

    fn check(&mut self, what: &str, holds: bool, seen: &Value) -> Result<(), Failure> {
        if !holds {
            return Err(Failure::new(format!("{what}: saw {seen}")));
        }
        self.passed += 1;
        say(&format!("  ok  {what}"))
    }
}
