//! Asks a running MiniStack about every row of the table. A row without a question fails, so does a new release that
//! behaves otherwise.

use crate::support::{Aws, Project, REGION, answering, element, request};
use local::{Level, capabilities};
use serde_json::{Value, json};

/// A stack's worth of resources that the questions share.
struct Stack {
    aws: Aws,
    vpc: String,
    subnet: String,
    group: String,
    balancer: String,
    listener: String,
}

impl Stack {
    fn new(port: u16) -> Self {
        let aws = Aws { port };
        let answer = aws.ec2("Action=CreateVpc&CidrBlock=10.9.0.0/16");
        let vpc = element(&answer, "vpcId").unwrap().to_owned();
        let answer = aws.ec2(&format!("Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.9.1.0/24"));
        let subnet = element(&answer, "subnetId").unwrap().to_owned();
        let answer =
            aws.elb(&format!("Action=CreateLoadBalancer&Name=table&Subnets.member.1={subnet}"));
        let balancer = element(&answer, "LoadBalancerArn").unwrap().to_owned();
        let group = Self::target_group(&aws, "table", &vpc);
        let answer = aws.elb(&format!(
            "Action=CreateListener&LoadBalancerArn={balancer}&Protocol=HTTP&Port=80&DefaultActions.member.1.Type=\
             fixed-response&DefaultActions.member.1.FixedResponseConfig.StatusCode=404&DefaultActions.member.1.\
             FixedResponseConfig.MessageBody=nothing%20here"
        ));
        let listener = element(&answer, "ListenerArn").unwrap().to_owned();
        Self { aws, vpc, subnet, group, balancer, listener }
    }

    fn target_group(aws: &Aws, name: &str, vpc: &str) -> String {
        let answer = aws.elb(&format!(
            "Action=CreateTargetGroup&Name={name}&Protocol=HTTP&Port=8080&VpcId={vpc}&TargetType=ip"
        ));
        element(&answer, "TargetGroupArn").unwrap().to_owned()
    }

    fn rule(&self, priority: u32, path: &str, action: &str) -> String {
        self.aws.elb(&format!(
            "Action=CreateRule&ListenerArn={}&Priority={priority}&Conditions.member.1.Field=path-pattern&Conditions.\
             member.1.PathPatternConfig.Values.member.1={path}&Actions.member.1.Type=forward&Actions.member.1.{action}",
            self.listener
        ))
    }

    fn get(&self, path: &str) -> (u16, String) {
        request(("127.0.0.1", self.aws.port), &format!("GET /_alb/table{path}"), &[], "").unwrap()
    }

    fn ecs(&self, action: &str, body: &Value) -> Value {
        let (status, answer) =
            self.aws.json("ecs", &format!("AmazonEC2ContainerServiceV20141113.{action}"), body);
        assert_eq!(status, 200, "{action}: {answer}");
        answer
    }

    /// A service of two tasks that names the target group; returns its tasks.
    fn tasks(&self, name: &str) -> (String, Value) {
        self.ecs("CreateCluster", &json!({ "clusterName": name }));
        let group = Self::target_group(&self.aws, name, &self.vpc);
        let container = json!({ "name": "api", "image": "none/such:1", "essential": true,
            "portMappings": [{ "containerPort": 8080 }],
            "secrets": [{ "name": "S", "valueFrom": "arn:aws:secretsmanager:r:1:secret:none" }] });
        self.ecs("RegisterTaskDefinition", &json!({ "family": name, "networkMode": "awsvpc", "cpu": "256",
            "memory": "512", "requiresCompatibilities": ["FARGATE"], "containerDefinitions": [container] }));
        self.ecs("CreateService", &json!({ "cluster": name, "serviceName": "s", "taskDefinition": name,
            "desiredCount": 2, "launchType": "FARGATE",
            "loadBalancers": [{ "targetGroupArn": group, "containerName": "api", "containerPort": 8080 }],
            "networkConfiguration": { "awsvpcConfiguration": { "subnets": [self.subnet] } } }));
        let listed = self.ecs("ListTasks", &json!({ "cluster": name }));
        let tasks =
            self.ecs("DescribeTasks", &json!({ "cluster": name, "tasks": listed["taskArns"] }));
        (group, tasks)
    }
}

/// What the running one shows for a row.
fn measured(stack: &Stack, service: &str, operation: &str) -> Option<Level> {
    Some(match service {
        "ec2" => ec2(stack, operation)?,
        "elasticloadbalancing" => elasticloadbalancing(stack, operation)?,
        "ecs" => ecs(stack, operation)?,
        "ecr" => ecr(stack, operation)?,
        "logs" => logs(stack, operation),
        "application-autoscaling" => absent(stack.aws.json(
            "application-autoscaling",
            "AnyScaleFrontendService.DescribeScalableTargets",
            &json!({ "ServiceNamespace": "ecs" }),
        )),
        "servicequotas" => absent(stack.aws.json(
            "servicequotas",
            "ServiceQuotasV20190624.GetServiceQuota",
            &json!({ "ServiceCode": "vpc", "QuotaCode": "L-F678F1CE" }),
        )),
        "secretsmanager" => {
            let call = |action: &str, body: &Value| {
                stack.aws.json("secretsmanager", &format!("secretsmanager.{action}"), body)
            };
            call("CreateSecret", &json!({ "Name": "table", "SecretString": "one" }));
            call("PutSecretValue", &json!({ "SecretId": "table", "SecretString": "two" }));
            let previous = json!({ "SecretId": "table", "VersionStage": "AWSPREVIOUS" });
            let kept = call("GetSecretValue", &previous).1["SecretString"] == "one";
            call("DeleteSecret", &json!({ "SecretId": "table", "RecoveryWindowInDays": 7 }));
            let deleted = call("GetSecretValue", &json!({ "SecretId": "table" })).0 == 400;
            call("RestoreSecret", &json!({ "SecretId": "table" }));
            let restored =
                call("GetSecretValue", &json!({ "SecretId": "table" })).1["SecretString"] == "two";
            level(kept && deleted && restored)
        }
        "iam" => {
            let body = "Action=CreateUser&UserName=nobody";
            assert_eq!(stack.aws.query("iam", "2010-05-08", body).0, 200);
            // Every call of this test carries a signature that is wrong.
            level(stack.aws.query("iam", "2010-05-08", "Action=ListUsers").0 != 200)
        }
        "s3" => {
            stack.aws.make_bucket("table-state");
            let put = |headers: &[(&str, &str)]| {
                stack.aws.s3("PUT /table-state/state.json", headers, "{}").0
            };
            let first =
                put(&[("if-none-match", "*")]) == 200 && put(&[("if-none-match", "*")]) == 412;
            level(first && put(&[("if-match", "\"00000000000000000000000000000000\"")]) == 412)
        }
        "dynamodb" => {
            let call = |action: &str, body: &Value| {
                stack.aws.json("dynamodb", &format!("DynamoDB_20120810.{action}"), body)
            };
            call(
                "CreateTable",
                &json!({ "TableName": "locks", "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
                "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }] }),
            );
            let take = |owner: &str| {
                call(
                    "UpdateItem",
                    &json!({ "TableName": "locks", "Key": { "id": { "S": "e" } },
                    "UpdateExpression": "SET #o = :o", "ConditionExpression": "attribute_not_exists(#o)",
                    "ExpressionAttributeNames": { "#o": "owner" },
                    "ExpressionAttributeValues": { ":o": { "S": owner } },
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD" }),
                )
            };
            assert_eq!(take("one").0, 200);
            let refused = take("two");
            level(refused.0 == 400 && refused.1["Item"]["owner"]["S"] == "one")
        }
        "tagging" => {
            let tagged = "&TagSpecification.1.ResourceType=vpc&TagSpecification.1.Tag.1.Key=table&TagSpecification.1.Tag.1.Value=yes";
            stack.aws.ec2(&format!("Action=CreateVpc&CidrBlock=10.8.0.0/16{tagged}"));
            let (status, found) = stack.aws.json(
                "tagging",
                "ResourceGroupsTaggingAPI_20170126.GetResources",
                &json!({ "TagFilters": [{ "Key": "table" }] }),
            );
            assert_eq!(status, 200, "{found}");
            if found.to_string().contains(":vpc/") { Level::Emulated } else { Level::Absent }
        }
        _ => return None,
    })
}

fn ec2(stack: &Stack, operation: &str) -> Option<Level> {
    Some(match operation {
        "VPC, subnets and routes" => {
            let kept = stack.aws.ec2("Action=DescribeVpcs");
            // Emulated would mean an interface that a packet can reach.
            let interfaces = stack.aws.ec2("Action=DescribeNetworkInterfaces");
            assert!(kept.contains(&stack.vpc));
            level(interfaces.contains("<networkInterfaceId>"))
        }
        "NAT gateways" => {
            let address = stack.aws.ec2("Action=AllocateAddress&Domain=vpc");
            let address = element(&address, "allocationId").unwrap().to_owned();
            let body =
                format!("Action=CreateNatGateway&SubnetId={}&AllocationId={address}", stack.subnet);
            let answer = stack.aws.ec2(&body);
            assert_eq!(element(&answer, "state"), Some("available"));
            level(answer.contains(&address))
        }
        "security groups" => {
            let body = format!(
                "Action=CreateSecurityGroup&GroupName=shut&GroupDescription=d&VpcId={}",
                stack.vpc
            );
            let made = stack.aws.ec2(&body);
            let shut = element(&made, "groupId").unwrap();
            let body = format!(
                "Action=SetSecurityGroups&LoadBalancerArn={}&SecurityGroups.member.1={shut}",
                stack.balancer
            );
            stack.aws.elb(&body);
            // A group without a rule lets nothing in, yet the balancer answers.
            level(stack.get("/anything").1 != "nothing here")
        }
        "VPC endpoints" => {
            let table = stack.aws.ec2(&format!("Action=CreateRouteTable&VpcId={}", stack.vpc));
            let table = element(&table, "routeTableId").unwrap().to_owned();
            let made = stack.aws.ec2(&format!(
                "Action=CreateVpcEndpoint&VpcId={}&ServiceName=com.amazonaws.{REGION}.s3&RouteTableId.1={table}",
                stack.vpc
            ));
            let endpoint = element(&made, "vpcEndpointId").unwrap();
            assert!(stack.aws.ec2("Action=DescribeVpcEndpoints").contains(endpoint));
            level(stack.aws.ec2("Action=DescribeRouteTables").contains(endpoint))
        }
        _ => return None,
    })
}

fn elasticloadbalancing(stack: &Stack, operation: &str) -> Option<Level> {
    Some(match operation {
        "listeners and rules" => {
            let port = answering("a process");
            let body = format!(
                "Action=RegisterTargets&TargetGroupArn={}&Targets.member.1.Id=127.0.0.1&Targets.member.1.Port={port}",
                stack.group
            );
            stack.aws.elb(&body);
            stack.rule(10, "/v1/*", &format!("TargetGroupArn={}", stack.group));
            assert_eq!(stack.get("/other"), (404, "nothing here".to_owned()));
            level(stack.get("/v1/x?q=1") == (200, "a process GET /v1/x?q=1 HTTP/1.1".to_owned()))
        }
        "target health checks" => {
            let group = Stack::target_group(&stack.aws, "dead", &stack.vpc);
            let target = "Targets.member.1.Id=127.0.0.1&Targets.member.1.Port=1";
            stack.aws.elb(&format!("Action=RegisterTargets&TargetGroupArn={group}&{target}"));
            let health =
                stack.aws.elb(&format!("Action=DescribeTargetHealth&TargetGroupArn={group}"));
            level(element(&health, "State") != Some("healthy"))
        }
        "weighted target groups" => {
            let forward = format!(
                "ForwardConfig.TargetGroups.member.1.TargetGroupArn={}&Actions.member.1.ForwardConfig.TargetGroups.\
                 member.1.Weight=1",
                stack.group
            );
            let kept = stack.rule(20, "/weighted/*", &forward).contains(&stack.group);
            if kept { level(stack.get("/weighted/x").0 == 200) } else { Level::Absent }
        }
        "deletion protection" => {
            let body =
                format!("Action=CreateLoadBalancer&Name=kept&Subnets.member.1={}", stack.subnet);
            let made = stack.aws.elb(&body);
            let arn = element(&made, "LoadBalancerArn").unwrap();
            let answer = stack.aws.elb(&format!(
                "Action=ModifyLoadBalancerAttributes&LoadBalancerArn={arn}&Attributes.member.1.Key=\
                 deletion_protection.enabled&Attributes.member.1.Value=true"
            ));
            assert!(answer.contains("<Value>true</Value>"), "{answer}");
            let body = format!("Action=DeleteLoadBalancer&LoadBalancerArn={arn}");
            level(stack.aws.query("elasticloadbalancing", "2015-12-01", &body).0 != 200)
        }
        _ => return None,
    })
}

fn ecs(stack: &Stack, operation: &str) -> Option<Level> {
    Some(match operation {
        "service tasks" => {
            let (_, tasks) = stack.tasks("tasks");
            // An image that exists nowhere cannot really run.
            level(
                tasks["tasks"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|task| task["lastStatus"] != "RUNNING"),
            )
        }
        "one-off tasks" => {
            stack.tasks("once");
            let run = stack.ecs("RunTask", &json!({ "cluster": "once", "taskDefinition": "once" }));
            level(run["tasks"][0]["lastStatus"] != "RUNNING")
        }
        "target registration" => {
            let (group, _) = stack.tasks("targets");
            let health =
                stack.aws.elb(&format!("Action=DescribeTargetHealth&TargetGroupArn={group}"));
            level(health.contains("<Id>"))
        }
        "secrets of tasks" => {
            let (_, tasks) = stack.tasks("secrets");
            // A secret that does not exist keeps a real task from starting.
            level(tasks["tasks"][0]["lastStatus"] != "RUNNING")
        }
        "container health checks" => {
            let (_, tasks) = stack.tasks("health");
            level(tasks["tasks"][0]["healthStatus"] != "UNKNOWN")
        }
        _ => return None,
    })
}

fn ecr(stack: &Stack, operation: &str) -> Option<Level> {
    Some(match operation {
        "repositories and registry" => {
            let target = "AmazonEC2ContainerRegistry_V20150921.CreateRepository";
            let made = stack.aws.json("ecr", target, &json!({ "repositoryName": "table/api" }));
            assert_eq!(made.0, 200, "{}", made.1);
            let manifest = json!({ "schemaVersion": 2, "mediaType": OCI, "layers": [],
                "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "size": 2,
                    "digest": format!("sha256:{}", "0".repeat(64)) } })
            .to_string();
            let to = ("127.0.0.1", stack.aws.port);
            let path = "/v2/table/api/manifests/v1";
            request(to, &format!("PUT {path}"), &[("content-type", OCI)], &manifest).unwrap();
            level(
                request(to, &format!("GET {path}"), &[("accept", OCI)], "").unwrap()
                    == (200, manifest),
            )
        }
        "lifecycle and scanning" => {
            let call = |action: &str, body: &Value| {
                stack.aws.json(
                    "ecr",
                    &format!("AmazonEC2ContainerRegistry_V20150921.{action}"),
                    body,
                )
            };
            call("CreateRepository", &json!({ "repositoryName": "scanned" }));
            let policy =
                json!({ "repositoryName": "scanned", "lifecyclePolicyText": "{\"rules\":[]}" });
            assert_eq!(call("PutLifecyclePolicy", &policy).0, 200);
            assert_eq!(call("GetLifecyclePolicy", &json!({ "repositoryName": "scanned" })).0, 200);
            let image = json!({ "repositoryName": "scanned", "imageId": { "imageTag": "v1" } });
            level(
                call("DescribeImageScanFindings", &image)
                    .1
                    .to_string()
                    .contains("imageScanFindings"),
            )
        }
        _ => return None,
    })
}

fn logs(stack: &Stack, operation: &str) -> Level {
    let call = |action: &str, body: &Value| {
        stack.aws.json("logs", &format!("Logs_20140328.{action}"), body)
    };
    let group = operation.replace(' ', "-");
    call("CreateLogGroup", &json!({ "logGroupName": group }));
    if operation == "task output" {
        stack.tasks("output");
        let streams = call("DescribeLogStreams", &json!({ "logGroupName": group })).1;
        return level(streams["logStreams"].as_array().is_some_and(|it| !it.is_empty()));
    }
    call("CreateLogStream", &json!({ "logGroupName": group, "logStreamName": "s" }));
    let now = milliseconds();
    let event = json!({ "timestamp": now, "message": "a line" });
    call(
        "PutLogEvents",
        &json!({ "logGroupName": group, "logStreamName": "s", "logEvents": [event] }),
    );
    level(
        call("FilterLogEvents", &json!({ "logGroupName": group })).1.to_string().contains("a line"),
    )
}

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";

/// Whether the effect is there, where the call itself is accepted.
fn level(emulated: bool) -> Level {
    if emulated { Level::Emulated } else { Level::StoredOnly }
}

fn absent((status, answer): (u16, Value)) -> Level {
    let unsupported = status == 400 && answer.to_string().contains("Unsupported service");
    if unsupported { Level::Absent } else { Level::Emulated }
}

fn milliseconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

#[tokio::test]
async fn every_row_is_what_a_running_one_shows() {
    let project = Project::new();
    let started = project.start().await;
    let stack = Stack::new(started.running.port);
    let mut wrong = Vec::new();
    for row in capabilities(false) {
        let measured = measured(&stack, row.service, row.operation);
        if measured != Some(row.level) {
            wrong.push(format!(
                "{} {}: says {:?}, shows {measured:?}",
                row.service, row.operation, row.level
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn docker_changes_the_rows_about_tasks_and_no_others() {
    let (without, with) = (capabilities(false), capabilities(true));
    let changed: Vec<&str> = std::iter::zip(&without, &with)
        .filter(|(one, other)| one != other)
        .map(|(_, other)| {
            assert_eq!(other.level, Level::Emulated);
            other.operation
        })
        .collect();
    let expected = [
        "service tasks",
        "one-off tasks",
        "target registration",
        "secrets of tasks",
        "task output",
    ];
    assert_eq!(changed, expected);
    let names: std::collections::BTreeSet<_> =
        with.iter().map(|row| (row.service, row.operation)).collect();
    assert_eq!(names.len(), with.len());
}
