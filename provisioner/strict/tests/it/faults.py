"""Injected faults as boto3 sees them, and what the log says of them."""

import json
import threading
import unittest

from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError

from cloud import Cloud


class Faults(Cloud):
    def cut(self, call, **parameters):
        """The answer must be lost to a connection error, not come as an AWS error."""
        with self.assertRaises(HTTPClientError) as caught:
            call(**parameters)
        self.assertNotIsInstance(caught.exception, ClientError)

    def own_vpcs(self, ec2):
        return [v for v in ec2.describe_vpcs()["Vpcs"] if not v["IsDefault"]]

    def test_lost_response_of_the_second_mutating_call(self):
        ec2 = self.client("ec2")
        self.set_faults("after:2")
        ec2.create_vpc(CidrBlock="10.0.0.0/16")
        ec2.describe_vpcs()
        self.cut(ec2.create_vpc, CidrBlock="10.1.0.0/16")
        ec2.create_vpc(CidrBlock="10.2.0.0/16")
        self.assertEqual(len(self.own_vpcs(ec2)), 3)
        lost = next(c for c in self.calls() if c["fault"] == "after")
        self.assertEqual((lost["operation"], lost["status"], lost["mutation"] > 0), ("CreateVpc", 200, True))
        self.assertTrue(any(i.startswith("vpc-") for i in lost["response_ids"]))

    def test_reset_before_the_effect_of_any_call_and_of_an_operation(self):
        ec2 = self.client("ec2")
        self.set_faults("before:#2,before:ec2.CreateVpc@2")
        ec2.describe_vpcs()
        self.cut(ec2.describe_vpcs)
        ec2.create_vpc(CidrBlock="10.0.0.0/16")
        self.cut(ec2.create_vpc, CidrBlock="10.1.0.0/16")
        self.assertEqual(len(self.own_vpcs(ec2)), 1)

    def test_each_service_has_its_own_words(self):
        calls = [
            ("ec2", "describe_vpcs", "RequestLimitExceeded", "Unavailable"),
            ("elbv2", "describe_load_balancers", "Throttling", "ServiceUnavailable"),
            ("iam", "list_roles", "Throttling", "ServiceUnavailable"),
            ("sts", "get_caller_identity", "Throttling", "ServiceUnavailable"),
            ("ecs", "list_clusters", "ThrottlingException", "ServiceUnavailable"),
            ("ecr", "describe_repositories", "ThrottlingException", "ServiceUnavailable"),
            ("secretsmanager", "list_secrets", "ThrottlingException", "ServiceUnavailable"),
            ("logs", "describe_log_groups", "ThrottlingException", "ServiceUnavailableException"),
            ("dynamodb", "list_tables", "ThrottlingException", "ServiceUnavailable"),
            ("s3", "list_buckets", "SlowDown", "ServiceUnavailable"),
            ("service-quotas", "list_services", "TooManyRequestsException", "ServiceUnavailable"),
        ]
        for service, call, throttled, unavailable in calls:
            with self.subTest(service):
                client = self.client(service)
                self.set_faults("throttle:#1,503:#2")
                self.refused(throttled, getattr(client, call))
                self.refused(unavailable, getattr(client, call))

    def test_credentials_that_expire_half_way_and_are_refreshed(self):
        ec2 = self.client("ec2")
        self.set_faults("expired:2+")
        ec2.create_internet_gateway()
        self.refused("RequestExpired", ec2.create_internet_gateway)
        self.refused("RequestExpired", ec2.describe_vpcs)
        self.account = self.account[1:] + "0"
        self.client("ec2").describe_vpcs()

    def test_slow_answers_and_a_repeat_with_the_same_token(self):
        ec2, _, _, subnets = self.vpc()
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        ask = {"SubnetId": subnets[0], "AllocationId": address, "ClientToken": "t-" + self.account}
        self.set_faults("slow:CreateNatGateway@1/300,after:CreateNatGateway@3")
        made = []
        create = lambda: made.append(self.client("ec2").create_nat_gateway(**ask)["NatGateway"]["NatGatewayId"])
        threads = [threading.Thread(target=create) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.cut(ec2.create_nat_gateway, **ask)
        create()
        self.assertEqual((len(made), len(set(made))), (3, 1))
        self.assertEqual(len(ec2.describe_nat_gateways(Filters=[{"Name": "subnet-id", "Values": [subnets[0]]}])["NatGateways"]), 1)

    def test_objects_pass_whole(self):
        s3 = self.client("s3")
        bucket = f"bucket-{self.account}"
        s3.create_bucket(Bucket=bucket)
        body = bytes(range(256)) * 4096
        tag = s3.put_object(Bucket=bucket, Key="a b/\u00e4", Body=body, IfNoneMatch="*")["ETag"]
        self.assertEqual(s3.get_object(Bucket=bucket, Key="a b/\u00e4")["Body"].read(), body)
        self.assertEqual(s3.head_object(Bucket=bucket, Key="a b/\u00e4")["ContentLength"], len(body))
        self.refused("PreconditionFailed", s3.put_object, Bucket=bucket, Key="a b/\u00e4", Body=b"", IfNoneMatch="*")
        s3.put_object(Bucket=bucket, Key="a b/\u00e4", Body=b"", IfMatch=tag)
        self.refused("BucketNotEmpty", s3.delete_bucket, Bucket=bucket)

    def test_expired_credentials(self):
        self.set_faults("expired:100%")
        self.refused("RequestExpired", self.client("ec2").describe_vpcs)
        self.refused("ExpiredTokenException", self.client("ecs").list_clusters)
        self.refused("ExpiredToken", self.client("iam").list_roles)
        self.refused("ExpiredToken", self.client("s3").list_buckets)

    def test_chance_is_repeatable(self):
        sts = self.client("sts")

        def outcome():
            self.set_faults("throttle:30%")
            seen = []
            for _ in range(40):
                try:
                    sts.get_caller_identity()
                    seen.append(True)
                except ClientError:
                    seen.append(False)
            return seen

        first = outcome()
        self.assertEqual(first, outcome())
        self.assertTrue(3 < first.count(False) < 25, first.count(False))

    def test_500_before_or_after_the_effect(self):
        ec2 = self.client("ec2")
        self.set_faults("500:100%")
        for n in range(4):
            self.refused("InternalError", ec2.create_internet_gateway)
        self.set_faults("")
        effects = [c for c in self.calls() if c["operation"] == "CreateInternetGateway" and c["fault"] == "500"]
        self.assertEqual(len(ec2.describe_internet_gateways(Filters=[{"Name": "attachment.state", "Values": ["none"]}])["InternetGateways"]), 0)
        self.assertEqual(len([g for g in ec2.describe_internet_gateways()["InternetGateways"] if not g["Attachments"]]), len(effects))

    def test_token_buckets(self):
        ec2, vpc, _, _ = self.vpc()
        self.set_faults("buckets")
        ask = lambda: ec2.delete_vpc_endpoints(VpcEndpointIds=["vpce-0123456789abcdef0"])
        for _ in range(4):
            ask()
        self.refused("RequestLimitExceeded", ask)
        self.pass_time(4)
        ask()

    def test_pages_of_two(self):
        ec2, vpc, _, _ = self.vpc()
        for n in range(5):
            self.group(ec2, vpc, f"g{n}")
        logs, ecs, iam, elb = (self.client(s) for s in ("logs", "ecs", "iam", "elbv2"))
        for n in range(3):
            logs.create_log_group(logGroupName=f"/g{n}")
            ecs.create_cluster(clusterName=f"c{n}")
            self.target_group(elb, vpc, f"t{n}")
            iam.create_role(RoleName=f"r{n}", AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"x.amazonaws.com"}}]}')
        lists = [
            (ec2, "describe_security_groups", "SecurityGroups", 6, {"Filters": [{"Name": "vpc-id", "Values": [vpc]}]}),
            (logs, "describe_log_groups", "logGroups", 3, {}),
            (ecs, "list_clusters", "clusterArns", 3, {}),
            (iam, "list_roles", "Roles", 3, {}),
            (elb, "describe_target_groups", "TargetGroups", 3, {}),
        ]
        for client, call, key, count, parameters in lists:
            with self.subTest(call):
                self.set_faults("")
                whole = getattr(client, call)(**parameters)[key]
                self.assertGreaterEqual(len(whole), count)
                self.set_faults("pages:2")
                self.assertEqual(len(getattr(client, call)(**parameters)[key]), 2)
                paged = [item for page in client.get_paginator(call).paginate(**parameters) for item in page[key]]
                self.assertEqual(paged, whole)

    def test_max_results_is_honoured(self):
        ec2, vpc, _, _ = self.vpc()
        for n in range(6):
            self.group(ec2, vpc, f"g{n}")
        first = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}], MaxResults=5)
        self.assertEqual(len(first["SecurityGroups"]), 5)
        self.assertIn("NextToken", first)

    def test_a_held_call_waits_for_its_release(self):
        for fault, effect in (("hold-before:CreateVpc", 0), ("hold-after:CreateVpc", 1)):
            with self.subTest(fault):
                ec2 = self.client("ec2")
                before = len(self.own_vpcs(ec2))
                self.set_faults(fault)
                broken = []

                def create():
                    try:
                        ec2.create_vpc(CidrBlock="10.0.0.0/16")
                    except ConnectionClosedError as error:
                        broken.append(error)

                thread = threading.Thread(target=create)
                thread.start()
                self.assertGreater(self.control("/held?wait=10000"), 0)
                self.assertEqual(len(self.own_vpcs(self.client("ec2"))), before + effect)
                self.control("/release", {})
                thread.join()
                self.assertEqual(len(broken), 1)
                self.assertEqual(len(self.own_vpcs(ec2)), before + effect)

    def test_the_log_names_calls_and_hides_secrets(self):
        secrets, s3 = self.client("secretsmanager"), self.client("s3")
        secrets.create_secret(Name="db", SecretString="correct horse battery")
        bucket = f"bucket-{self.account}"
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="state/prod", Body=b"{}")
        s3.put_object(Bucket=bucket, Key="state/leak", Body=b'{"password": "correct horse battery"}')
        secrets.get_secret_value(SecretId="db")
        calls = self.calls()
        self.assertNotIn("correct horse battery", json.dumps(calls))
        leaks = {c["parameters"].get("Key"): c["leaks_secret"] for c in calls if c["operation"] == "PutObject"}
        self.assertEqual(leaks, {"state/prod": False, "state/leak": True})
        named = [(c["service"], c["operation"], c["mutating"]) for c in calls]
        self.assertIn(("s3", "CreateBucket", True), named)
        self.assertIn(("secretsmanager", "GetSecretValue", False), named)
        counts = self.control("/counts")
        self.assertGreaterEqual(counts["operations"]["s3:PutObject"], 2)


if __name__ == "__main__":
    unittest.main()
