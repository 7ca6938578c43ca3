//! The lock table: there, ours, and set up.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, PointInTimeRecoverySpecification,
    PointInTimeRecoveryStatus, ScalarAttributeType, SseSpecification, SseType, TableDescription,
    TableStatus, Tag,
};
use engine::clock::Backoff;
use engine::{Class, Error, Result};

use super::{Making, TABLE};
use crate::backend::lock::KEY;
use crate::error::error;

impl Making<'_> {
    pub(super) async fn table(&self) -> Result<()> {
        let seen = if let Some(seen) = self.describe_table().await? {
            seen
        } else {
            self.patiently(TABLE, || self.create_table()).await?;
            self.active_table().await?
        };
        self.is_lock_table(&seen)?;
        let seen = match seen.table_status() {
            Some(TableStatus::Active) => seen,
            _ => self.active_table().await?,
        };
        // One change of a table at a time.
        if seen.deletion_protection_enabled() != Some(true) {
            self.patiently(TABLE, || self.protect_table(true)).await?;
            self.active_table().await?;
        }
        if !self.has_recovery().await? {
            self.patiently(TABLE, || self.enable_recovery()).await?;
        }
        Ok(())
    }

    pub(super) async fn describe_table(&self) -> Result<Option<TableDescription>> {
        let call = self.aws.read().dynamodb.describe_table().table_name(&self.backend.table);
        match call.send().await.map_err(|e| error("dynamodb:DescribeTable", e)) {
            Ok(answer) => Ok(answer.table),
            Err(failure) if failure.is(Class::Absent) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn create_table(&self) -> Result<()> {
        let key = AttributeDefinition::builder()
            .attribute_name(KEY)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .map_err(super::unbuildable)?;
        let schema = KeySchemaElement::builder()
            .attribute_name(KEY)
            .key_type(KeyType::Hash)
            .build()
            .map_err(super::unbuildable)?;
        let tags = self.backend.tags().map(|(k, v)| Tag::builder().key(k).value(v).build());
        let tags = tags.collect::<Result<Vec<_>, _>>().map_err(super::unbuildable)?;
        let by = self.backend.kms.as_ref().map(|key| {
            let by = SseSpecification::builder().enabled(true).sse_type(SseType::Kms);
            by.kms_master_key_id(key).build()
        });
        let call = self.aws.write()?.dynamodb.create_table().table_name(&self.backend.table);
        let answer = call
            .attribute_definitions(key)
            .key_schema(schema)
            .billing_mode(BillingMode::PayPerRequest)
            .deletion_protection_enabled(true)
            .set_tags(Some(tags))
            .set_sse_specification(by)
            .send()
            .await;
        match answer.map_err(|e| error("dynamodb:CreateTable", e)) {
            // The other of two first runs was faster.
            Err(failure) if failure.is(Class::Exists) => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Waits until the table takes calls.
    async fn active_table(&self) -> Result<TableDescription> {
        let mut backoff = Backoff::new();
        loop {
            let seen = self.describe_table().await?;
            let status = seen.as_ref().and_then(|table| table.table_status().cloned());
            if let (Some(table), Some(TableStatus::Active)) = (seen, &status) {
                return Ok(table);
            }
            let Some(delay) = backoff.next(TABLE) else {
                let status = status.map_or_else(|| "absent".into(), |status| status.to_string());
                let message = format!("the table {} is still {status}", self.backend.table);
                return Err(Error::new(Class::Stuck, message));
            };
            self.clock.sleep(delay).await;
        }
    }

    fn is_lock_table(&self, seen: &TableDescription) -> Result<()> {
        let keys: Vec<_> = seen.key_schema().iter().map(KeySchemaElement::attribute_name).collect();
        if keys == [KEY] {
            return Ok(());
        }
        let message = format!(
            "the table {} in {} has the key {keys:?}, not `{KEY}`: it is not a lock table",
            self.backend.table, self.backend.region
        );
        Err(Error::new(Class::Foreign, message))
    }

    pub(super) async fn protect_table(&self, protect: bool) -> Result<()> {
        let call = self.aws.write()?.dynamodb.update_table().table_name(&self.backend.table);
        let answer = call.deletion_protection_enabled(protect).send().await;
        answer.map_err(|e| error("dynamodb:UpdateTable", e)).map(drop)
    }

    async fn has_recovery(&self) -> Result<bool> {
        let call = self.aws.read().dynamodb.describe_continuous_backups();
        let answer = call
            .table_name(&self.backend.table)
            .send()
            .await
            .map_err(|e| error("dynamodb:DescribeContinuousBackups", e))?;
        let recovery = answer
            .continuous_backups_description
            .and_then(|backups| backups.point_in_time_recovery_description)
            .and_then(|recovery| recovery.point_in_time_recovery_status);
        Ok(recovery == Some(PointInTimeRecoveryStatus::Enabled))
    }

    async fn enable_recovery(&self) -> Result<()> {
        let on = PointInTimeRecoverySpecification::builder()
            .point_in_time_recovery_enabled(true)
            .build()
            .map_err(super::unbuildable)?;
        let call = self.aws.write()?.dynamodb.update_continuous_backups();
        let answer = call
            .table_name(&self.backend.table)
            .point_in_time_recovery_specification(on)
            .send()
            .await;
        answer.map_err(|e| error("dynamodb:UpdateContinuousBackups", e)).map(drop)
    }
}
