//! Filters of lists as SQLite conditions.

use serde_json::Value;
use sqlx::{QueryBuilder, Sqlite as Lite};
use uuid::Uuid;

use crate::query::Filter;

pub(super) fn push_filter(query: &mut QueryBuilder<Lite>, filter: &Filter, after: Option<Uuid>) {
    query.push(if filter.show_deleted { " WHERE true" } else { " WHERE deleted_at IS NULL" });
    if let Some(after) = after {
        query.push(" AND id < ").push_bind(after);
    }
    if let Some(status) = filter.status {
        query.push(" AND status = ").push_bind(status.name());
    }
    if let Some(first) = filter.id_gte {
        query.push(" AND id >= ").push_bind(first);
    }
    if let Some(end) = filter.id_lt {
        query.push(" AND id < ").push_bind(end);
    }
    if let Some(least) = filter.amount_gte {
        query.push(" AND amount_minor >= ").push_bind(least);
    }
    if let Some(most) = filter.amount_lte {
        query.push(" AND amount_minor <= ").push_bind(most);
    }
    if let Some(contained) = &filter.data {
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
