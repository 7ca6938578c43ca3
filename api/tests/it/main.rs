//! The API from outside: the real binary over HTTP, on SQLite and on a real Postgres, broken as production breaks.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops with the reason")]

mod auth;
mod cache;
mod changes;
mod client;
mod connections;
mod contract;
mod crash;
mod database;
mod documents;
mod health;
mod idempotency;
mod limits;
mod lists;
mod outage;
mod pooler;
mod pressure;
mod proxy;
mod race;
mod rolling;
mod service;
mod settings;
mod telemetry;
mod webhooks;

/// Makes each test run on both databases.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::database::Database::sqlite()).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::database::Database::postgres().await).await;
            })*
        }
    };
}
pub(crate) use on_both;
