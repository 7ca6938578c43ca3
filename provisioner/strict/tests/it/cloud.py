"""Unmodified boto3 against a strict cloud: what every case needs."""

import json
import os
import unittest
import urllib.request
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = "us-east-1"


class Cloud(unittest.TestCase):
    """Each case works in an account of its own, or, where the emulator has but one, on an emulator just reset."""

    maxDiff = None

    def setUp(self):
        self.account = "%012d" % (uuid.uuid4().int % 10**12)
        self.set_faults("")
        if reset := os.environ.get("STRICT_RESET"):
            urllib.request.urlopen(urllib.request.Request(os.environ["STRICT_ENDPOINT"] + reset, method="POST")).close()

    def client(self, service, **more):
        return boto3.client(
            service,
            endpoint_url=os.environ["STRICT_ENDPOINT"],
            region_name=REGION,
            aws_access_key_id=self.account,
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30, **more),
        )

    def control(self, path, body=None):
        request = urllib.request.Request(os.environ["STRICT_CONTROL"] + path, method="GET" if body is None else "POST")
        if body is not None:
            request.data = body if isinstance(body, bytes) else json.dumps(body).encode()
            request.add_header("content-type", "text/plain" if isinstance(body, bytes) else "application/json")
        with urllib.request.urlopen(request) as response:
            return json.loads(response.read() or "null")

    def pass_time(self, seconds):
        """The suite's clock only moves by hand."""
        self.control("/clock", {"advance": seconds})

    def set_faults(self, spec):
        self.control("/faults", spec.encode())

    def calls(self):
        return [call for call in self.control("/log") if call["principal"] == self.account]

    def refused(self, code, call, *args, words=None, **parameters):
        """The call must fail with this code, and with these words in its message."""
        with self.assertRaises(ClientError) as caught:
            call(*args, **parameters)
        error = caught.exception.response["Error"]
        self.assertEqual(error["Code"], code, error)
        if words:
            self.assertIn(words, error["Message"])
        return error

    # A network and what stands in it.

    def vpc(self, cidr="10.0.0.0/16", gateway=True):
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
        igw = None
        if gateway:
            igw = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
            ec2.attach_internet_gateway(InternetGatewayId=igw, VpcId=vpc)
            main = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"][0]["RouteTableId"]
            ec2.create_route(RouteTableId=main, DestinationCidrBlock="0.0.0.0/0", GatewayId=igw)
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{16 * n}.0/20", AvailabilityZone=REGION + "ab"[n])["Subnet"]["SubnetId"]
            for n in range(2)
        ]
        return ec2, vpc, igw, subnets

    def group(self, ec2, vpc, name="g"):
        return ec2.create_security_group(VpcId=vpc, GroupName=name, Description=name)["GroupId"]

    def nat(self, ec2, subnet):
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
        return nat, address

    def balancer(self, subnets, groups=(), name="web"):
        elb = self.client("elbv2")
        made = elb.create_load_balancer(Name=name, Subnets=subnets, SecurityGroups=list(groups))["LoadBalancers"][0]
        return elb, made["LoadBalancerArn"]

    def target_group(self, elb, vpc, name="web", kind="ip"):
        made = elb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc, TargetType=kind)
        return made["TargetGroups"][0]["TargetGroupArn"]

    def listener(self, elb, balancer, target_group, port=80):
        action = {"Type": "forward", "TargetGroupArn": target_group}
        made = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=port, DefaultActions=[action])
        return made["Listeners"][0]["ListenerArn"]

    def definition(self, ecs, **more):
        given = {
            "family": "web",
            "cpu": "256",
            "memory": "512",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "containerDefinitions": [{"name": "web", "image": "web", "portMappings": [{"containerPort": 80}]}],
        }
        given.update(more)
        return ecs.register_task_definition(**given)["taskDefinition"]["taskDefinitionArn"]

    def service(self, ecs, subnets, groups, definition, target_groups=(), **more):
        given = {
            "cluster": "c",
            "serviceName": "web",
            "taskDefinition": definition,
            "desiredCount": 2,
            "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": subnets, "securityGroups": list(groups), "assignPublicIp": "ENABLED"}},
            "loadBalancers": [{"targetGroupArn": t, "containerName": "web", "containerPort": 80} for t in target_groups],
        }
        given.update(more)
        return ecs.create_service(**given)["service"]

    def stack(self):
        """VPC, load balancer, listener, cluster and service."""
        ec2, vpc, igw, subnets = self.vpc()
        group = self.group(ec2, vpc, "web")
        elb, balancer = self.balancer(subnets, [group])
        target_group = self.target_group(elb, vpc)
        listener = self.listener(elb, balancer, target_group)
        ecs = self.client("ecs")
        ecs.create_cluster(clusterName="c")
        task = self.group(ec2, vpc, "task")
        definition = self.definition(ecs)
        self.service(ecs, subnets, [task], definition, [target_group])
        return locals()
