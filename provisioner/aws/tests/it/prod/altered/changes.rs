//! What somebody may do to each attribute.

use std::collections::BTreeMap;

use engine::Address;
use engine::kind::Traits;
use engine::plan::Plan;
use serde_json::{Value, json};

/// One attribute changed.
pub(super) struct Change {
    /// Where, as a JSON pointer.
    pub(super) at: String,
    /// The same for all elements of a list.
    pub(super) alike: String,
    /// How the plan's path for it begins.
    pub(super) path: String,
    /// Everything as it was but for this.
    pub(super) spec: Value,
}

/// The ids of what there is, by address.
pub(super) struct Ids(BTreeMap<String, String>);

impl Ids {
    pub(super) fn of(plan: &Plan) -> Self {
        let seen = plan.steps.iter().filter_map(|(address, step)| {
            Some((address.to_string(), step.seen.as_ref()?.id.to_string()))
        });
        Self(seen.collect())
    }

    fn id(&self, address: &str) -> Value {
        self.0[address].as_str().into()
    }
}

/// What an emulator does not keep.
pub(super) struct Unseen {
    /// Whether it is moto that does not; `None`: neither.
    moto: Option<bool>,
    kind: &'static str,
    at: &'static str,
    pub(super) why: &'static str,
}

impl Unseen {
    pub(super) fn is(&self, address: &Address, at: &str, moto: bool) -> bool {
        self.moto.is_none_or(|of| of == moto) && self.kind == address.kind() && self.at == at
    }
}

/// By name, so that nothing is left out in silence. An entry that an emulator begins to keep fails the
/// test.
pub(super) const UNSEEN: &[Unseen] = &[
    both("service", "/settings/launchType", "taken by UpdateService"),
    ministack("service", "/settings/enableECSManagedTags", "kept as it was"),
    ministack("service", "/settings/propagateTags", "kept as it was"),
    moto("cluster", "/container_insights", "answered with status 500"),
    moto("listener", "/protocol", "refused for want of a certificate"),
    moto("repository", "/scan_on_push", "kept as it was"),
    moto("security-group-rules", "/rules/*/description", "lost where the peer is a group"),
];

const fn both(kind: &'static str, at: &'static str, why: &'static str) -> Unseen {
    Unseen { moto: None, kind, at, why }
}

const fn ministack(kind: &'static str, at: &'static str, why: &'static str) -> Unseen {
    Unseen { moto: Some(false), kind, at, why }
}

const fn moto(kind: &'static str, at: &'static str, why: &'static str) -> Unseen {
    Unseen { moto: Some(true), kind, at, why }
}

/// What can be changed once it is there: not what AWS fixes when it makes a thing, and not what only
/// the create call knows.
pub(super) fn changeable(traits: &Traits, desired: &Value) -> Vec<String> {
    let fields = desired.as_object().unwrap().iter().filter(|(field, value)| {
        let field = field.as_str();
        // What is null is the cloud's business.
        !value.is_null()
            && !traits.immutable.contains(&field)
            && !traits.create_only.contains(&field)
    });
    let points = fields.flat_map(|(field, value)| points(value, &format!("/{field}")));
    // A tag of another key is another tag.
    points.filter(|at| !(at.starts_with("/tags/") && at.ends_with("/key"))).collect()
}

/// `/tags/*/value` for all tags.
pub(super) fn alike(at: &str) -> String {
    let names = at.split('/').map(|name| if name.parse::<usize>().is_ok() { "*" } else { name });
    names.collect::<Vec<_>>().join("/")
}

/// Scalars, lists of scalars and whole policies.
fn points(value: &Value, at: &str) -> Vec<String> {
    match value {
        Value::Object(fields) if !is_policy(at) => {
            fields.iter().flat_map(|(name, v)| points(v, &format!("{at}/{name}"))).collect()
        }
        Value::Array(items) if items.iter().any(Value::is_object) && !is_policy(at) => {
            items.iter().enumerate().flat_map(|(n, v)| points(v, &format!("{at}/{n}"))).collect()
        }
        _ => vec![at.to_owned()],
    }
}

fn is_policy(at: &str) -> bool {
    ["/lifecycle", "/trust"].contains(&at) || at.ends_with("/document")
}

/// One change of each attribute of a resource, and a tag more and one less.
pub(super) fn changes(
    address: &Address,
    traits: &Traits,
    desired: &Value,
    ids: &Ids,
) -> Vec<Change> {
    let changed = |at: String, path: String, spec| Change { alike: alike(&at), at, path, spec };
    let mut found = Vec::new();
    for at in changeable(traits, desired) {
        if let Some(other) = other(address, &at, desired, ids) {
            let mut spec = desired.clone();
            *spec.pointer_mut(&at).unwrap() = other;
            found.push(changed(at.clone(), path(&at), spec));
        }
    }
    if desired["default"].is_object() {
        let mut spec = desired.clone();
        spec["default"] = json!({"type": "redirect-to-https"});
        found.push(changed("/default/type".into(), "default".into(), spec));
    }
    if desired["tags"].is_array() && !traits.create_only.contains(&"tags") {
        let mut spec = desired.clone();
        spec["tags"].as_array_mut().unwrap().push(json!({"key": "by", "value": "hand"}));
        found.push(changed("/tags/more".into(), "tags[by]".into(), spec));
        let mut spec = desired.clone();
        spec["tags"].as_array_mut().unwrap().remove(0);
        found.push(changed("/tags/less".into(), "tags[Name]".into(), spec));
    }
    found
}

/// The names up to the first list.
fn path(at: &str) -> String {
    let names = at.split('/').skip(1).take_while(|name| name.parse::<usize>().is_err());
    names.collect::<Vec<_>>().join(".")
}

/// What an attribute may be instead.
#[expect(clippy::match_same_arms, reason = "a line for each attribute, kind by kind")]
fn other(address: &Address, at: &str, desired: &Value, ids: &Ids) -> Option<Value> {
    let now = desired.pointer(at).unwrap();
    let service = if address.name() == "api" { "api2" } else { "api" };
    let others = |kind: &str| ids.id(&format!("{kind}.{service}"));
    Some(match (address.kind(), alike(at).as_str()) {
        ("internet-gateway", "/vpc") => json!(""),
        ("route-table", "/subnets") => json!([]),
        ("route-table", "/routes/*/destination") => json!("198.51.100.0/24"),
        ("route-table", "/routes/*/target") if address.name() == "public" => {
            ids.id("nat-gateway.a")
        }
        ("route-table", "/routes/*/target") => ids.id("internet-gateway.main"),
        ("gateway-endpoint", "/route_tables") => json!([ids.id("route-table.public")]),
        ("load-balancer", "/subnets") => {
            json!([ids.id("subnet.private-a"), ids.id("subnet.private-b")])
        }
        ("load-balancer", "/security_groups") => json!([ids.id("security-group.api")]),
        ("security-group-rules", "/rules/*/direction") => {
            json!(if now == "ingress" { "egress" } else { "ingress" })
        }
        ("security-group-rules", "/rules/*/protocol") => json!("udp"),
        ("security-group-rules", "/rules/*/peer") => json!("203.0.113.0/24"),
        ("security-group-rules", "/rules/*/description") => json!("by hand"),
        ("target-group", "/health/codes") => json!("204"),
        ("target-group", "/health/path") => json!("/other"),
        ("listener", "/protocol") => json!("HTTPS"),
        ("listener", "/default/content_type") => json!("text/html"),
        ("listener", "/default/body") => json!("by hand"),
        ("listener", "/default/status") => json!(503),
        ("listener-rules", "/rules/*/paths") => json!(["/other"]),
        ("listener-rules", "/rules/*/hosts") => json!(["other.example.com"]),
        ("listener-rules", "/rules/*/target_group") => {
            let both = [ids.id("target-group.api"), ids.id("target-group.api2")];
            both.into_iter().find(|id| id != now).unwrap()
        }
        ("role", "/description") => json!("by hand"),
        ("role", "/trust") => {
            let text = now.to_string().replace("ecs-tasks", "ec2");
            serde_json::from_str(&text).unwrap()
        }
        ("role", "/managed") => {
            json!(["arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"])
        }
        ("role", "/inline/*/name") => json!("other"),
        ("role", "/inline/*/document") => {
            let mut more = now.clone();
            more["Statement"][0]["Resource"] = json!("*");
            more
        }
        ("log-group", "/retention") => json!(120),
        ("repository", "/lifecycle") => {
            let mut other = now.clone();
            other["rules"][0]["selection"]["countNumber"] = json!(1);
            other
        }
        ("secret", "/description") => json!("by hand"),
        ("cluster", "/container_insights") => json!("enabled"),
        ("cluster", "/capacity_providers") => json!(["FARGATE"]),
        ("service", "/settings/taskDefinition") => others("task-definition"),
        ("service", "/settings/networkConfiguration/awsvpcConfiguration/subnets") => {
            json!([now[0]])
        }
        ("service", "/settings/networkConfiguration/awsvpcConfiguration/securityGroups") => {
            json!([others("security-group")])
        }
        ("service", "/settings/networkConfiguration/awsvpcConfiguration/assignPublicIp") => {
            json!("ENABLED")
        }
        ("service", "/settings/loadBalancers/*/targetGroupArn") => others("target-group"),
        ("service", "/settings/loadBalancers/*/containerName") => json!("other"),
        ("service", "/settings/propagateTags") => json!("NONE"),
        ("scaling-policy", "/metric") => json!("ECSServiceAverageMemoryUtilization"),
        _ => match now {
            Value::Bool(on) => json!(!on),
            Value::Number(number) if number.is_f64() => json!(number.as_f64().unwrap() + 1.0),
            Value::Number(number) => json!(number.as_i64().unwrap() + 1),
            Value::String(_) if at.starts_with("/tags/") => json!("by hand"),
            _ => return None,
        },
    })
}
