//! What the questions are asked about.

use serde_json::{Value, json};

use crate::support::{Aws, element, request};

/// A stack's worth of resources that the questions share.
pub(super) struct Stack {
    pub(super) aws: Aws,
    pub(super) vpc: String,
    pub(super) subnet: String,
    pub(super) group: String,
    pub(super) balancer: String,
    pub(super) listener: String,
}

impl Stack {
    pub(super) fn new(port: u16) -> Self {
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

    pub(super) fn target_group(aws: &Aws, name: &str, vpc: &str) -> String {
        let answer = aws.elb(&format!(
            "Action=CreateTargetGroup&Name={name}&Protocol=HTTP&Port=8080&VpcId={vpc}&TargetType=ip"
        ));
        element(&answer, "TargetGroupArn").unwrap().to_owned()
    }

    pub(super) fn rule(&self, priority: u32, path: &str, action: &str) -> String {
        self.aws.elb(&format!(
            "Action=CreateRule&ListenerArn={}&Priority={priority}&Conditions.member.1.Field=path-pattern&Conditions.\
             member.1.PathPatternConfig.Values.member.1={path}&Actions.member.1.Type=forward&Actions.member.1.{action}",
            self.listener
        ))
    }

    pub(super) fn get(&self, path: &str) -> (u16, String) {
        request(("127.0.0.1", self.aws.port), &format!("GET /_alb/table{path}"), &[], "").unwrap()
    }

    pub(super) fn ecs(&self, action: &str, body: &Value) -> Value {
        let (status, answer) =
            self.aws.json("ecs", &format!("AmazonEC2ContainerServiceV20141113.{action}"), body);
        assert_eq!(status, 200, "{action}: {answer}");
        answer
    }

    /// A service of two tasks that names the target group; returns its tasks.
    pub(super) fn tasks(&self, name: &str) -> (String, Value) {
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
