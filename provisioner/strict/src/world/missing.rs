//! Ids that do not exist: AWS answers an error where emulators answer an empty list, and the other way round for what
//! is still on its way out.

use super::value::{filters, texts};
use crate::wire::Request;
use crate::wire::answer::Content;
use crate::wire::error::Fault;
use crate::wire::xml::Element;

/// Operation, parameter with the ids, the list, its id field, the code for an unknown one.
const LOOKUPS: [(&str, &str, &str, &str, &str); 4] = [
    ("DescribeNatGateways", "NatGatewayId", "natGatewaySet", "natGatewayId", "NatGatewayNotFound"),
    (
        "DescribeRouteTables",
        "RouteTableId",
        "routeTableSet",
        "routeTableId",
        "InvalidRouteTableID.NotFound",
    ),
    (
        "DescribeVpcEndpoints",
        "VpcEndpointId",
        "vpcEndpointSet",
        "vpcEndpointId",
        "InvalidVpcEndpointId.NotFound",
    ),
    (
        "DescribeNetworkInterfaces",
        "NetworkInterfaceId",
        "networkInterfaceSet",
        "networkInterfaceId",
        "InvalidNetworkInterfaceID.NotFound",
    ),
];

/// Refuses a lookup by id that found less than it asked for.
pub(super) fn check(request: &Request, content: &Content) -> Result<(), Fault> {
    let Content::Xml(root) = content else { return Ok(()) };
    let Some((_, parameter, set, field, code)) =
        LOOKUPS.iter().find(|(o, ..)| *o == request.operation)
    else {
        return Ok(());
    };
    if !filters(&request.parameters).is_empty() {
        return Ok(());
    }
    let found = |id: &String| {
        root.child(set).is_some_and(|s| s.children.iter().any(|i| i.get(field) == id))
    };
    match texts(&request.parameters, parameter).into_iter().find(|id| !found(id)) {
        Some(id) => Err(Fault::refusal(code, format!("The ID '{id}' does not exist"))),
        None => Ok(()),
    }
}

pub(super) fn stand_in(request: &Request, code: &str) -> Option<Content> {
    let (operation, ..) =
        LOOKUPS.iter().find(|(o, ..)| request.service == "ec2" && *o == request.operation)?;
    if !code.ends_with("NotFound") && !code.ends_with("Malformed") {
        return None;
    }
    let mut root =
        Element::node(&format!("{operation}Response"), vec![Element::leaf("requestId", "strict")]);
    root.namespace = Some("http://ec2.amazonaws.com/doc/2016-11-15/".into());
    Some(Content::Xml(root))
}
