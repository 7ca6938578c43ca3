//! Filters of lists as SQLite conditions.

use serde_json::Value;
use sqlx::{QueryBuilder, Sqlite as Lite};
use uuid::Uuid;

use crate::payment::filter::Filter;

pub(super) fn push_filter(query: &mut QueryBuilder<Lite>, filter: &Filter, after: Option<Uuid>) {
    crate::store::filter::push_filter(query, filter, after);
    if let Some(contained) = &filter.data {
        query.push(" AND json_type(data) = 'object'");
        push_contained(query, "$", &contained.0);
    }
}

/// What `@>` is on Postgres, member by member: the member exists there, is of the same kind and equal.
fn push_contained(
    query: &mut QueryBuilder<Lite>,
    path: &str,
    members: &serde_json::Map<String, Value>,
) {
    for (key, value) in members {
        let path = format!("{path}.{}", Value::String(key.clone()));
        let kind = match value {
            Value::Object(inner) => {
                query.push(" AND json_type(data, ").push_bind(path.clone()).push(") = 'object'");
                push_contained(query, &path, inner);
                continue;
            }
            Value::Null => "('null')",
            Value::Bool(true) => "('true')",
            Value::Bool(false) => "('false')",
            Value::Number(_) => "('integer', 'real')",
            Value::String(_) | Value::Array(_) => "('text')",
        };
        query.push(" AND json_type(data, ").push_bind(path.clone()).push(") IN ").push(kind);
        match value {
            Value::Number(number) => {
                query.push(" AND json_extract(data, ").push_bind(path).push(") = json_extract(");
                query.push_bind(number.to_string()).push(", '$')");
            }
            Value::String(text) => {
                query
                    .push(" AND json_extract(data, ")
                    .push_bind(path)
                    .push(") = ")
                    .push_bind(text.clone());
            }
            _ => {}
        }
    }
}
