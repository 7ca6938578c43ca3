//! Reading a page row by row, so that no more of it is in memory than is shown.

use futures::{Stream, TryStreamExt};
use sqlx::Connection;

use super::pool::Lent;
use crate::{
    payment::Payment,
    query::{FoundPage, Page},
};

/// A page, and whether the database has nothing more to send.
pub(super) type Collected = Result<(FoundPage, bool), sqlx::Error>;

/// Takes rows until the page is full.
pub(super) async fn collect_page<R>(
    mut rows: impl Stream<Item = Result<R, sqlx::Error>> + Unpin,
    page: Page,
    read: impl Fn(&R) -> Result<Payment, sqlx::Error>,
) -> Collected {
    let (mut found, mut bytes) = (FoundPage::default(), 0);
    while let Some(row) = rows.try_next().await? {
        if !found.push(read(&row)?, page, &mut bytes) {
            // The query asks for one row more than the page, so that only a page cut by size leaves rows behind.
            let last = i64::try_from(found.payments.len()).is_ok_and(|length| length == page.limit);
            return Ok((found, last && rows.try_next().await?.is_none()));
        }
    }
    Ok((found, true))
}

/// Gives the page, and the connection back when nothing is left on it; else it has to prove itself first.
pub(super) fn settle_page<C: Connection + 'static>(
    connection: &mut Lent<C>,
    collected: Collected,
) -> Result<FoundPage, sqlx::Error> {
    match collected {
        Ok((found, false)) => Ok(found),
        Ok((found, true)) => connection.settle(Ok(found)),
        Err(error) => connection.settle(Err(error)),
    }
}
