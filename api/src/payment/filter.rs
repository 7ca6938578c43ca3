//! What a list may be asked: filters and a page.

use uuid::Uuid;

use crate::payment::{Payment, Status};

/// Conditions on payments; all must hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub status: Option<Status>,
    /// Ids begin with the time of creation: a time is asked of the primary key.
    pub id_gte: Option<Uuid>,
    pub id_lt: Option<Uuid>,
    /// Centavos, inclusive.
    pub amount_gte: Option<i64>,
    /// Centavos, inclusive.
    pub amount_lte: Option<i64>,
    /// The data contains these members.
    pub data: Option<Contained>,
    pub show_deleted: bool,
}

impl Filter {
    /// True when nothing but liveness is asked.
    #[must_use]
    pub(crate) fn is_plain(&self) -> bool {
        let Self { status, id_gte, id_lt, amount_gte, amount_lte, data, show_deleted } = self;
        status.is_none()
            && id_gte.is_none()
            && id_lt.is_none()
            && amount_gte.is_none()
            && amount_lte.is_none()
            && data.is_none()
            && !show_deleted
    }
}

/// An object whose members the data must contain: nested objects of texts, numbers, booleans and nulls.
#[derive(Clone, Debug)]
pub(crate) struct Contained(pub serde_json::Map<String, serde_json::Value>);

/// Where a page starts and how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Page {
    /// Only payments before this id, which is the last of the page before.
    pub after: Option<Uuid>,
    /// 1 to 100.
    pub limit: i64,
}

/// What was found of a page: it is cut short where it would become too large.
#[derive(Clone, Debug, Default)]
pub(crate) struct FoundPage {
    pub payments: Vec<Payment>,
    /// Whether others follow.
    pub has_more: bool,
}

impl FoundPage {
    /// The size of the data on one page at most; a single payment may be larger.
    const BYTES: usize = 1024 * 1024;

    /// Takes the next payment; false when the page has no room for it.
    pub(crate) fn push(&mut self, payment: Payment, page: Page, bytes: &mut usize) -> bool {
        let full = i64::try_from(self.payments.len()).is_ok_and(|length| length >= page.limit);
        *bytes += payment.data.text().len();
        self.has_more = full || (*bytes > Self::BYTES && !self.payments.is_empty());
        if !self.has_more {
            self.payments.push(payment);
        }
        !self.has_more
    }
}
