//! The conditions of a list that both databases understand alike; each has its own for what the data contains.

use sqlx::{Database, Encode, QueryBuilder, Type};
use uuid::Uuid;

use crate::payment::filter::Filter;

pub(super) fn push_filter<'q, DB>(
    query: &mut QueryBuilder<DB>,
    filter: &Filter,
    after: Option<Uuid>,
) where
    DB: Database,
    Uuid: Encode<'q, DB> + Type<DB>,
    i64: Encode<'q, DB> + Type<DB>,
    &'static str: Encode<'q, DB> + Type<DB>,
{
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
}
