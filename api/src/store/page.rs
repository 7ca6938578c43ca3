//! Reading a page row by row, so that no more of it is in memory than is shown.

use futures::{Stream, TryStreamExt};

use super::rows::PaymentRow;
use crate::payment::filter::{FoundPage, Page};

/// Takes rows until the page is full; tells as well whether the database has nothing more to send.
pub(super) async fn collect_page(
    mut rows: impl Stream<Item = Result<PaymentRow, sqlx::Error>> + Unpin,
    page: Page,
) -> Result<(FoundPage, bool), sqlx::Error> {
    let (mut found, mut bytes) = (FoundPage::default(), 0);
    while let Some(row) = rows.try_next().await? {
        if !found.push(row.try_into()?, page, &mut bytes) {
            // The query asks for one row more than the page, so that only a page cut by size leaves rows behind.
            let last = i64::try_from(found.payments.len()).is_ok_and(|length| length == page.limit);
            return Ok((found, last && rows.try_next().await?.is_none()));
        }
    }
    Ok((found, true))
}
