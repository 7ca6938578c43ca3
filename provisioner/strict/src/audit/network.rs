//! Rules of taking a network down: what must be gone, and be seen to, before what it stood on.

mod gateway;
mod group;
mod place;

use serde_json::Value;

use super::Report;
use super::history::History;
use super::kinds::{BALANCER, ENDPOINT, NAT};
use crate::call::Call;
use crate::world::value::text;

pub(super) fn check(history: &History<'_>, call: &Call, report: &mut Report) {
    match call.operation.as_str() {
        "DeleteSecurityGroup" => group::delete(history, call, report),
        "DeleteNatGateway" => gateway::delete_nat(history, call, report),
        "ReleaseAddress" => gateway::release_address(history, call, report),
        "DetachInternetGateway" => gateway::detach(history, call, report),
        "DeleteInternetGateway" => gateway::delete(history, call, report),
        "DeleteRouteTable" => place::delete_table(history, call, report),
        "DeleteSubnet" => place::delete_subnet(history, call, report),
        "DeleteVpc" => place::delete_vpc(history, call, report),
        _ => {}
    }
}

/// NAT gateways that the client knew of, chosen by their object and by the request that made them.
fn nats(history: &History<'_>, at: &Call, wanted: impl Fn(&Value, &Value) -> bool) -> Vec<String> {
    let asked = |id: &str| {
        let made =
            history.done(at, "CreateNatGateway").find(|c| c.response_ids.iter().any(|i| i == id));
        made.map_or(&Value::Null, |c| &c.parameters)
    };
    history
        .known(at, &NAT)
        .into_iter()
        .filter(|(id, n)| wanted(n, asked(id)))
        .map(|(id, _)| id.to_owned())
        .collect()
}

fn nat_deleted(history: &History<'_>, at: &Call, id: &str) -> bool {
    let state = history.seen(at, &NAT, id).map_or("", |n| text(n, "state"));
    matches!(state, "deleted" | "failed") || history.missed(at, &NAT, id)
}

/// Whether a load balancer was deleted, and its interfaces looked for in vain since.
fn balancer_gone(history: &History<'_>, at: &Call, arn: &str, place: &[(&str, &str)]) -> bool {
    let name = arn.split_once(":loadbalancer/").map_or(arn, |(_, name)| name);
    let description = format!("ELB {name}");
    let mut allowed = vec![("description", description.as_str()), ("requester-id", "amazon-elb")];
    allowed.extend_from_slice(place);
    let deleted = history.gone(at, &BALANCER, arn);
    let enis = history.interfaces(at, &allowed);
    deleted && enis.is_some_and(|enis| !enis.iter().any(|e| text(e, "description") == description))
}

/// Rule 43: what an endpoint used is deleted after it.
fn endpoint_gone(history: &History<'_>, call: &Call, endpoint: &str, report: &mut Report) {
    let gone = history.missed(call, &ENDPOINT, endpoint);
    report.require(gone, 43, call, &format!("{endpoint} was not seen gone"));
}
