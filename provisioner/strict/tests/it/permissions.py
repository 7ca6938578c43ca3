"""Callers with policies: what AWS demands beside the operation's own action, and on which resources."""

import json
import unittest

from cloud import REGION, Cloud

TAGS = [{"Key": "team", "Value": "shop"}]


class Permissions(Cloud):
    def may(self, *statements):
        """From here on the account's key may do only this. Each statement: actions, resources, condition."""
        said = []
        for actions, resources, *condition in statements:
            statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
            if condition:
                statement["Condition"] = condition[0]
            said.append(statement)
        arn = f"arn:aws:sts::{self.account}:assumed-role/deploy/run"
        policy = {"Version": "2012-10-17", "Statement": said}
        self.control("/callers", {"key": self.account, "arn": arn, "policies": [policy]})

    def arn(self, service, rest):
        return f"arn:aws:{service}:{REGION}:{self.account}:{rest}"

    def vpc_with_tags(self, ec2):
        specification = [{"ResourceType": "vpc", "Tags": TAGS}]
        return ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=specification)["Vpc"]["VpcId"]

    def test_tagging_on_create_is_an_action_of_its_own(self):
        ec2 = self.client("ec2")
        self.may(("ec2:CreateVpc", "*"))
        error = self.refused("UnauthorizedOperation", self.vpc_with_tags, ec2, words="ec2:CreateTags")
        self.assertIn(self.arn("ec2", "vpc/*"), error["Message"])
        ec2.create_vpc(CidrBlock="10.1.0.0/16")
        only = {"StringEquals": {"ec2:CreateAction": "CreateSubnet"}}
        self.may(("ec2:CreateVpc", "*"), ("ec2:CreateTags", "*", only))
        self.refused("UnauthorizedOperation", self.vpc_with_tags, ec2)
        only = {"StringEquals": {"ec2:CreateAction": "CreateVpc", "aws:RequestTag/team": "shop"}}
        self.may(("ec2:CreateVpc", "*"), ("ec2:CreateTags", self.arn("ec2", "*/*"), only))
        self.vpc_with_tags(ec2)

    def test_ecs_tags_are_an_action_of_their_own(self):
        ecs = self.client("ecs")
        call = {"clusterName": "shop", "tags": [{"key": "team", "value": "shop"}]}
        self.may(("ecs:CreateCluster", self.arn("ecs", "cluster/shop")))
        self.refused("AccessDeniedException", ecs.create_cluster, words="ecs:TagResource", **call)
        self.may((["ecs:CreateCluster", "ecs:TagResource"], self.arn("ecs", "cluster/shop")))
        ecs.create_cluster(**call)
        self.refused("AccessDeniedException", ecs.create_cluster, clusterName="other")

    def test_load_balancing_tags_and_reads_in_the_callers_name(self):
        ec2, vpc, _, _ = self.vpc()
        elb = self.client("elbv2")
        call = {"Name": "shop", "Protocol": "HTTP", "Port": 80, "VpcId": vpc, "TargetType": "ip", "Tags": TAGS}
        group = self.arn("elasticloadbalancing", "targetgroup/shop/*")
        create = ("elasticloadbalancing:CreateTargetGroup", group)
        reads = (["ec2:DescribeVpcs", "ec2:DescribeInternetGateways"], "*")
        self.may(create, reads)
        self.refused("AccessDenied", elb.create_target_group, words="elasticloadbalancing:AddTags", **call)
        tags = ("elasticloadbalancing:AddTags", group)
        self.may(create, tags)
        self.refused("AccessDenied", elb.create_target_group, words="ec2:DescribeInternetGateways", **call)
        self.may(create, tags, reads)
        elb.create_target_group(**call)

    def test_a_role_is_passed_to_one_service(self):
        iam, ecs = self.client("iam"), self.client("ecs")
        trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
        role = iam.create_role(RoleName="task", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        self.pass_time(60)
        call = {
            "family": "shop",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "executionRoleArn": role,
            "containerDefinitions": [{"name": "shop", "image": "shop"}],
        }
        register = ("ecs:RegisterTaskDefinition", self.arn("ecs", "task-definition/shop:*"))
        self.may(register)
        error = self.refused("AccessDeniedException", ecs.register_task_definition, words="iam:PassRole", **call)
        self.assertIn(f"on resource: {role}", error["Message"])
        to = lambda service: {"StringEquals": {"iam:PassedToService": service}}
        self.may(register, ("iam:PassRole", role, to("ec2.amazonaws.com")))
        self.refused("AccessDeniedException", ecs.register_task_definition, **call)
        self.may(register, ("iam:PassRole", role, to("ecs-tasks.amazonaws.com")))
        ecs.register_task_definition(**call)

    def test_what_is_not_tagged_so_is_left_alone(self):
        ec2 = self.client("ec2")
        ours, theirs = self.vpc_with_tags(ec2), ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        self.may(("ec2:DeleteVpc", self.arn("ec2", "vpc/*"), {"StringEquals": {"aws:ResourceTag/team": "shop"}}))
        self.refused("UnauthorizedOperation", ec2.delete_vpc, VpcId=theirs)
        ec2.delete_vpc(VpcId=ours)
        # What is gone is gone for whomever.
        self.refused("InvalidVpcID.NotFound", ec2.delete_vpc, VpcId=ours)

    def test_objects_by_key_and_listings_by_prefix(self):
        s3 = self.client("s3")
        bucket = f"states-{self.account}"
        s3.create_bucket(Bucket=bucket)
        own = {"StringLike": {"s3:prefix": "shop/*"}}
        self.may(
            (["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{bucket}/shop/*"),
            ("s3:ListBucket", f"arn:aws:s3:::{bucket}", own),
        )
        s3.put_object(Bucket=bucket, Key="shop/state", Body=b"1")
        self.refused("AccessDenied", s3.put_object, Bucket=bucket, Key="other/state", Body=b"1")
        s3.list_objects_v2(Bucket=bucket, Prefix="shop/")
        self.refused("AccessDenied", s3.list_objects_v2, Bucket=bucket, Prefix="other/")

    def test_rows_by_their_key(self):
        dynamodb = self.client("dynamodb")
        dynamodb.create_table(
            TableName="locks",
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.pass_time(60)
        own = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "shop/prod"}}
        self.may(("dynamodb:GetItem", self.arn("dynamodb", "table/locks"), own))
        dynamodb.get_item(TableName="locks", Key={"key": {"S": "shop/prod"}})
        other = {"key": {"S": "other/prod"}}
        self.refused("AccessDeniedException", dynamodb.get_item, TableName="locks", Key=other)

    def test_a_caller_without_policies_here_may_do_everything(self):
        self.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
        self.may(("ec2:Describe*", "*"))
        self.refused("UnauthorizedOperation", self.client("ec2").create_vpc, CidrBlock="10.0.0.0/16")
        self.client("ec2").describe_vpcs()


if __name__ == "__main__":
    unittest.main()
