//! Credentials: Basic, API keys with scopes, tokens of an OpenID Connect issuer, and what strangers are told.

use axum::{Json, Router, routing::get};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{client::send, database::Database, on_both, service::Service};

on_both!(strangers_are_refused, api_keys, keys_leave_a_trail, keys_of_one_client, hashed_password);

async fn strangers_are_refused(database: Database) {
    let service = Service::start(&database, &[]).await;
    let client = &service.client;
    for (method, path) in [
        ("POST", "/create"),
        ("PUT", "/update/x"),
        ("GET", "/list"),
        ("DELETE", "/delete/x"),
        ("GET", "/v1/payments"),
        ("HEAD", "/v1/payments"),
        ("POST", "/v1/payments/x/restore"),
        ("GET", "/v1/api-keys"),
    ] {
        let refused = client.open(method, path).await.unwrap();
        assert_eq!(refused.status, 401, "{method} {path}");
        assert!(refused.header("www-authenticate").starts_with("Basic realm="));
    }
    for (user, pass) in [("admin", "wrong"), ("wrong", "correct horse"), ("admin", ""), ("", "")] {
        send(client.bare("GET", "/list").basic_auth(user, Some(pass)))
            .await
            .is_problem(401, "unauthenticated");
    }
    for value in ["Basic", "Basic !!!", "Basic YWRtaW4=", "Bearer abc", "Digest x", "Bearer pay_x"]
    {
        send(client.bare("GET", "/list").header("authorization", value))
            .await
            .is_problem(401, "unauthenticated");
    }
    let logs = format!("{:?}", service.logs());
    assert!(
        !logs.contains("correct horse") && !logs.contains("YWRtaW4"),
        "a secret is in the logs"
    );
}

async fn api_keys(database: Database) {
    let service = Service::start(&database, &[]).await;
    let client = &service.client;
    let make = async |scopes: Value| {
        client.post("/v1/api-keys", json!({ "name": "a job", "scopes": scopes })).await
    };
    let (reader, writer) = (make(json!(["read"])).await, make(json!(["write"])).await);
    assert_eq!(reader.status, 201, "{}", reader.text);
    let secret = |key: &crate::client::Answer| key.body["secret"].as_str().unwrap().to_owned();
    let (read, write) = (secret(&reader), secret(&writer));
    assert!(read.starts_with("pay_") && read.len() == 47, "{read}");
    assert_eq!(send(client.bare("GET", "/list").header("x-api-key", &read)).await.status, 200);
    assert_eq!(send(client.bare("GET", "/list").bearer_auth(&read)).await.status, 200);
    send(client.bare("GET", "/list").bearer_auth(&write)).await.is_problem(403, "forbidden");
    let body = json!({ "payment": "1,00" });
    send(client.bare("POST", "/create").bearer_auth(&read).json(&body))
        .await
        .is_problem(403, "forbidden");
    let created = send(client.bare("POST", "/create").bearer_auth(&write).json(&body)).await;
    assert_eq!(created.status, 201);
    let events =
        client.get(&format!("/v1/payments/{}/events", created.body["id"].as_str().unwrap())).await;
    assert_eq!(
        events.body["data"][0]["actor"],
        format!("key:{}", writer.body["id"].as_str().unwrap())
    );
    // Keys do not make keys.
    send(client.bare("GET", "/v1/api-keys").bearer_auth(&read)).await.is_problem(403, "forbidden");
    send(client.bare("POST", "/v1/api-keys").bearer_auth(&write).json(&body))
        .await
        .is_problem(403, "forbidden");

    let listed = client.get("/v1/api-keys").await;
    assert_eq!(listed.body["data"].as_array().map(Vec::len), Some(2));
    assert!(!listed.text.contains("pay_"), "a secret is shown twice");
    let path = format!("/v1/api-keys/{}", reader.body["id"].as_str().unwrap());
    assert_eq!(client.delete(&path).await.status, 204);
    client.delete(&path).await.is_problem(404, "api_key_not_found");
    send(client.bare("GET", "/list").bearer_auth(&read)).await.is_problem(401, "unauthenticated");
    for body in [
        json!({}),
        json!({ "name": "", "scopes": [] }),
        json!({ "name": "x", "scopes": ["admin"] }),
    ] {
        client.post("/v1/api-keys", body).await.is_problem(422, "validation_failed");
    }
}

async fn keys_leave_a_trail(database: Database) {
    let service = Service::start(&database, &[]).await;
    let client = &service.client;
    let made = client.post("/v1/api-keys", json!({ "name": "a job", "scopes": ["read"] })).await;
    let id = made.body["id"].as_str().unwrap();
    assert_eq!((made.status, &made.body["created_by"]), (201, &json!("admin")));
    let secret = made.body["secret"].as_str().unwrap();
    assert_eq!(send(client.bare("GET", "/list").bearer_auth(secret)).await.status, 200);
    let listed = client.get("/v1/api-keys").await;
    assert!(listed.body["data"][0]["last_used_at"].is_string(), "{}", listed.text);
    assert_eq!(client.delete(&format!("/v1/api-keys/{id}")).await.status, 204);
    assert_eq!(client.get("/v1/api-keys").await.body["data"], json!([]));
    let all = client.get("/v1/api-keys?show_revoked=true").await;
    assert_eq!(all.body["data"][0]["id"], id);
    assert!(all.body["data"][0]["revoked_at"].is_string(), "{}", all.text);
    let events = client.get(&format!("/v1/api-keys/{id}/events")).await;
    let seen: Vec<_> = events.body["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (event["kind"].clone(), event["actor"].clone()))
        .collect();
    assert_eq!(seen, [(json!("created"), json!("admin")), (json!("revoked"), json!("admin"))]);
    client.get("/v1/api-keys?show_revoked=perhaps").await.is_problem(400, "invalid_parameter");
    let unknown = format!("/v1/api-keys/{}/events", uuid::Uuid::now_v7());
    client.get(&unknown).await.is_problem(404, "api_key_not_found");
    // Also who was refused is in the log.
    send(client.bare("GET", "/v1/api-keys").bearer_auth("pay_wrong"))
        .await
        .is_problem(401, "unauthenticated");
    let reader = client.post("/v1/api-keys", json!({ "name": "b", "scopes": ["read"] })).await;
    let body = json!({ "payment": "1,00" });
    let refused = client
        .bare("POST", "/create")
        .bearer_auth(reader.body["secret"].as_str().unwrap())
        .json(&body);
    send(refused).await.is_problem(403, "forbidden");
    let name = format!("key:{}", reader.body["id"].as_str().unwrap());
    for _ in 0..200 {
        let logs = service.logs();
        if logs.iter().any(|line| line["status"] == 403 && line["principal"] == name.as_str())
            && logs.iter().any(|line| line["resource"] == id && line["method"] == "DELETE")
        {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{:?}", service.logs());
}

/// A client's new key answers retries of what its old key asked.
async fn keys_of_one_client(database: Database) {
    let service = Service::start(&database, &[]).await;
    let client = &service.client;
    let make = async |owner: &str| {
        let body = json!({ "name": "a job", "client": owner, "scopes": ["read", "write"] });
        let made = client.post("/v1/api-keys", body).await;
        assert_eq!(
            (made.status, made.body["client"].as_str()),
            (201, Some(owner)),
            "{}",
            made.text
        );
        (
            made.body["id"].as_str().unwrap().to_owned(),
            made.body["secret"].as_str().unwrap().to_owned(),
        )
    };
    let ((old, first), (_, second), (_, other)) =
        (make("shop").await, make("shop").await, make("bank").await);
    let pay = async |secret: &str| {
        let request =
            client.bare("POST", "/create").header("idempotency-key", "k1").bearer_auth(secret);
        send(request.json(&json!({ "payment": "1,00" }))).await
    };
    let paid = pay(&first).await;
    assert_eq!(client.delete(&format!("/v1/api-keys/{old}")).await.status, 204);
    let again = pay(&second).await;
    assert_eq!((&again.body["id"], again.header("idempotency-hit")), (&paid.body["id"], "true"));
    assert_ne!(pay(&other).await.body["id"], paid.body["id"], "another client's key is its own");
    let refused =
        client.post("/v1/api-keys", json!({ "name": "x", "client": "", "scopes": ["read"] })).await;
    assert_eq!(refused.complaints(), [("/client".to_owned(), "name_format".to_owned())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_ends_on_every_instance() {
    let database = Database::postgres().await;
    let (one, two) = (Service::start(&database, &[]).await, Service::start(&database, &[]).await);
    let made = one.client.post("/v1/api-keys", json!({ "name": "x", "scopes": ["read"] })).await;
    let secret = made.body["secret"].as_str().unwrap();
    let list = async |service: &Service| {
        send(service.client.bare("GET", "/list").bearer_auth(secret)).await.status
    };
    assert_eq!(list(&two).await, 200);
    let path = format!("/v1/api-keys/{}", made.body["id"].as_str().unwrap());
    assert_eq!(one.client.delete(&path).await.status, 204);
    assert_eq!(list(&one).await, 401);
    let began = std::time::Instant::now();
    while list(&two).await == 200 {
        // Believed credentials live for thirty seconds.
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "it goes on working there");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn hashed_password(database: Database) {
    // argon2id of "correct horse", made by another implementation (argon2-cffi) with m=8192, t=1, p=1.
    let hash = include_str!("argon2.txt").trim();
    let service = Service::start(&database, &[("ADMIN_PASS", hash)]).await;
    for _ in 0..20 {
        assert_eq!(service.client.get("/list").await.status, 200);
    }
    let wrong = service.client.bare("GET", "/list").basic_auth("admin", Some("wrong"));
    send(wrong).await.is_problem(401, "unauthenticated");
    let literal = service.client.bare("GET", "/list").basic_auth("admin", Some(hash));
    send(literal).await.is_problem(401, "unauthenticated");
}

/// An issuer with one P-256 key, on a port of this machine.
struct Issuer {
    url: String,
    key: EncodingKey,
}

impl Issuer {
    async fn start() -> Self {
        // A key of these tests alone; it opens nothing.
        let pem = include_bytes!("issuer-test-key.pem");
        let key = EncodingKey::from_ec_pem(pem).unwrap();
        let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = json!("k1");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let discovery = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") });
        let keys = json!({ "keys": [jwk] });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(async move || Json(discovery)))
            .route("/keys", get(async move || Json(keys)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, key }
    }

    fn token(&self, change: impl FnOnce(&mut Header, &mut Value)) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some("k1".to_owned());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut claims = json!({
            "iss": self.url, "aud": "payments", "sub": "ana", "exp": now + 300, "scope": "openid payments:read",
        });
        change(&mut header, &mut claims);
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_the_issuer() {
    let issuer = Issuer::start().await;
    let settings = [("OIDC_ISSUER", issuer.url.as_str()), ("OIDC_AUDIENCE", "payments")];
    let database = Database::sqlite();
    let service = Service::start(&database, &settings).await;
    let client = &service.client;
    let list = async |token: &str| send(client.bare("GET", "/list").bearer_auth(token)).await;
    let create = async |token: &str| {
        send(client.bare("POST", "/create").bearer_auth(token).json(&json!({ "payment": "1,00" })))
            .await
    };
    let reader = issuer.token(|_, _| {});
    assert_eq!(list(&reader).await.status, 200);
    create(&reader).await.is_problem(403, "forbidden");
    let writer = issuer.token(|_, claims| claims["scope"] = json!("payments:write"));
    let created = create(&writer).await;
    assert_eq!(created.status, 201);
    let events =
        client.get(&format!("/v1/payments/{}/events", created.body["id"].as_str().unwrap())).await;
    assert_eq!(events.body["data"][0]["actor"], "oidc:ana");

    // Forms that issuers use besides.
    let list_of_scopes =
        issuer.token(|_, claims| claims["scope"] = json!(["openid", "payments:read"]));
    assert_eq!(list(&list_of_scopes).await.status, 200);
    let by_scp = issuer.token(|_, claims| {
        claims["scope"] = json!("");
        claims["scp"] = json!("payments:read");
    });
    assert_eq!(list(&by_scp).await.status, 200);
    let fraction =
        issuer.token(|_, claims| claims["exp"] = json!(claims["exp"].as_f64().unwrap() + 0.5));
    assert_eq!(list(&fraction).await.status, 200);
    for (what, token) in [
        ("expired", issuer.token(|_, claims| claims["exp"] = json!(1_000_000))),
        ("for others", issuer.token(|_, claims| claims["aud"] = json!("shop"))),
        ("of another issuer", issuer.token(|_, claims| claims["iss"] = json!("http://elsewhere"))),
        ("of an unknown key", issuer.token(|header, _| header.kid = Some("k2".to_owned()))),
        ("without a subject", issuer.token(|_, claims| claims["sub"] = Value::Null)),
        ("not valid yet", issuer.token(|_, claims| claims["nbf"] = json!(4_000_000_000_u64))),
    ] {
        let refused = list(&token).await;
        assert_eq!(refused.status, 401, "a token {what} was let in");
        assert!(refused.header("www-authenticate").ends_with("error=\"invalid_token\""));
    }
    let mut forged: Vec<_> = reader.split('.').map(str::to_owned).collect();
    forged[1] = URL_SAFE_NO_PAD.encode(json!({ "iss": issuer.url, "aud": "payments", "sub": "eve", "exp": 4_000_000_000_u64, "scope": "payments:write" }).to_string());
    list(&forged.join(".")).await.is_problem(401, "unauthenticated");
    let none = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"k1"}"#), forged[1]);
    list(&none).await.is_problem(401, "unauthenticated");
}

/// Wrong credentials are counted by address. Right ones are looked at all the same: many share an address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_is_slowed_down_and_locks_nobody_out() {
    let database = Database::sqlite();
    let service = Service::start(&database, &[("TRUSTED_PROXIES", "127.0.0.1, 10.1.0.0/16")]).await;
    let client = &service.client;
    let key = client.post("/v1/api-keys", json!({ "name": "x", "scopes": ["read"] })).await;
    let guess = async |forwarded: String, pass: String| {
        let request = client.bare("GET", "/list").header("x-forwarded-for", forwarded);
        send(request.basic_auth("admin", Some(pass))).await.status
    };
    let mut number = 0;
    while guess(
        format!("9.9.{}.{}, 8.8.8.8, 10.1.1.1", number / 250, number % 250),
        format!("guess {number}"),
    )
    .await
        == 401
    {
        number += 1;
        assert!(number < 2_000, "what the client invents before the first proxy's hop counts");
    }
    assert!(number >= 60, "refused after {number} guesses");
    let other = guess("8.8.8.9, 10.1.1.1".to_owned(), "a guess".to_owned()).await;
    assert_eq!(other, 401, "other addresses have a count of their own");
    // Seen for the first time, and from the address that guesses.
    let secret = key.body["secret"].as_str().unwrap();
    let fresh =
        client.bare("GET", "/list").header("x-forwarded-for", "8.8.8.8").bearer_auth(secret);
    assert_eq!(send(fresh).await.status, 200, "a right key is locked out");
    assert_eq!(guess("8.8.8.8".to_owned(), crate::service::PASS.to_owned()).await, 200);
}

/// Without a trusted proxy the header is a stranger's text.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_header_does_not_make_another_address() {
    let database = Database::sqlite();
    let service = Service::start(&database, &[]).await;
    let mut number = 0;
    loop {
        let request = service.client.bare("GET", "/list");
        let request =
            request.header("x-forwarded-for", format!("9.9.{}.{}", number / 250, number % 250));
        if send(request.basic_auth("admin", Some("wrong"))).await.status == 429 {
            break;
        }
        number += 1;
        assert!(number < 2_000, "nobody counts the guesses");
    }
    assert_eq!(service.client.get("/list").await.status, 200);
    let access: Vec<_> =
        service.logs().into_iter().filter(|line| line["target"] == "access").collect();
    assert!(access.iter().all(|line| line["client"] == "127.0.0.1"), "{access:?}");
}

/// An issuer that hangs keeps out only tokens whose key was never seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_issuer_keeps_known_keys_working() {
    let database = Database::sqlite();
    let issuer = Issuer::start().await;
    let port = issuer.url.rsplit(':').next().unwrap().parse().unwrap();
    let proxy = crate::proxy::Proxy::before(port).await;
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let settings = [("OIDC_ISSUER", url.as_str()), ("OIDC_AUDIENCE", "payments")];
    let service = Service::start(&database, &settings).await;
    let client = &service.client;
    let token = |kid: &str, subject: &str| {
        issuer.token(|header, claims| {
            header.kid = Some(kid.to_owned());
            claims["iss"] = json!(url);
            claims["sub"] = json!(subject);
        })
    };
    let list = async |token: String| send(client.bare("GET", "/list").bearer_auth(token)).await;
    assert_eq!(list(token("k1", "ana")).await.status, 200);
    // The keys' address in the issuer's document is not behind the proxy; the document itself is.
    proxy.set(crate::proxy::Mode::Stalled);
    tokio::time::sleep(std::time::Duration::from_secs(11)).await;
    let strangers: Vec<_> = (0..30)
        .map(|number| {
            let request =
                client.bare("GET", "/list").bearer_auth(token(&format!("x{number}"), "eve"));
            tokio::spawn(async move { send(request).await.status })
        })
        .collect();
    let began = std::time::Instant::now();
    for number in 0..10 {
        // Another subject each time, so that none is remembered.
        assert_eq!(list(token("k1", &format!("ana {number}"))).await.status, 200);
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(4), "{:?}", began.elapsed());
    for stranger in strangers {
        let status = stranger.await.unwrap();
        assert!([401, 429, 503].contains(&status), "{status}");
    }
}
