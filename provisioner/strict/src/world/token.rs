//! Idempotency tokens: the same token with the same parameters gets the same answer. Emulators forget most of them.

use std::collections::HashMap;

use serde_json::Value;

use super::Verdict;
use super::value::text;
use crate::wire::Request;
use crate::wire::answer::Content;
use crate::wire::error::Fault;

/// Operations with a token: the operation, the token's parameter, the code for the same token with other parameters.
const TOKENS: [(&str, &str, &str, &str); 6] = [
    ("ec2", "CreateNatGateway", "ClientToken", "IdempotentParameterMismatch"),
    ("ec2", "CreateRouteTable", "ClientToken", "IdempotentParameterMismatch"),
    ("ec2", "CreateVpcEndpoint", "ClientToken", "IdempotentParameterMismatch"),
    ("ec2", "CreateFlowLogs", "ClientToken", "IdempotentParameterMismatch"),
    ("ecs", "CreateService", "clientToken", "InvalidParameterException"),
    ("secretsmanager", "CreateSecret", "ClientRequestToken", "ResourceExistsException"),
];

#[derive(Debug, Default)]
pub(crate) struct Tokens(HashMap<(String, String), (Value, Content)>);

impl Tokens {
    fn key(request: &Request) -> Option<((String, String), &'static str)> {
        let (.., token, mismatch) =
            TOKENS.iter().find(|(s, o, ..)| *s == request.service && *o == request.operation)?;
        let value = text(&request.parameters, token);
        (!value.is_empty()).then(|| ((request.operation.clone(), value.to_owned()), *mismatch))
    }

    pub(crate) fn judge(&self, request: &Request) -> Option<Verdict> {
        let (key, mismatch) = Self::key(request)?;
        let (asked, answer) = self.0.get(&key)?;
        Some(if *asked == request.parameters {
            Verdict::Replay(answer.clone())
        } else {
            let message =
                format!("The client token {} was used before with other parameters.", key.1);
            Fault::refusal(mismatch, message).into()
        })
    }

    pub(crate) fn learn(&mut self, request: &Request, content: &Content) {
        if let Some((key, _)) = Self::key(request) {
            self.0.insert(key, (request.parameters.clone(), content.clone()));
        }
    }
}
