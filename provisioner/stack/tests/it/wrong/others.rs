//! Wrong routes and rules of the user's own, and wrong words about what others may add.

use super::cases::{Case, ReplaceIn, of_service, of_top};

/// What the user adds by name, and what others may add.
pub(super) fn others() -> Vec<Case> {
    let routes = |routes: &str| format!("network: {{ routes: [{routes}] }}");
    vec![
        of_top(
            "a route to nothing that can be routed to",
            &routes(
                "{ destination: 10.99.0.0/16, target: igw-0a1b2c3d }, { destination: 10.98.0.0/16, target: pcx-1 }",
            ),
        ),
        of_top(
            "routes to no place of another network",
            &routes(
                "{ destination: 10.99.0.1/16, target: pcx-0a1b2c3d }, { destination: 0.0.0.0/0, target: tgw-0a1b2c3d }, { destination: 10.0.3.0/24, target: pcx-0a1b2c3d }, { destination: '2001:db8::/32', target: pcx-0a1b2c3d }, { destination: peer, target: pcx-0a1b2c3d }, { destination: 10.99.0.1, target: pcx-0a1b2c3d }",
            ),
        ),
        of_top(
            "two routes to one place",
            &routes(
                "{ destination: 10.99.0.0/16, target: pcx-0a1b2c3d }, { destination: 10.99.0.0/16, target: tgw-0a1b2c3d, subnets: private }",
            ),
        ),
        of_top(
            "a route of subnets that there are not",
            "network: { nat: none, routes: [{ destination: 10.99.0.0/16, target: pcx-0a1b2c3d, subnets: private }] }",
        ),
        of_service(
            "rules that let nobody in",
            "ingress: [{ port: 9100, from: 10.99.0.0/8 }, { port: 9100, from: '::/0' }, { port: 9100, from: vpn }, { port: 9100, from: sg-1 }]",
        ),
        of_service(
            "a rule for no port",
            "ingress: [{ port: 0, from: 10.99.0.0/16 }, { from: 10.98.0.0/16 }]",
        ),
        of_service(
            "a rule of another protocol",
            "ingress: [{ port: 9, protocol: icmp, from: 10.99.0.0/16 }]",
        ),
        of_service(
            "a rule twice, and one that says why in other letters",
            "ingress: [{ port: 9100, from: 10.99.0.0/16 }, { port: 9100, protocol: tcp, from: 10.99.0.0/16, description: Zähler }]",
        ),
        of_top(
            "port 80 opened again",
            "load_balancer: { ingress: [{ port: 80, from: 0.0.0.0/0 }] }",
        ),
        of_top(
            "a rule for no load balancer",
            "load_balancer: { ingress: [{ port: 443, from: 0.0.0.0/0 }] }",
        )
        .replace_in("    route: \"/*\"\n", ""),
        of_top("exclusive for what is never shared", "exclusive: [routes, subnets, routes]"),
        of_top(
            "tags that are set and ignored, or cannot be",
            "tags: { team: shop }\nignore_tags: [te*, 'a*b', team, team]",
        ),
    ]
}
