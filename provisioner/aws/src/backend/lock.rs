//! The lock table: one item per environment, changed by conditional updates only.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::config::{Builder as Config, timeout::TimeoutConfig};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnRefusal,
};
use engine::lock::{Answer, Claim, Holder, LockTable, Row, Write};
use engine::{Class, Error, Result};

use crate::Aws;
use crate::error::error;

/// The table's partition key: `shop/prod`.
pub(crate) const KEY: &str = "environment";

/// The rows of a lock table. Takes the connection without a guard: the lock cannot depend on itself.
#[derive(Clone, Debug)]
pub struct Locks {
    aws: Aws,
    table: String,
}

type Item = HashMap<String, AttributeValue>;

impl Locks {
    #[must_use]
    pub fn new(aws: &Aws, table: &str) -> Self {
        Self { aws: aws.clone(), table: table.into() }
    }
}

/// Within a lease there is no time for the patience that other calls have.
fn hasty() -> Config {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(3))
        .operation_timeout(Duration::from_secs(8))
        .build();
    Config::new().timeout_config(timeouts)
}

impl LockTable for Locks {
    async fn get(&self, key: &str) -> Result<Option<Row>> {
        let call = self.aws.read().dynamodb.get_item().table_name(&self.table);
        let answer = call
            .key(KEY, text(key))
            .consistent_read(true)
            .customize()
            .config_override(hasty())
            .send()
            .await
            .map_err(|e| error("dynamodb:GetItem", e))?;
        answer.item.as_ref().map(row).transpose()
    }

    async fn write(&self, key: &str, write: &Write) -> Result<Answer> {
        let update = Update::of(write);
        let call = self.aws.write()?.dynamodb.update_item().table_name(&self.table);
        let answer = call
            .key(KEY, text(key))
            .update_expression(update.expression())
            .condition_expression(update.condition)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(OnRefusal::AllOld)
            .customize()
            .config_override(hasty())
            .send()
            .await;
        match answer {
            Ok(done) => Ok(Answer::Done(row(&done.attributes.unwrap_or_default())?)),
            Err(refused) => match refused.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(check)) => {
                    Ok(Answer::Refused(check.item().map(row).transpose()?))
                }
                _ => Err(error("dynamodb:UpdateItem", refused)),
            },
        }
    }
}

/// An update expression in the making. Every name is spoken of by a placeholder: `owner`, `host` and
/// others are reserved words (DynamoDB: "Reserved words").
#[derive(Debug, Default)]
struct Update {
    set: Vec<String>,
    remove: Vec<String>,
    add: Vec<String>,
    condition: String,
    names: HashMap<String, String>,
    values: Item,
}

impl Update {
    fn of(write: &Write) -> Self {
        let mut update = Self::default();
        update.put("rvn", text(write.rvn()));
        match write {
            Write::Take { seen, claim, raise, .. } => {
                update.claim(claim);
                update.raise_fence(*raise);
                match seen {
                    Some(seen) => update.require("rvn", text(seen)),
                    None => update.condition = format!("attribute_not_exists({})", update_key()),
                }
            }
            Write::Beat { seen, owner, fence, at, .. } => {
                update.put("beat", text(at));
                update.require("owner", text(owner));
                update.require("fence", number(fence));
                update.require("rvn", text(seen));
            }
            Write::Release { owner, fence, .. } => {
                update.clear("owner");
                update.require("owner", text(owner));
                update.require("fence", number(fence));
            }
            Write::Force { fence, .. } => {
                update.clear("owner");
                update.raise_fence(1);
                update.require("fence", number(fence));
            }
        }
        if update.condition.contains(&update_key()) {
            update.names.insert(update_key(), KEY.into());
        }
        update
    }

    fn claim(&mut self, Claim { owner, lease, holder, beat }: &Claim) {
        self.put("owner", text(owner));
        self.put("lease_ms", number(&lease.as_millis()));
        self.put("beat", text(beat));
        self.put("who", text(&holder.who));
        self.put("host", text(&holder.host));
        self.put("pid", number(&holder.pid));
        self.put("operation", text(&holder.operation));
        self.put("started", text(&holder.started));
        match &holder.run {
            Some(run) => self.put("run", text(run)),
            None => self.clear("run"),
        }
    }

    fn name(&mut self, name: &str) -> String {
        let placeholder = format!("#{name}");
        self.names.insert(placeholder.clone(), name.into());
        placeholder
    }

    fn put(&mut self, name: &str, value: AttributeValue) {
        let placeholder = self.name(name);
        self.set.push(format!("{placeholder} = :{name}"));
        self.values.insert(format!(":{name}"), value);
    }

    fn clear(&mut self, name: &str) {
        let placeholder = self.name(name);
        self.remove.push(placeholder);
    }

    fn raise_fence(&mut self, by: u64) {
        let placeholder = self.name("fence");
        self.add.push(format!("{placeholder} :raise"));
        self.values.insert(":raise".into(), number(&by));
    }

    fn require(&mut self, name: &str, value: AttributeValue) {
        let placeholder = self.name(name);
        let and = if self.condition.is_empty() { "" } else { " AND " };
        self.condition.extend([and, &placeholder, " = :seen_", name]);
        self.values.insert(format!(":seen_{name}"), value);
    }

    fn expression(&self) -> String {
        let clause = |verb: &str, parts: &[String]| match parts {
            [] => String::new(),
            parts => format!("{verb} {} ", parts.join(", ")),
        };
        let clauses =
            [clause("SET", &self.set), clause("REMOVE", &self.remove), clause("ADD", &self.add)];
        clauses.concat().trim_end().to_owned()
    }
}

fn update_key() -> String {
    format!("#{KEY}")
}

fn text(value: &(impl ToString + ?Sized)) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

fn number(value: &impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Reads an item. Attributes of an earlier holder stay after a release: only `owner` says whether
/// somebody has the lock.
fn row(item: &Item) -> Result<Row> {
    let claim = match item.get("owner") {
        None => None,
        Some(_) => Some(Claim {
            owner: field(item, "owner")?,
            lease: Duration::from_millis(field(item, "lease_ms")?),
            beat: field(item, "beat")?,
            holder: Holder {
                who: field(item, "who")?,
                host: field(item, "host")?,
                pid: field(item, "pid")?,
                operation: field(item, "operation")?,
                started: field(item, "started")?,
                run: item.get("run").map(|_| field(item, "run")).transpose()?,
            },
        }),
    };
    Ok(Row { fence: field(item, "fence")?, rvn: field(item, "rvn")?, claim })
}

fn field<F: std::str::FromStr>(item: &Item, name: &str) -> Result<F> {
    let value = match item.get(name) {
        Some(AttributeValue::S(value) | AttributeValue::N(value)) => value.parse().ok(),
        _ => None,
    };
    value.ok_or_else(|| {
        let message =
            format!("the lock row has no readable `{name}`: it was not written by this program");
        Error::new(Class::State, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_a_fence_is_refused() {
        let item = Item::from([("rvn".to_owned(), text("r"))]);
        let error = row(&item).unwrap_err();
        assert!(error.is(Class::State) && error.message.contains("`fence`"), "{error}");
    }

    #[test]
    fn what_a_former_holder_left_behind_is_no_claim() {
        let item = Item::from([
            ("rvn".to_owned(), text("r")),
            ("fence".to_owned(), number(&7)),
            ("who".to_owned(), text("anna")),
        ]);
        assert_eq!(row(&item).unwrap(), Row { fence: 7, rvn: "r".into(), claim: None });
    }
}
