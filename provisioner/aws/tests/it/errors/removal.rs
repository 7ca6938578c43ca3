//! What cannot go yet, what lingers, and what is gone already.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::{Adapter, Class, Id, Ready, Seen, Which};
use kinds::traffic::LoadBalancerOutputs;
use kinds::{ElasticIp, LoadBalancer, LoadBalancerAttributes, Tags};

use super::{answering, ec2, query, vpc};

/// `AuthFailure` on an address means that its association is not ours to end.
#[tokio::test]
async fn an_address_of_a_nat_gateway_is_held_and_no_matter_of_credentials() {
    let aws = answering(false, |sent| {
        if sent.contains("Action=DescribeAddresses") {
            return (
                200,
                "<DescribeAddressesResponse><addressesSet/></DescribeAddressesResponse>".into(),
            );
        }
        ec2(400, "AuthFailure", "You do not have permission to access the specified resource.")
    });
    let seen = Seen {
        id: "eipalloc-1".into(),
        owner: None,
        spec: ElasticIp { tags: Tags::default() },
        outputs: kinds::network::ElasticIpOutputs { id: "eipalloc-1".into(), address: "".into() },
        ready: Ready::Yes,
    };
    assert_eq!(aws.delete(&seen).await.unwrap_err().class, Class::Blocked);
}

/// Elastic Load Balancing forgets a load balancer before EC2 frees its interfaces.
#[tokio::test]
async fn a_load_balancer_is_there_while_its_interfaces_are() {
    const ARN: &str = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/shop/1f2e";
    let lingers = Arc::new(AtomicU64::new(1));
    let left = lingers.clone();
    let aws = answering(false, move |sent| {
        if sent.contains("Action=DescribeNetworkInterfaces") {
            assert!(sent.contains("ELB%20app%2Fshop%2F1f2e"), "{sent}");
            let item = "<item><networkInterfaceId>eni-1</networkInterfaceId>\
                <description>ELB app/shop/1f2e</description><requesterId>amazon-elb</requesterId></item>";
            let items = if left.load(Ordering::SeqCst) == 1 { item } else { "" };
            let body = format!(
                "<DescribeNetworkInterfacesResponse><networkInterfaceSet>{items}</networkInterfaceSet>\
                 </DescribeNetworkInterfacesResponse>"
            );
            return (200, body);
        }
        query(400, "LoadBalancerNotFound", "One or more load balancers not found")
    });
    let ids = [Id::from(ARN)];
    let seen = aws.observe(Which::<LoadBalancer>::Ids(&ids)).await.unwrap();
    let Ready::Leaving(why) = &seen[0].ready else { panic!("{:?}", seen[0].ready) };
    assert!(why.contains("eni-1 (ELB app/shop/1f2e, amazon-elb)"), "{why}");
    lingers.store(0, Ordering::SeqCst);
    let seen = aws.observe(Which::<LoadBalancer>::Ids(&ids)).await.unwrap();
    assert!(seen.is_empty());
}

/// Gone already is success, whichever of its calls says so.
#[tokio::test]
async fn a_protected_load_balancer_that_is_gone_needs_no_deletion() {
    let aws = answering(false, |_| {
        query(400, "LoadBalancerNotFound", "One or more load balancers not found")
    });
    let arn = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/shop/1f2e";
    let seen = Seen {
        id: arn.into(),
        owner: None,
        spec: LoadBalancer {
            name: "shop".into(),
            scheme: "internal".into(),
            subnets: ["subnet-1".into()].into(),
            security_groups: ["sg-1".into()].into(),
            attributes: LoadBalancerAttributes {
                deletion_protection: true,
                drop_invalid_headers: true,
                idle_timeout: 60,
            },
            tags: Tags::default(),
        },
        outputs: LoadBalancerOutputs {
            arn: arn.into(),
            dns_name: "".into(),
            zone: "".into(),
            full_name: "app/shop/1f2e".into(),
        },
        ready: Ready::Yes,
    };
    aws.delete(&seen).await.unwrap();
}

#[tokio::test]
async fn a_vpc_that_cannot_go_says_who_is_in_it() {
    let aws = answering(false, |sent| {
        let action =
            sent.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default();
        if action == "DeleteVpc" {
            return ec2(400, "DependencyViolation", "has dependencies and cannot be deleted.");
        }
        let guard = "<securityGroupInfo><item><groupId>sg-1</groupId><vpcId>vpc-1</vpcId>\
            <groupName>GuardDutyManagedSecurityGroup-vpc-1</groupName><tagSet><item>\
            <key>GuardDutyManaged</key><value>true</value></item></tagSet></item></securityGroupInfo>";
        let body = match action {
            "DescribeSecurityGroups" => guard,
            "DescribeLoadBalancers" => "<DescribeLoadBalancersResult/>",
            _ => "",
        };
        (200, format!("<{action}Response>{body}</{action}Response>"))
    });
    let outputs = kinds::network::IdOutputs { id: "vpc-1".into() };
    let seen = Seen { id: "vpc-1".into(), owner: None, spec: vpc(), outputs, ready: Ready::Yes };
    let refused = aws.delete(&seen).await.unwrap_err();
    assert!(refused.is(Class::Blocked));
    assert_eq!(refused.message, "vpc-1 still holds security-group sg-1 of Amazon GuardDuty");
}
