//! What exists, by the emulator's own lists, asked past the strict cloud: names, because ids differ from run to run.

use std::collections::BTreeMap;

use roxmltree::{Document, Node};
use serde_json::{Value, json};

use crate::wire::Wire;
use crate::{Error, Result};

/// How many there are of each kind and name.
pub type Listing = BTreeMap<String, u32>;

/// EC2's lists: operation, kind, element that holds the items.
const EC2: [(&str, &str, &str); 9] = [
    ("DescribeVpcs", "vpc", "vpcSet"),
    ("DescribeSubnets", "subnet", "subnetSet"),
    ("DescribeRouteTables", "route table", "routeTableSet"),
    ("DescribeInternetGateways", "internet gateway", "internetGatewaySet"),
    ("DescribeNatGateways", "NAT gateway", "natGatewaySet"),
    ("DescribeAddresses", "address", "addressesSet"),
    ("DescribeSecurityGroups", "security group", "securityGroupInfo"),
    ("DescribeVpcEndpoints", "endpoint", "vpcEndpointSet"),
    ("DescribeNetworkInterfaces", "interface", "networkInterfaceSet"),
];

/// JSON lists: service, target, kind, list, field with the name.
const JSON: [(&str, &str, &str, &str, &str); 5] = [
    ("secretsmanager", "secretsmanager.ListSecrets", "secret", "SecretList", "Name"),
    ("logs", "Logs_20140328.DescribeLogGroups", "log group", "logGroups", "logGroupName"),
    (
        "ecr",
        "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories",
        "repository",
        "repositories",
        "repositoryName",
    ),
    ("dynamodb", "DynamoDB_20120810.ListTables", "table", "TableNames", ""),
    (
        "ecs",
        "AmazonEC2ContainerServiceV20141113.ListTaskDefinitions",
        "task definition",
        "taskDefinitionArns",
        "",
    ),
];

const ELB: &str = "2015-12-01";

/// What a release record's key has in it.
const RELEASES: &str = "/releases/";

/// A release that did not come to its end, and whose end says so.
pub const GIVEN_UP: &str = "release given up";

/// Of ECS's revisions.
pub const REVISION: &str = "task definition ";

/// Lists everything.
pub async fn list(wire: &Wire) -> Result<Listing> {
    let mut found = Listing::new();
    let mut note = |kind: &str, name: &str| {
        *found.entry(format!("{kind} {name}")).or_default() += 1;
    };
    for (operation, kind, set) in EC2 {
        let text = wire.query("ec2", "2016-11-15", &format!("Action={operation}")).await?;
        let document = parse(&text)?;
        for item in items(&document, set).filter(|item| text_of(*item, "state") != "deleted") {
            note(kind, &tag(item));
        }
    }
    let text = wire.query("elasticloadbalancing", ELB, "Action=DescribeLoadBalancers").await?;
    for balancer in items(&parse(&text)?, "LoadBalancers") {
        note("load balancer", text_of(balancer, "LoadBalancerName"));
        let arn = text_of(balancer, "LoadBalancerArn");
        let body = format!("Action=DescribeListeners&LoadBalancerArn={arn}");
        let listeners = wire.query("elasticloadbalancing", ELB, &body).await?;
        for listener in items(&parse(&listeners)?, "Listeners") {
            note("listener", text_of(listener, "Port"));
            let arn = text_of(listener, "ListenerArn");
            let body = format!("Action=DescribeRules&ListenerArn={arn}");
            let rules = wire.query("elasticloadbalancing", ELB, &body).await?;
            for rule in items(&parse(&rules)?, "Rules") {
                note("rule", text_of(rule, "Priority"));
            }
        }
    }
    let text = wire.query("elasticloadbalancing", ELB, "Action=DescribeTargetGroups").await?;
    for group in items(&parse(&text)?, "TargetGroups") {
        note("target group", text_of(group, "TargetGroupName"));
    }
    let text = wire.query("iam", "2010-05-08", "Action=ListRoles").await?;
    for role in items(&parse(&text)?, "Roles") {
        note("role", text_of(role, "RoleName"));
    }
    for (service, target, kind, list, field) in JSON {
        let answer = wire.json(service, target, &json!({})).await?;
        for item in answer[list].as_array().into_iter().flatten() {
            let name = if field.is_empty() { item } else { &item[field] };
            note(kind, last(name));
        }
    }
    services(wire, &mut note).await?;
    objects(wire, &mut note).await?;
    Ok(found)
}

async fn services(wire: &Wire, note: &mut impl FnMut(&str, &str)) -> Result<()> {
    let ecs = |operation: &str| format!("AmazonEC2ContainerServiceV20141113.{operation}");
    let clusters = wire.json("ecs", &ecs("ListClusters"), &json!({})).await?;
    for cluster in clusters["clusterArns"].as_array().into_iter().flatten() {
        note("cluster", last(cluster));
        let services =
            wire.json("ecs", &ecs("ListServices"), &json!({ "cluster": cluster })).await?;
        for service in services["serviceArns"].as_array().into_iter().flatten() {
            note("service", last(service));
        }
    }
    Ok(())
}

/// Buckets, and what is in them: a state that was left behind is found like anything else.
async fn objects(wire: &Wire, note: &mut impl FnMut(&str, &str)) -> Result<()> {
    let text = wire.get("/").await?;
    for bucket in items(&parse(&text)?, "Buckets") {
        let bucket = text_of(bucket, "Name");
        note("bucket", bucket);
        let text = wire.get(&format!("/{bucket}?list-type=2")).await?;
        let document = parse(&text)?;
        let contents = document.descendants().filter(|node| node.has_tag_name("Contents"));
        let (records, others): (Vec<&str>, Vec<&str>) =
            contents.map(|object| text_of(object, "Key")).partition(|key| key.contains(RELEASES));
        for key in others {
            note("object", key);
        }
        releases(wire, bucket, &records, note).await?;
    }
    Ok(())
}

/// Releases by the image that they brought: how many there are depends on how often a deploy was ended before its end,
/// so those that were given up have a name of their own.
async fn releases(
    wire: &Wire,
    bucket: &str,
    records: &[&str],
    note: &mut impl FnMut(&str, &str),
) -> Result<()> {
    for key in records {
        let Some(name) = key.strip_suffix(".start.json") else {
            let start = key.replace(".end.json", ".start.json");
            if !records.contains(&start.as_str()) {
                note("half a release", key);
            }
            continue;
        };
        let end = format!("{name}.end.json");
        if !records.contains(&end.as_str()) {
            note("half a release", key);
            continue;
        }
        let read = async |key: &str| -> Result<Value> {
            let text = wire.get(&format!("/{bucket}/{key}")).await?;
            serde_json::from_str(&text).map_err(|_| Error::Emulator(format!("{key}: {text}")))
        };
        if read(&end).await?["how"] == "succeeded" {
            note("release", &read(key).await?["image"].to_string());
        } else {
            note(GIVEN_UP, "");
        }
    }
    Ok(())
}

fn parse(text: &str) -> Result<Document<'_>> {
    Document::parse(text).map_err(|error| Error::Emulator(format!("{error}: {text}")))
}

fn items<'a, 'i: 'a>(
    document: &'a Document<'i>,
    set: &str,
) -> impl Iterator<Item = Node<'a, 'i>> + 'a {
    let set = document.descendants().find(|node| node.tag_name().name() == set);
    set.into_iter().flat_map(|set| set.children().filter(Node::is_element))
}

fn text_of<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    let child = node.children().find(|child| child.tag_name().name() == name);
    child.and_then(|child| child.text()).unwrap_or_default()
}

/// The tag `Name`, or nothing.
fn tag(item: Node<'_, '_>) -> String {
    let tags = item.children().find(|child| child.tag_name().name() == "tagSet");
    let name =
        tags.into_iter().flat_map(|tags| tags.children()).find(|t| text_of(*t, "key") == "Name");
    name.map(|tag| text_of(tag, "value").to_owned()).unwrap_or_default()
}

/// A name, or the last part of an ARN.
pub(crate) fn last(value: &Value) -> &str {
    let text = value.as_str().unwrap_or_default();
    text.rsplit('/').next().unwrap_or(text)
}
