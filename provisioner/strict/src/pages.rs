//! Pages: lists cut to a length, continued by tokens of our own, whether or not the emulator pages.

use std::collections::HashMap;

use serde_json::Value;

use crate::wire::answer::Content;
use crate::wire::error::Fault;
use crate::wire::xml::Element;
use crate::wire::{Protocol, Request};

/// The lists under way, by token. A token stays good: an answer may be lost and asked for again.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    saved: HashMap<String, Rest>,
    count: u64,
}

#[derive(Clone, Debug)]
struct Rest {
    /// The answer with its list empty.
    frame: Content,
    items: Items,
    /// The emulator's own token, for after our last page.
    after: Option<String>,
}

#[derive(Clone, Debug)]
enum Items {
    Xml(Vec<Element>),
    Json(Vec<Value>),
}

/// What a service calls its token, in the request and in the answer.
fn tokens(service: &str) -> Option<(&'static str, &'static str)> {
    Some(match service {
        "ec2" => ("NextToken", "nextToken"),
        "elasticloadbalancing" => ("Marker", "NextMarker"),
        "iam" => ("Marker", "Marker"),
        "ecs" | "ecr" | "logs" => ("nextToken", "nextToken"),
        "secretsmanager" | "application-autoscaling" | "servicequotas" => {
            ("NextToken", "NextToken")
        }
        _ => return None,
    })
}

/// Whether AWS pages this call: lists that name no ids.
fn pageable(request: &Request) -> bool {
    const WHOLE: [&str; 6] = [
        "DescribeAddresses",
        "DescribeAvailabilityZones",
        "DescribeRegions",
        "DescribeKeyPairs",
        "DescribeAccountAttributes",
        "DescribeVpcAttribute",
    ];
    let operation = request.operation.as_str();
    let listing = match request.service.as_str() {
        "ecs" | "secretsmanager" => operation.starts_with("List"),
        "iam" => operation.starts_with("List") || operation == "GetAccountAuthorizationDetails",
        _ => operation.starts_with("Describe") || operation.starts_with("List"),
    };
    let named = request.parameters.as_object().is_some_and(|map| {
        map.iter()
            .any(|(k, v)| v.is_array() && !matches!(k.as_str(), "Filter" | "filters" | "Filters"))
    });
    listing
        && !named
        && !operation.contains("Tags")
        && !operation.contains("Health")
        && !operation.contains("Attributes")
        && !WHOLE.contains(&operation)
}

impl Pages {
    /// The next page, when the request carries a token of ours.
    pub(crate) fn resume(
        &mut self,
        request: &Request,
        size: usize,
    ) -> Option<Result<Content, Fault>> {
        let (input, output) = tokens(&request.service)?;
        let token = request.parameters.get(input)?.as_str()?;
        if !token.starts_with("strict-") {
            return None;
        }
        let Some(rest) = self.saved.get(token).cloned() else {
            return Some(Err(Fault::refusal("InvalidNextToken", "The token is not valid.")));
        };
        let mut content = rest.frame.clone();
        let more = fill(&mut content, rest.items, size);
        let token = match more {
            Some(items) => Some(self.save(Rest { frame: rest.frame, items, after: rest.after })),
            None => rest.after,
        };
        set_token(&mut content, request.protocol, output, token.as_deref());
        Some(Ok(content))
    }

    /// Cuts an answer's list to a page. True when it was longer.
    pub(crate) fn cut(&mut self, request: &Request, content: &mut Content, size: usize) -> bool {
        let Some((_, output)) = tokens(&request.service) else { return false };
        if !pageable(request) {
            return false;
        }
        let Some(items) = drain(content, size) else { return false };
        let frame = content.clone();
        let after = token_of(content, output);
        if let Some(more) = fill(content, items, size) {
            let token = self.save(Rest { frame, items: more, after });
            set_token(content, request.protocol, output, Some(&token));
        }
        true
    }

    fn save(&mut self, rest: Rest) -> String {
        self.count += 1;
        let token = format!("strict-{}", self.count);
        self.saved.insert(token.clone(), rest);
        token
    }
}

/// Where an answer's members are: the root, or the result inside it.
fn body(root: &mut Element) -> &mut Element {
    match root.children.iter().position(|c| c.name.ends_with("Result")) {
        Some(at) => &mut root.children[at],
        None => root,
    }
}

fn xml_list(root: &mut Element) -> Option<&mut Element> {
    body(root).children.iter_mut().find(|c| {
        !c.children.is_empty() && c.children.iter().all(|i| i.name == "item" || i.name == "member")
    })
}

fn json_list(value: &mut Value) -> Option<&mut Vec<Value>> {
    value
        .as_object_mut()?
        .values_mut()
        .filter_map(Value::as_array_mut)
        .find(|items| !items.is_empty())
}

/// Takes all items out of the first list, when there are more than `size`.
fn drain(content: &mut Content, size: usize) -> Option<Items> {
    match content {
        Content::Xml(root) => {
            let list = xml_list(root).filter(|l| l.children.len() > size)?;
            let mut items = std::mem::take(&mut list.children);
            // A mark, so that the empty list can be found again.
            list.text = "strict".into();
            items.shrink_to_fit();
            Some(Items::Xml(items))
        }
        Content::Json(value) => {
            let list = json_list(value).filter(|l| l.len() > size)?;
            let items = std::mem::take(list);
            list.push(Value::String("strict".into()));
            Some(Items::Json(items))
        }
        Content::Opaque => None,
    }
}

/// Puts up to `size` items into the marked list; the others are given back.
fn fill(content: &mut Content, items: Items, size: usize) -> Option<Items> {
    match (content, items) {
        (Content::Xml(root), Items::Xml(mut items)) => {
            let more = items.split_off(size.min(items.len()));
            if let Some(list) = body(root).children.iter_mut().find(|c| c.text == "strict") {
                list.text.clear();
                list.children = items;
            }
            (!more.is_empty()).then_some(Items::Xml(more))
        }
        (Content::Json(value), Items::Json(mut items)) => {
            let more = items.split_off(size.min(items.len()));
            let lists = value
                .as_object_mut()
                .into_iter()
                .flat_map(|m| m.values_mut())
                .filter_map(Value::as_array_mut);
            for list in lists.filter(|l| l.len() == 1 && l[0] == "strict") {
                list.clear();
                list.append(&mut items);
            }
            (!more.is_empty()).then_some(Items::Json(more))
        }
        _ => None,
    }
}

fn token_of(content: &Content, name: &str) -> Option<String> {
    let value = content.to_value();
    value.get(name).and_then(Value::as_str).filter(|t| !t.is_empty()).map(str::to_owned)
}

fn set_token(content: &mut Content, protocol: Protocol, name: &str, token: Option<&str>) {
    match content {
        Content::Xml(root) => {
            let body = body(root);
            body.children.retain(|c| c.name != name);
            if let Some(token) = token {
                body.children.push(Element::leaf(name, token));
            }
            if protocol == Protocol::Query && name == "Marker" {
                body.set("IsTruncated", if token.is_some() { "true" } else { "false" });
            }
        }
        Content::Json(value) => {
            if let Some(map) = value.as_object_mut() {
                match token {
                    Some(token) => map.insert(name.to_owned(), token.into()),
                    None => map.remove(name),
                };
            }
        }
        Content::Opaque => {}
    }
}

/// The longest page: what the user asks to inject, and what the client asks for.
pub(crate) fn size(request: &Request, injected: Option<usize>) -> Option<usize> {
    let asked = ["MaxResults", "maxResults", "MaxItems", "PageSize"].iter().find_map(|k| {
        match request.parameters.get(k)? {
            Value::Number(n) => n.as_u64().and_then(|n| usize::try_from(n).ok()),
            Value::String(s) => s.parse().ok(),
            _ => None,
        }
    });
    match (asked, injected) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(service: &str, operation: &str, parameters: Value) -> Request {
        let protocol = if service == "ec2" { Protocol::Ec2 } else { Protocol::Json("1.1") };
        let text = String::new;
        Request {
            protocol,
            service: service.into(),
            operation: operation.into(),
            parameters,
            account: text(),
            region: text(),
            principal: text(),
        }
    }

    #[test]
    fn xml_pages_until_the_end_and_a_page_twice() {
        let mut pages = Pages::default();
        let items: String = (0..5)
            .map(|n| format!("<item><vpcId>{n}</vpcId></item>"))
            .fold(String::new(), |a, b| a + &b);
        let mut content = Content::Xml(
            Element::parse(&format!("<R><requestId>r</requestId><vpcSet>{items}</vpcSet></R>"))
                .unwrap(),
        );
        assert!(pages.cut(&request("ec2", "DescribeVpcs", json!({})), &mut content, 2));
        let first = content.to_value();
        assert_eq!(first["vpcSet"].as_array().unwrap().len(), 2);
        let next = request("ec2", "DescribeVpcs", json!({ "NextToken": first["nextToken"] }));
        let second = pages.resume(&next, 2).unwrap().unwrap().to_value();
        assert_eq!(pages.resume(&next, 2).unwrap().unwrap().to_value()["vpcSet"], second["vpcSet"]);
        let last = request("ec2", "DescribeVpcs", json!({ "NextToken": second["nextToken"] }));
        assert_eq!(
            pages.resume(&last, 2).unwrap().unwrap().to_value(),
            json!({"requestId": "r", "vpcSet": [{"vpcId": "4"}]})
        );
    }

    #[test]
    fn lookups_by_id_are_not_paged() {
        let mut pages = Pages::default();
        let mut content = Content::Json(json!({"serviceArns": [1, 2, 3]}));
        assert!(!pages.cut(
            &request("ecs", "DescribeServices", json!({"services": ["a"]})),
            &mut content,
            2
        ));
        assert!(pages.cut(&request("ecs", "ListServices", json!({})), &mut content, 2));
        assert_eq!(content.to_value(), json!({"serviceArns": [1, 2], "nextToken": "strict-1"}));
    }
}
