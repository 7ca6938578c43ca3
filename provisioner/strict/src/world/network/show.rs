//! EC2's answers as AWS would give them now: pending and deleted states, interfaces of what AWS runs, addresses in use.

use std::collections::BTreeSet;

use super::{Eni, Network};
use crate::wire::Request;
use crate::wire::xml::Element;
use crate::world::value::{filters, like, texts};

impl Network {
    /// Changes an answer in place. True when it differs from what the emulator said.
    pub(crate) fn show(
        &self,
        request: &Request,
        root: &mut Element,
        enis: &[Eni],
        now: f64,
    ) -> bool {
        match request.operation.as_str() {
            "CreateNatGateway" => {
                root.child_mut("natGateway").is_some_and(|item| self.show_nat(item, now))
            }
            "DescribeNatGateways" => {
                let set = set(root, "natGatewaySet");
                self.show_nats(request, set, now);
                true
            }
            "DescribeAddresses" => {
                set(root, "addressesSet")
                    .children
                    .iter_mut()
                    .for_each(|item| self.show_address(item, enis, now));
                true
            }
            "CreateVpcEndpoint" => root
                .child_mut("vpcEndpoint")
                .is_some_and(|item| self.show_endpoint(item, enis, now)),
            "DescribeVpcEndpoints" => {
                self.show_endpoints(request, set(root, "vpcEndpointSet"), enis, now);
                true
            }
            "DescribeRouteTables" => self.show_tables(set(root, "routeTableSet"), now),
            "DescribeNetworkInterfaces" => {
                self.show_enis(request, set(root, "networkInterfaceSet"), enis);
                true
            }
            _ => false,
        }
    }

    fn show_nat(&self, item: &mut Element, now: f64) -> bool {
        let Some(nat) = self.nats.get(item.get("natGatewayId")) else { return false };
        let Some(state) = nat.state(now) else { return false };
        item.set("state", state);
        if let (Some((code, message)), "failed") = (&nat.failure, state) {
            item.set("failureCode", *code);
            item.set("failureMessage", message.clone());
        }
        true
    }

    fn show_nats(&self, request: &Request, set: &mut Element, now: f64) {
        // The emulator filtered by its own states: what it left out because of them is put back first.
        let present: BTreeSet<String> =
            set.children.iter().map(|i| i.get("natGatewayId").to_owned()).collect();
        let absent = self.nats.iter().filter(|(id, _)| !present.contains(*id));
        set.children.extend(absent.map(|(_, nat)| nat.item.clone()).map(|mut item| {
            item.name = "item".into();
            item
        }));
        set.children.retain_mut(|item| {
            let id = item.get("natGatewayId").to_owned();
            let Some(nat) = self.nats.get(&id) else { return true };
            if nat.state(now).is_none() {
                return false;
            }
            self.show_nat(item, now);
            wanted(request, "NatGatewayId", &id)
                && matches(
                    request,
                    item,
                    &[
                        ("state", "state"),
                        ("vpc-id", "vpcId"),
                        ("subnet-id", "subnetId"),
                        ("nat-gateway-id", "natGatewayId"),
                    ],
                )
        });
    }

    fn show_address(&self, item: &mut Element, enis: &[Eni], now: f64) {
        let id = item.get("allocationId").to_owned();
        let Some(address) = self.addresses.get(&id) else { return };
        if address.association.is_some() {
            return;
        }
        let holder = self
            .nats
            .iter()
            .find(|(_, n)| n.address.as_deref() == Some(id.as_str()) && n.holds(now));
        let gone =
            ["associationId", "networkInterfaceId", "privateIpAddress", "networkInterfaceOwnerId"];
        item.children.retain(|c| !gone.contains(&c.name.as_str()));
        if let Some((nat, _)) = holder {
            item.set("associationId", format!("eipassoc-{}", id.trim_start_matches("eipalloc-")));
            item.set("networkInterfaceOwnerId", "amazon-aws");
            let description = format!("Interface for NAT Gateway {nat}");
            if let Some(eni) = enis.iter().find(|e| e.description == description) {
                item.set("networkInterfaceId", eni.id.clone());
            }
        }
    }

    fn show_endpoint(&self, item: &mut Element, enis: &[Eni], now: f64) -> bool {
        let id = item.get("vpcEndpointId").to_owned();
        let Some(state) = self.endpoints.get(&id).and_then(|e| e.state(now)) else { return false };
        item.set("state", state);
        let description = format!("VPC Endpoint Interface {id}");
        let interfaces: Vec<_> = enis
            .iter()
            .filter(|e| e.description == description)
            .map(|e| Element::leaf("item", e.id.clone()))
            .collect();
        if !interfaces.is_empty() {
            item.children.retain(|c| c.name != "networkInterfaceIdSet");
            item.children.push(Element::node("networkInterfaceIdSet", interfaces));
        }
        true
    }

    fn show_endpoints(&self, request: &Request, set: &mut Element, enis: &[Eni], now: f64) {
        let present: BTreeSet<String> =
            set.children.iter().map(|i| i.get("vpcEndpointId").to_owned()).collect();
        let absent = self.endpoints.iter().filter(|(id, _)| !present.contains(*id));
        set.children.extend(absent.map(|(_, endpoint)| endpoint.item.clone()).map(|mut item| {
            item.name = "item".into();
            item
        }));
        set.children.retain_mut(|item| {
            let id = item.get("vpcEndpointId").to_owned();
            let Some(endpoint) = self.endpoints.get(&id) else { return true };
            if endpoint.state(now).is_none() {
                return false;
            }
            self.show_endpoint(item, enis, now);
            wanted(request, "VpcEndpointId", &id)
                && matches(
                    request,
                    item,
                    &[
                        ("vpc-endpoint-state", "state"),
                        ("vpc-id", "vpcId"),
                        ("service-name", "serviceName"),
                        ("vpc-endpoint-id", "vpcEndpointId"),
                        ("vpc-endpoint-type", "vpcEndpointType"),
                    ],
                )
        });
    }

    /// Routes to a gateway that is gone are black holes.
    fn show_tables(&self, set: &mut Element, now: f64) -> bool {
        let mut changed = false;
        let routes = set.children.iter_mut().filter_map(|table| table.child_mut("routeSet"));
        for route in routes.flat_map(|routes| routes.children.iter_mut()) {
            let dead = self
                .nats
                .get(route.get("natGatewayId"))
                .is_some_and(|nat| !matches!(nat.state(now), Some("pending" | "available")));
            if dead {
                route.set("state", "blackhole");
                changed = true;
            }
        }
        changed
    }

    /// Replaces the interfaces that the emulator made up for what AWS runs by those that exist here.
    fn show_enis(&self, request: &Request, set: &mut Element, enis: &[Eni]) {
        let items =
            self.nats.values().map(|n| &n.item).chain(self.endpoints.values().map(|e| &e.item));
        let owned: Vec<String> =
            items.flat_map(|item| crate::redact::ids(&item.to_value())).collect();
        set.children.retain(|item| {
            let ours = ["ELB ", "Interface for NAT", "VPC Endpoint"];
            let ours = ours.iter().any(|d| item.get("description").starts_with(d));
            !ours && !owned.iter().any(|id| id == item.get("networkInterfaceId"))
        });
        for eni in enis.iter().filter(|e| e.synthetic) {
            if wanted(request, "NetworkInterfaceId", &eni.id) && eni.matches(&request.parameters) {
                set.children.push(eni.item());
            }
        }
    }
}

impl Eni {
    fn matches(&self, parameters: &serde_json::Value) -> bool {
        filters(parameters).iter().all(|(name, values)| {
            let any = |subject: &str| values.iter().any(|v| like(v, subject));
            match name.as_str() {
                "vpc-id" => any(&self.vpc),
                "subnet-id" => any(&self.subnet),
                "group-id" => self.groups.iter().any(|g| any(g)),
                "description" => any(&self.description),
                "requester-id" | "attachment.instance-owner-id" => any(self.requester),
                "requester-managed" => any("true"),
                "network-interface-id" => any(&self.id),
                "interface-type" => any(self.kind),
                "status" => any("in-use"),
                "availability-zone" => any(&self.zone),
                "attachment.status" => any("attached"),
                _ => false,
            }
        })
    }

    fn item(&self) -> Element {
        let leaf = |name, text: &str| Element::leaf(name, text);
        let groups =
            self.groups.iter().map(|g| Element::node("item", vec![leaf("groupId", g)])).collect();
        let attachment = Element::node(
            "attachment",
            vec![
                leaf("attachmentId", &self.id.replacen("eni-", "eni-attach-", 1)),
                leaf("instanceOwnerId", self.requester),
                leaf("status", "attached"),
                leaf("deleteOnTermination", "false"),
            ],
        );
        Element::node(
            "item",
            vec![
                leaf("networkInterfaceId", &self.id),
                leaf("subnetId", &self.subnet),
                leaf("vpcId", &self.vpc),
                leaf("availabilityZone", &self.zone),
                leaf("description", &self.description),
                leaf("requesterId", self.requester),
                leaf("requesterManaged", "true"),
                leaf("status", "in-use"),
                leaf("interfaceType", self.kind),
                Element::node("groupSet", groups),
                attachment,
                Element::node("tagSet", Vec::new()),
            ],
        )
    }
}

/// The list of an answer, made when the emulator left it out.
fn set<'a>(root: &'a mut Element, name: &str) -> &'a mut Element {
    let at = root.children.iter().position(|c| c.name == name).unwrap_or_else(|| {
        root.children.push(Element::node(name, Vec::new()));
        root.children.len() - 1
    });
    let set = &mut root.children[at];
    set.text.clear();
    set
}

/// Whether a request that names ids names this one, or names none.
fn wanted(request: &Request, key: &str, id: &str) -> bool {
    let ids = texts(&request.parameters, key);
    ids.is_empty() || ids.iter().any(|i| i == id)
}

/// The request's filters against an item, by the fields known here and by its tags.
fn matches(request: &Request, item: &Element, fields: &[(&str, &str)]) -> bool {
    filters(&request.parameters).iter().all(|(name, values)| {
        if let Some((_, field)) = fields.iter().find(|(filter, _)| filter == name) {
            return values.iter().any(|v| like(v, item.get(field)));
        }
        let tags = || item.child("tagSet").map_or(&[][..], |t| &t.children[..]).iter();
        if let Some(key) = name.strip_prefix("tag:") {
            return tags()
                .any(|t| t.get("key") == key && values.iter().any(|v| like(v, t.get("value"))));
        }
        name != "tag-key" || tags().any(|t| values.iter().any(|v| like(v, t.get("key"))))
    })
}
