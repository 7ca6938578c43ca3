"""A whole life in AWS's order, as a careful tool would live it: the auditor must find nothing to blame."""

import json
import unittest

from cloud import Cloud

TAGS = [{"Key": "owner", "Value": "life"}]
LOWER = [{"key": "owner", "value": "life"}]


def tagged(kind):
    return [{"ResourceType": kind, "Tags": TAGS}]


class Life(Cloud):
    def test_up_and_destroy(self):
        ec2, elb, ecs, iam, logs, secrets = (self.client(s) for s in ("ec2", "elbv2", "ecs", "iam", "logs", "secretsmanager"))

        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        igw = ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway"))["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=igw, VpcId=vpc)
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{16 * n}.0/20", AvailabilityZone=f"us-east-1{'ab'[n % 2]}", TagSpecifications=tagged("subnet"))["Subnet"]["SubnetId"]
            for n in range(4)
        ]
        public, private = subnets[:2], subnets[2:]
        tables = [ec2.create_route_table(VpcId=vpc, TagSpecifications=tagged("route-table"))["RouteTable"]["RouteTableId"] for _ in range(2)]
        ec2.create_route(RouteTableId=tables[0], DestinationCidrBlock="0.0.0.0/0", GatewayId=igw)
        associations = [ec2.associate_route_table(RouteTableId=tables[n // 2], SubnetId=s)["AssociationId"] for n, s in enumerate(subnets)]
        address = ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))["AllocationId"]
        nat = ec2.create_nat_gateway(SubnetId=public[0], AllocationId=address, TagSpecifications=tagged("natgateway"))["NatGateway"]["NatGatewayId"]
        web, task = (
            ec2.create_security_group(VpcId=vpc, GroupName=n, Description=n, TagSpecifications=tagged("security-group"))["GroupId"]
            for n in ("web", "task")
        )
        rule = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": web}]}]
        ec2.authorize_security_group_ingress(GroupId=task, IpPermissions=rule)
        balancer = elb.create_load_balancer(Name="web", Subnets=public, SecurityGroups=[web], Tags=TAGS)["LoadBalancers"][0]["LoadBalancerArn"]
        group = elb.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip", Tags=TAGS)["TargetGroups"][0]["TargetGroupArn"]
        trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}]})
        role = iam.create_role(RoleName="execution", AssumeRolePolicyDocument=trust, Tags=TAGS)["Role"]["Arn"]
        policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["logs:PutLogEvents", "secretsmanager:GetSecretValue"], "Resource": "*"}]})
        iam.put_role_policy(RoleName="execution", PolicyName="logs", PolicyDocument=policy)
        logs.create_log_group(logGroupName="/web", tags={"owner": "life"})
        logs.put_retention_policy(logGroupName="/web", retentionInDays=7)
        secret = secrets.create_secret(Name="db", SecretString="correct horse battery", Tags=TAGS)["ARN"]
        ecs.create_cluster(clusterName="c", tags=LOWER)
        container = {
            "name": "web",
            "image": "web",
            "portMappings": [{"containerPort": 80}],
            "secrets": [{"name": "DB", "valueFrom": secret}],
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/web", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "web"}},
        }
        definition = self.definition(ecs, executionRoleArn=role, containerDefinitions=[container], tags=LOWER)

        self.pass_time(151)
        ec2.describe_nat_gateways(NatGatewayIds=[nat])
        elb.describe_load_balancers(LoadBalancerArns=[balancer])
        ec2.create_route(RouteTableId=tables[1], DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
        action = {"Type": "forward", "TargetGroupArn": group}
        listener = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[action], Tags=TAGS)["Listeners"][0]["ListenerArn"]
        inside = {"awsvpcConfiguration": {"subnets": private, "securityGroups": [task], "assignPublicIp": "DISABLED"}}
        self.service(ecs, private, [task], definition, [group], tags=LOWER, networkConfiguration=inside)
        self.pass_time(61)
        self.assertEqual(ecs.describe_services(cluster="c", services=["web"])["services"][0]["runningCount"], 2)

        made = self.control(f"/inventory?account={self.account}")
        self.assertEqual({kind: len(ids) for kind, ids in made.items()}, {"vpc": 1, "subnet": 4, "internet-gateway": 1, "address": 1, "nat-gateway": 1, "route-table": 2, "security-group": 2, "network-interface": 5, "load-balancer": 1, "target-group": 1, "listener": 1, "cluster": 1, "service": 1, "role": 1, "secret": 1, "log-group": 1})

        ecs.delete_service(cluster="c", service="web", force=True)
        elb.delete_listener(ListenerArn=listener)
        elb.delete_load_balancer(LoadBalancerArn=balancer)
        ec2.delete_route(RouteTableId=tables[1], DestinationCidrBlock="0.0.0.0/0")
        ec2.delete_nat_gateway(NatGatewayId=nat)
        self.pass_time(400)
        ecs.describe_services(cluster="c", services=["web"])
        ecs.list_tasks(cluster="c")
        ecs.delete_cluster(cluster="c")
        elb.delete_target_group(TargetGroupArn=group)
        iam.delete_role_policy(RoleName="execution", PolicyName="logs")
        iam.delete_role(RoleName="execution")
        logs.delete_log_group(logGroupName="/web")
        secrets.delete_secret(SecretId="db", ForceDeleteWithoutRecovery=True)
        ecs.deregister_task_definition(taskDefinition=definition)
        ec2.describe_nat_gateways(NatGatewayIds=[nat])
        ec2.release_address(AllocationId=address)
        self.assertEqual(ec2.describe_network_interfaces(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NetworkInterfaces"], [])
        ec2.revoke_security_group_ingress(GroupId=task, IpPermissions=rule)
        ec2.delete_security_group(GroupId=web)
        ec2.delete_security_group(GroupId=task)
        ec2.detach_internet_gateway(InternetGatewayId=igw, VpcId=vpc)
        ec2.delete_internet_gateway(InternetGatewayId=igw)
        for association in associations:
            ec2.disassociate_route_table(AssociationId=association)
        for table in tables:
            ec2.delete_route_table(RouteTableId=table)
        for subnet in subnets:
            ec2.delete_subnet(SubnetId=subnet)
        ec2.delete_vpc(VpcId=vpc)
        self.assertEqual(self.control(f"/inventory?account={self.account}"), {})


if __name__ == "__main__":
    unittest.main()
