"""Things take the time that AWS takes, and leave traces."""

import json
import unittest

from cloud import Cloud


class Durations(Cloud):
    def nat_states(self, ec2, **query):
        return [n["State"] for n in ec2.describe_nat_gateways(**query)["NatGateways"]]

    def enis(self, ec2, **filters):
        wanted = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
        return ec2.describe_network_interfaces(Filters=wanted)["NetworkInterfaces"]

    def test_nat_gateway(self):
        ec2, vpc, _, subnets = self.vpc()
        nat, address = self.nat(ec2, subnets[0])
        pending = {"Filters": [{"Name": "state", "Values": ["pending"]}, {"Name": "vpc-id", "Values": [vpc]}]}
        available = {"Filters": [{"Name": "state", "Values": ["available"]}, {"Name": "vpc-id", "Values": [vpc]}]}
        self.assertEqual((self.nat_states(ec2, **pending), self.nat_states(ec2, **available)), (["pending"], []))
        self.pass_time(110)
        self.assertEqual(self.nat_states(ec2, NatGatewayIds=[nat]), ["pending"])
        self.pass_time(2)
        self.assertEqual((self.nat_states(ec2, **pending), self.nat_states(ec2, **available)), ([], ["available"]))
        held = ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]
        self.assertTrue(held["AssociationId"].startswith("eipassoc-"))
        self.assertEqual(self.enis(ec2, vpc_id=vpc)[0]["NetworkInterfaceId"], held["NetworkInterfaceId"])
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
        ec2.delete_nat_gateway(NatGatewayId=nat)
        routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
        self.assertIn("blackhole", [r["State"] for r in routes])
        self.assertEqual(self.nat_states(ec2, NatGatewayIds=[nat]), ["deleting"])
        self.pass_time(57)
        self.assertEqual(self.nat_states(ec2, NatGatewayIds=[nat]), ["deleted"])
        self.assertNotIn("AssociationId", ec2.describe_addresses(AllocationIds=[address])["Addresses"][0])
        self.pass_time(3600)
        self.refused("NatGatewayNotFound", ec2.describe_nat_gateways, NatGatewayIds=[nat])

    def test_nat_gateway_without_internet(self):
        ec2, _, _, subnets = self.vpc(gateway=False)
        nat, address = self.nat(ec2, subnets[0])
        self.assertEqual(self.nat_states(ec2, NatGatewayIds=[nat]), ["pending"])
        self.pass_time(21)
        failed = ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]
        self.assertEqual((failed["State"], failed["FailureCode"]), ("failed", "Gateway.NotAttached"))
        ec2.release_address(AllocationId=address)

    def test_load_balancer_and_its_interfaces(self):
        ec2, vpc, _, subnets = self.vpc()
        group = self.group(ec2, vpc)
        elb, arn = self.balancer(subnets, [group])
        state = lambda: elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]["State"]["Code"]
        self.assertEqual(state(), "provisioning")
        self.pass_time(151)
        self.assertEqual(state(), "active")
        elb.delete_load_balancer(LoadBalancerArn=arn)
        self.refused("LoadBalancerNotFound", elb.describe_load_balancers, LoadBalancerArns=[arn])
        for found in (self.enis(ec2, description="ELB app/web/*"), self.enis(ec2, group_id=group), self.enis(ec2, requester_id="amazon-elb", vpc_id=vpc)):
            self.assertEqual(sorted(e["SubnetId"] for e in found), sorted(subnets))
        lingering = self.enis(ec2, subnet_id=subnets[0])
        self.assertEqual(len(lingering), 1)
        eni = lingering[0]["NetworkInterfaceId"]
        self.refused("InvalidParameterValue", ec2.delete_network_interface, NetworkInterfaceId=eni, words="currently in use")
        self.pass_time(91)
        self.assertEqual(self.enis(ec2, vpc_id=vpc), [])

    def test_endpoints(self):
        ec2, vpc, _, subnets = self.vpc()
        ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        ask = {"VpcId": vpc, "ServiceName": "com.amazonaws.us-east-1.logs", "VpcEndpointType": "Interface", "SubnetIds": subnets}
        endpoint = ec2.create_vpc_endpoint(**ask)["VpcEndpoint"]["VpcEndpointId"]
        shown = lambda: ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]
        self.assertEqual(shown()["State"], "pending")
        self.assertEqual(len(shown()["NetworkInterfaceIds"]), 2)
        self.pass_time(91)
        self.assertEqual(shown()["State"], "available")
        ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
        self.assertEqual(shown()["State"], "deleting")
        self.assertEqual(len(self.enis(ec2, interface_type="vpc_endpoint", vpc_id=vpc)), 2)
        self.pass_time(61)
        self.refused("InvalidVpcEndpointId.NotFound", ec2.describe_vpc_endpoints, VpcEndpointIds=[endpoint])

    def test_a_changed_endpoint_is_pending_again(self):
        ec2, vpc, _, subnets = self.vpc()
        ask = {"VpcId": vpc, "ServiceName": "com.amazonaws.us-east-1.logs", "VpcEndpointType": "Interface", "SubnetIds": subnets[:1], "PrivateDnsEnabled": False}
        endpoint = ec2.create_vpc_endpoint(**ask)["VpcEndpoint"]["VpcEndpointId"]
        self.pass_time(91)
        ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddSubnetIds=subnets[1:])
        self.assertEqual(ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]["State"], "pending")
        self.assertEqual(len(self.enis(ec2, subnet_id=subnets[1])), 1)

    def test_targets(self):
        _, vpc, _, subnets = self.vpc()
        elb, balancer = self.balancer(subnets)
        group = self.target_group(elb, vpc)
        elb.register_targets(TargetGroupArn=group, Targets=[{"Id": "10.0.0.10", "Port": 80}])
        health = lambda: elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"][0]["TargetHealth"]["State"]
        self.assertEqual(health(), "unused")
        self.listener(elb, balancer, group)
        self.assertEqual(health(), "initial")
        self.pass_time(16)
        self.assertEqual(health(), "healthy")

    def shown(self, ecs):
        return ecs.describe_services(cluster="c", services=["web"])["services"][0]

    def test_service_starts_rolls_and_drains(self):
        stack = self.stack()
        ec2, ecs = stack["ec2"], stack["ecs"]
        self.assertEqual((self.shown(ecs)["runningCount"], self.shown(ecs)["pendingCount"]), (0, 2))
        self.assertEqual(self.shown(ecs)["deployments"][0]["rolloutState"], "IN_PROGRESS")
        tasks = ecs.list_tasks(cluster="c")["taskArns"]
        self.assertEqual({t["lastStatus"] for t in ecs.describe_tasks(cluster="c", tasks=tasks)["tasks"]}, {"PENDING"})
        self.pass_time(61)
        self.assertEqual((self.shown(ecs)["runningCount"], self.shown(ecs)["pendingCount"]), (2, 0))
        self.assertEqual(self.shown(ecs)["deployments"][0]["rolloutState"], "COMPLETED")
        self.assertIn("has reached a steady state.", self.shown(ecs)["events"][0]["message"])
        self.assertEqual({t["lastStatus"] for t in ecs.describe_tasks(cluster="c", tasks=tasks)["tasks"]}, {"RUNNING"})
        self.assertEqual(len(self.enis(ec2, group_id=stack["task"])), 2)

        ecs.update_service(cluster="c", service="web", taskDefinition=self.definition(ecs, cpu="512", memory="1024"))
        self.assertEqual([d["status"] for d in self.shown(ecs)["deployments"]], ["PRIMARY", "ACTIVE"])
        self.assertEqual(self.shown(ecs)["runningCount"], 2)
        self.pass_time(61)
        self.assertEqual(self.shown(ecs)["deployments"][0]["rolloutState"], "IN_PROGRESS")
        self.refused("InvalidParameterException", ecs.delete_service, cluster="c", service="web", words="")
        self.pass_time(331)
        self.assertEqual([d["rolloutState"] for d in self.shown(ecs)["deployments"]], ["COMPLETED"])

        ecs.delete_service(cluster="c", service="web", force=True)
        self.assertEqual((self.shown(ecs)["status"], self.shown(ecs)["runningCount"]), ("DRAINING", 2))
        self.assertEqual(len(ecs.list_services(cluster="c")["serviceArns"]), 1)
        self.refused("DependencyViolation", ec2.delete_security_group, GroupId=stack["task"])
        self.pass_time(331)
        self.assertEqual((self.shown(ecs)["status"], self.shown(ecs)["runningCount"]), ("INACTIVE", 0))
        self.assertEqual(ecs.list_services(cluster="c")["serviceArns"], [])
        self.refused("DependencyViolation", ec2.delete_security_group, GroupId=stack["task"])
        self.pass_time(16)
        ec2.delete_security_group(GroupId=stack["task"])
        self.pass_time(3600)
        gone = ecs.describe_services(cluster="c", services=["web"])
        self.assertEqual((gone["services"], gone["failures"][0]["reason"]), ([], "MISSING"))

    def test_tasks_without_a_way_out(self):
        ec2, vpc, _, subnets = self.vpc()
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[1])
        nat, _ = self.nat(ec2, subnets[0])
        ecs = self.client("ecs")
        ecs.create_cluster(clusterName="c")
        inside = {"awsvpcConfiguration": {"subnets": subnets[1:], "securityGroups": [self.group(ec2, vpc)], "assignPublicIp": "DISABLED"}}
        definition = self.definition(ecs)
        self.service(ecs, [], [], definition, networkConfiguration=inside)
        breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
        self.service(ecs, [], [], definition, serviceName="breaker", networkConfiguration=inside, deploymentConfiguration=breaker)
        shown = lambda name: ecs.describe_services(cluster="c", services=[name])["services"][0]
        self.pass_time(580)
        self.assertEqual((shown("web")["runningCount"], shown("web")["deployments"][0]["rolloutState"]), (0, "IN_PROGRESS"))
        self.assertEqual(shown("breaker")["deployments"][0]["rolloutState"], "FAILED")
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
        self.assertEqual(shown("web")["runningCount"], 0)
        self.pass_time(289 + 61)
        self.assertEqual((shown("web")["runningCount"], shown("web")["deployments"][0]["rolloutState"]), (2, "COMPLETED"))

    def test_fargate_runs_six_processors(self):
        stack = self.stack()
        ecs = stack["ecs"]
        self.pass_time(400)
        big = self.definition(ecs, family="big", cpu="2048", memory="4096")
        self.service(ecs, stack["subnets"], [stack["task"]], big, serviceName="big", desiredCount=3)
        shown = lambda: ecs.describe_services(cluster="c", services=["big"])["services"][0]
        self.pass_time(61)
        self.assertEqual((shown()["runningCount"], shown()["deployments"][0]["rolloutState"]), (2, "IN_PROGRESS"))
        self.assertIn("limit on the number of vCPUs", shown()["events"][0]["message"])
        ecs.update_service(cluster="c", service="big", desiredCount=2)
        self.pass_time(400)
        self.assertEqual((shown()["runningCount"], shown()["deployments"][0]["rolloutState"]), (2, "COMPLETED"))

    def test_a_short_deregistration_delay_drains_fast(self):
        stack = self.stack()
        short = [{"Key": "deregistration_delay.timeout_seconds", "Value": "15"}]
        stack["elb"].modify_target_group_attributes(TargetGroupArn=stack["target_group"], Attributes=short)
        ecs = stack["ecs"]
        self.pass_time(61)
        ecs.update_service(cluster="c", service="web", desiredCount=0)
        ecs.delete_service(cluster="c", service="web")
        self.assertEqual(self.shown(ecs)["status"], "DRAINING")
        self.pass_time(46)
        self.assertEqual(self.shown(ecs)["status"], "INACTIVE")
        ecs.delete_cluster(cluster="c")
        self.assertEqual([c["status"] for c in ecs.describe_clusters(clusters=["c"])["clusters"]], ["INACTIVE"])

    def test_a_role_too_young_for_its_tasks(self):
        iam = self.client("iam")
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        role = iam.create_role(RoleName="execution", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        ec2, vpc, _, subnets = self.vpc()
        ecs = self.client("ecs")
        ecs.create_cluster(clusterName="c")
        self.service(ecs, subnets, [self.group(ec2, vpc)], self.definition(ecs, executionRoleArn=role))
        self.assertIn(f"ECS was unable to assume the role '{role}'", self.shown(ecs)["events"][-1]["message"])
        self.pass_time(61)
        self.assertEqual(self.shown(ecs)["runningCount"], 0)
        self.pass_time(10)
        self.assertEqual(self.shown(ecs)["runningCount"], 2)

    def test_not_found_right_after_create(self):
        self.set_faults("stale:100%")
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.refused("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=[vpc])
        self.refused("InvalidVpcID.NotFound", ec2.create_subnet, VpcId=vpc, CidrBlock="10.0.0.0/24")
        self.assertNotIn(vpc, [v["VpcId"] for v in ec2.describe_vpcs()["Vpcs"]])
        self.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"x.amazonaws.com"}}]}')
        self.set_faults("")
        self.pass_time(6)
        self.assertIn(vpc, [v["VpcId"] for v in ec2.describe_vpcs()["Vpcs"]])
        ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")


if __name__ == "__main__":
    unittest.main()
