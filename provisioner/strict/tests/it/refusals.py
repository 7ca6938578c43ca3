"""Each rule has a case that it refuses and one that it lets pass."""

import json
import unittest

from cloud import Cloud


class Network(Cloud):
    def test_subnet_with_a_nat_gateway_stays(self):
        ec2, _, _, subnets = self.vpc()
        nat, _ = self.nat(ec2, subnets[0])
        self.refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnets[0], words="has dependencies and cannot be deleted")
        ec2.delete_subnet(SubnetId=subnets[1])
        ec2.delete_nat_gateway(NatGatewayId=nat)
        self.refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnets[0])
        self.pass_time(60)
        ec2.delete_subnet(SubnetId=subnets[0])

    def test_subnet_with_an_interface_of_the_user(self):
        ec2, _, _, subnets = self.vpc()
        eni = ec2.create_network_interface(SubnetId=subnets[0])["NetworkInterface"]["NetworkInterfaceId"]
        self.refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnets[0])
        ec2.delete_network_interface(NetworkInterfaceId=eni)
        ec2.delete_subnet(SubnetId=subnets[0])

    def test_address_of_a_nat_gateway_is_kept_until_it_is_deleted(self):
        ec2, _, _, subnets = self.vpc()
        nat, address = self.nat(ec2, subnets[0])
        self.refused("InvalidIPAddress.InUse", ec2.release_address, AllocationId=address)
        ec2.delete_nat_gateway(NatGatewayId=nat)
        self.refused("InvalidIPAddress.InUse", ec2.release_address, AllocationId=address)
        self.pass_time(60)
        ec2.release_address(AllocationId=address)

    def test_internet_gateway_with_public_addresses_stays_attached(self):
        ec2, vpc, igw, subnets = self.vpc()
        elb, balancer = self.balancer(subnets)
        detach = {"InternetGatewayId": igw, "VpcId": vpc}
        self.refused("DependencyViolation", ec2.detach_internet_gateway, words=f"Network {vpc} has some mapped public address(es)", **detach)
        elb.delete_load_balancer(LoadBalancerArn=balancer)
        self.refused("DependencyViolation", ec2.detach_internet_gateway, **detach)
        self.pass_time(100)
        self.refused("DependencyViolation", ec2.delete_internet_gateway, InternetGatewayId=igw)
        ec2.detach_internet_gateway(**detach)
        self.refused("Gateway.NotAttached", ec2.detach_internet_gateway, **detach)
        ec2.delete_internet_gateway(InternetGatewayId=igw)

    def test_internet_gateway_is_attached_once(self):
        ec2, vpc, igw, _ = self.vpc()
        other = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.refused("Resource.AlreadyAssociated", ec2.attach_internet_gateway, InternetGatewayId=igw, VpcId=vpc)
        self.refused("InvalidParameterValue", ec2.attach_internet_gateway, InternetGatewayId=other, VpcId=vpc)

    def test_vpc_goes_last(self):
        ec2, vpc, igw, subnets = self.vpc()
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        group = self.group(ec2, vpc)
        endpoint = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3")["VpcEndpoint"]["VpcEndpointId"]
        steps = [
            lambda: [ec2.delete_subnet(SubnetId=s) for s in subnets],
            lambda: ec2.delete_route_table(RouteTableId=table),
            lambda: ec2.delete_security_group(GroupId=group),
            lambda: (ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint]), self.pass_time(10)),
            lambda: ec2.detach_internet_gateway(InternetGatewayId=igw, VpcId=vpc),
        ]
        for step in steps:
            self.refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc, words="has dependencies and cannot be deleted")
            step()
        ec2.delete_vpc(VpcId=vpc)

    def test_quotas(self):
        ec2 = self.client("ec2")
        for _ in range(5):
            ec2.allocate_address(Domain="vpc")
        self.refused("AddressLimitExceeded", ec2.allocate_address, Domain="vpc")
        # The account's default VPC is the fifth.
        vpcs = [ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"] for _ in range(4)]
        self.refused("VpcLimitExceeded", ec2.create_vpc, CidrBlock="10.0.0.0/16")
        ec2.delete_vpc(VpcId=vpcs[0])
        ec2.create_vpc(CidrBlock="10.0.0.0/16")
        for _ in range(4):
            ec2.create_internet_gateway()
        self.refused("InternetGatewayLimitExceeded", ec2.create_internet_gateway)

    def test_blocks_of_addresses(self):
        ec2, vpc, _, _ = self.vpc()
        self.refused("InvalidVpc.Range", ec2.create_vpc, CidrBlock="10.0.0.0/8")
        self.refused("InvalidSubnet.Conflict", ec2.create_subnet, VpcId=vpc, CidrBlock="10.0.8.0/24")
        self.refused("InvalidSubnet.Range", ec2.create_subnet, VpcId=vpc, CidrBlock="10.1.0.0/24")
        ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.64.0/24")

    def test_routes_and_associations(self):
        ec2, vpc, igw, subnets = self.vpc()
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        other = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        default = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
        self.refused("InvalidNatGatewayID.NotFound", ec2.create_route, NatGatewayId="nat-0123456789abcdef0", **default)
        ec2.create_route(GatewayId=igw, **default)
        self.refused("InvalidNatGatewayID.NotFound", ec2.replace_route, NatGatewayId="nat-0123456789abcdef0", **default)
        ec2.replace_route(GatewayId=igw, **default)
        self.refused("RouteAlreadyExists", ec2.create_route, GatewayId=igw, **default)
        inside = {"RouteTableId": table, "DestinationCidrBlock": "10.0.3.0/24"}
        words = "is equal to or more specific than one of this VPC's CIDR blocks"
        self.refused("InvalidParameterValue", ec2.create_route, GatewayId=igw, words=words, **inside)
        association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[0])["AssociationId"]
        self.refused("Resource.AlreadyAssociated", ec2.associate_route_table, RouteTableId=other, SubnetId=subnets[0])
        self.refused("DependencyViolation", ec2.delete_route_table, RouteTableId=table)
        ec2.disassociate_route_table(AssociationId=association)
        ec2.delete_route_table(RouteTableId=table)
        main = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}])
        self.refused("DependencyViolation", ec2.delete_route_table, RouteTableId=main["RouteTables"][0]["RouteTableId"])

    def test_security_groups_in_use(self):
        ec2, vpc, _, subnets = self.vpc()
        web, task = self.group(ec2, vpc, "web"), self.group(ec2, vpc, "task")
        rule = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": web}]}]
        ec2.authorize_security_group_ingress(GroupId=task, IpPermissions=rule)
        self.refused("InvalidPermission.Duplicate", ec2.authorize_security_group_ingress, GroupId=task, IpPermissions=rule)
        office = [{"IpProtocol": "tcp", "FromPort": 81, "ToPort": 81, "IpRanges": [{"CidrIp": "192.0.2.0/24", "Description": "the director's"}]}]
        self.refused("InvalidParameterValue", ec2.authorize_security_group_ingress, GroupId=task, IpPermissions=office, words="Invalid rule description")
        elb, balancer = self.balancer(subnets, [web])
        ec2.revoke_security_group_ingress(GroupId=task, IpPermissions=rule)
        self.refused("DependencyViolation", ec2.delete_security_group, GroupId=web, words="has a dependent object")
        elb.delete_load_balancer(LoadBalancerArn=balancer)
        self.refused("DependencyViolation", ec2.delete_security_group, GroupId=web)
        self.pass_time(100)
        ec2.authorize_security_group_ingress(GroupId=task, IpPermissions=rule)
        self.refused("DependencyViolation", ec2.delete_security_group, GroupId=web)
        rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [task]}])["SecurityGroupRules"]
        ingress = [r["SecurityGroupRuleId"] for r in rules if not r["IsEgress"]]
        ec2.revoke_security_group_ingress(GroupId=task, SecurityGroupRuleIds=ingress)
        ec2.delete_security_group(GroupId=web)

    def test_a_rule_changed_in_place_no_longer_names_its_group(self):
        ec2, vpc, _, _ = self.vpc()
        web, task = self.group(ec2, vpc, "web"), self.group(ec2, vpc, "task")
        rule = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": web}]}]
        made = ec2.authorize_security_group_ingress(GroupId=task, IpPermissions=rule)["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        self.refused("DependencyViolation", ec2.delete_security_group, GroupId=web)
        block = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIpv4": "10.0.0.0/16"}
        ec2.modify_security_group_rules(GroupId=task, SecurityGroupRules=[{"SecurityGroupRuleId": made, "SecurityGroupRule": block}])
        ec2.delete_security_group(GroupId=web)

    def test_security_group_names(self):
        ec2, vpc, _, _ = self.vpc()
        self.group(ec2, vpc, "web")
        for name, description, code in [
            ("WEB", "d", "InvalidGroup.Duplicate"),
            ("sg-x", "d", "InvalidParameterValue"),
            ("db", "the database's", "InvalidParameterValue"),
        ]:
            self.refused(code, ec2.create_security_group, VpcId=vpc, GroupName=name, Description=description)
        default = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}])
        self.refused("CannotDelete", ec2.delete_security_group, GroupId=default["SecurityGroups"][0]["GroupId"])

    def test_endpoints(self):
        ec2, vpc, _, subnets = self.vpc()
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        s3 = {"VpcId": vpc, "ServiceName": "com.amazonaws.us-east-1.s3", "RouteTableIds": [table]}
        ec2.create_vpc_endpoint(**s3)
        self.refused("RouteAlreadyExists", ec2.create_vpc_endpoint, **s3)
        group = self.group(ec2, vpc)
        ecr = {"VpcId": vpc, "ServiceName": "com.amazonaws.us-east-1.ecr.api", "VpcEndpointType": "Interface", "SubnetIds": subnets, "SecurityGroupIds": [group], "PrivateDnsEnabled": True}
        self.refused("InvalidParameter", ec2.create_vpc_endpoint, words="enableDnsHostnames", **ecr)
        ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        endpoint = ec2.create_vpc_endpoint(**ecr)["VpcEndpoint"]["VpcEndpointId"]
        self.refused("InvalidParameter", ec2.create_vpc_endpoint, words="conflicting DNS domain", **ecr)
        self.refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnets[0])
        self.refused("DependencyViolation", ec2.delete_security_group, GroupId=group)
        ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
        self.pass_time(70)
        ec2.delete_subnet(SubnetId=subnets[0])
        ec2.delete_security_group(GroupId=group)

    def test_unknown_ids_and_dry_runs(self):
        ec2, vpc, _, _ = self.vpc()
        self.refused("NatGatewayNotFound", ec2.describe_nat_gateways, NatGatewayIds=["nat-0123456789abcdef0"])
        self.refused("InvalidRouteTableID.NotFound", ec2.describe_route_tables, RouteTableIds=["rtb-0123456789abcdef0"])
        self.refused("InvalidGroup.NotFound", ec2.describe_security_groups, GroupIds=["sg-0123456789abcdef0"])
        self.refused("DryRunOperation", ec2.delete_vpc, VpcId=self.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"], DryRun=True)
        self.refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc, DryRun=True)

    def test_tokens_give_the_same_answer_again(self):
        ec2, vpc, _, subnets = self.vpc()
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        ask = {"SubnetId": subnets[0], "AllocationId": address, "ClientToken": "t-" + self.account}
        first, again = (ec2.create_nat_gateway(**ask)["NatGateway"]["NatGatewayId"] for _ in range(2))
        self.assertEqual(first, again)
        ask["SubnetId"] = subnets[1]
        self.refused("IdempotentParameterMismatch", ec2.create_nat_gateway, **ask)
        ask["ClientToken"] += "x"
        self.assertNotEqual(ec2.create_nat_gateway(**ask)["NatGateway"]["NatGatewayId"], first)


class Traffic(Cloud):
    def test_load_balancers_need_two_zones_and_a_gateway(self):
        _, _, _, subnets = self.vpc(gateway=False)
        elb = self.client("elbv2")
        self.refused("ValidationError", elb.create_load_balancer, Name="web", Subnets=subnets[:1], words="two subnets")
        self.refused("InvalidSubnet", elb.create_load_balancer, Name="web", Subnets=subnets, words="has no internet gateway")
        elb.create_load_balancer(Name="inside", Subnets=subnets, Scheme="internal")

    def test_load_balancers_in_one_zone(self):
        ec2, vpc, _, subnets = self.vpc()
        twin = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.64.0/20", AvailabilityZone="us-east-1a")["Subnet"]["SubnetId"]
        elb = self.client("elbv2")
        self.refused("InvalidConfigurationRequest", elb.create_load_balancer, Name="web", Subnets=[subnets[0], twin])

    def test_names(self):
        _, vpc, _, subnets = self.vpc()
        elb = self.client("elbv2")
        for name in ["x" * 33, "-web", "internal-web", "we_b"]:
            self.refused("ValidationError", elb.create_load_balancer, Name=name, Subnets=subnets)
        self.refused("ValidationError", elb.create_target_group, Name="y" * 33, Protocol="HTTP", Port=80, VpcId=vpc)
        elb.create_load_balancer(Name="x" * 32, Subnets=subnets)

    def test_same_name_same_settings_is_the_same_load_balancer(self):
        _, vpc, _, subnets = self.vpc()
        elb, arn = self.balancer(subnets)
        self.assertEqual(self.balancer(subnets)[1], arn)
        self.refused("DuplicateLoadBalancerName", elb.create_load_balancer, Name="web", Subnets=subnets, Scheme="internal")
        group = self.target_group(elb, vpc)
        self.assertEqual(self.target_group(elb, vpc), group)
        self.refused("DuplicateTargetGroupName", elb.create_target_group, Name="web", Protocol="HTTP", Port=81, VpcId=vpc, TargetType="ip")

    def test_deletion_protection(self):
        _, _, _, subnets = self.vpc()
        elb, arn = self.balancer(subnets)
        protect = lambda value: elb.modify_load_balancer_attributes(
            LoadBalancerArn=arn, Attributes=[{"Key": "deletion_protection.enabled", "Value": value}]
        )
        protect("true")
        self.refused("OperationNotPermitted", elb.delete_load_balancer, LoadBalancerArn=arn, words="deletion protection")
        protect("false")
        elb.delete_load_balancer(LoadBalancerArn=arn)

    def test_target_group_of_a_listener_stays(self):
        _, vpc, _, subnets = self.vpc()
        elb, arn = self.balancer(subnets)
        group, other = self.target_group(elb, vpc), self.target_group(elb, vpc, "other")
        listener = self.listener(elb, arn, group)
        rule = {"ListenerArn": listener, "Conditions": [{"Field": "path-pattern", "Values": ["/x"]}], "Actions": [{"Type": "forward", "TargetGroupArn": other}]}
        made = elb.create_rule(Priority=10, **rule)["Rules"][0]["RuleArn"]
        self.refused("PriorityInUse", elb.create_rule, Priority=10, **rule)
        for used in (group, other):
            self.refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=used, words="is currently in use by a listener or a rule")
        elb.delete_rule(RuleArn=made)
        elb.delete_target_group(TargetGroupArn=other)
        elb.delete_listener(ListenerArn=listener)
        elb.delete_target_group(TargetGroupArn=group)

    def test_weighted_forwards_hold_their_groups_too(self):
        _, vpc, _, subnets = self.vpc()
        elb, arn = self.balancer(subnets)
        blue, green = self.target_group(elb, vpc, "blue"), self.target_group(elb, vpc, "green")
        listener = self.listener(elb, arn, blue)
        weights = {"TargetGroups": [{"TargetGroupArn": blue, "Weight": 90}, {"TargetGroupArn": green, "Weight": 10}]}
        elb.create_rule(ListenerArn=listener, Priority=1, Conditions=[{"Field": "path-pattern", "Values": ["/*"]}], Actions=[{"Type": "forward", "ForwardConfig": weights}])
        self.refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=green)

    def test_listeners(self):
        _, vpc, _, subnets = self.vpc()
        elb, arn = self.balancer(subnets)
        group = self.target_group(elb, vpc)
        listener = self.listener(elb, arn, group)
        self.assertEqual(self.listener(elb, arn, group), listener)
        fixed = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
        self.refused("DuplicateListener", elb.create_listener, LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=fixed)
        self.refused("ValidationError", elb.create_listener, LoadBalancerArn=arn, Protocol="HTTPS", Port=443, DefaultActions=fixed, words="certificate")
        _, second = self.balancer(subnets, name="second")
        forward = [{"Type": "forward", "TargetGroupArn": group}]
        self.refused("TargetGroupAssociationLimit", elb.create_listener, LoadBalancerArn=second, Protocol="HTTP", Port=80, DefaultActions=forward)
        elb.delete_load_balancer(LoadBalancerArn=arn)
        self.refused("LoadBalancerNotFound", elb.describe_listeners, LoadBalancerArn=arn)
        self.refused("ListenerNotFound", elb.describe_rules, ListenerArn=listener)


class Compute(Cloud):
    def test_fargate_sizes(self):
        ecs = self.client("ecs")
        self.refused("ClientException", self.definition, ecs, memory="8192", words="No Fargate configuration exists for given values")
        self.refused("ClientException", self.definition, ecs, networkMode="bridge", words="awsvpc")
        secret = [{"name": "web", "image": "web", "secrets": [{"name": "S", "valueFrom": "arn:aws:secretsmanager:us-east-1:1:secret:s"}]}]
        self.refused("ClientException", self.definition, ecs, containerDefinitions=secret, words="execution role")
        self.definition(ecs, memory="2048")

    def test_target_group_needs_a_listener_and_ip_targets(self):
        ec2, vpc, _, subnets = self.vpc()
        elb, arn = self.balancer(subnets)
        alone = self.target_group(elb, vpc, "alone")
        instances = self.target_group(elb, vpc, "instances", "instance")
        self.listener(elb, arn, instances)
        ecs = self.client("ecs")
        ecs.create_cluster(clusterName="c")
        definition = self.definition(ecs)
        group = self.group(ec2, vpc)
        code = "InvalidParameterException"
        self.refused(code, self.service, ecs, subnets, [group], definition, [alone], words="does not have an associated load balancer")
        self.refused(code, self.service, ecs, subnets, [group], definition, [instances], words="incompatible with the awsvpc network mode")
        self.refused(code, self.service, ecs, subnets, [group], definition, networkConfiguration={}, words="Network Configuration must be provided")
        self.listener(elb, arn, alone, port=81)
        wrong = [{"targetGroupArn": alone, "containerName": "api", "containerPort": 80}]
        self.refused(code, self.service, ecs, subnets, [group], definition, loadBalancers=wrong, words="does not exist in the task definition")
        self.service(ecs, subnets, [group], definition, [alone])

    def test_a_service_is_not_created_twice(self):
        stack = self.stack()
        again = lambda **more: self.service(stack["ecs"], stack["subnets"], [stack["task"]], stack["definition"], **more)
        self.refused("InvalidParameterException", again, words="Creation of service was not idempotent.")
        other = again(serviceName="other", clientToken="t" + self.account)["serviceArn"]
        self.assertEqual(again(serviceName="other", clientToken="t" + self.account)["serviceArn"], other)
        stack["ecs"].delete_service(cluster="c", service="other", force=True)
        self.refused("InvalidParameterException", again, serviceName="other", words="still Draining")
        self.pass_time(400)
        again(serviceName="other")

    def test_cluster_with_services_stays(self):
        ecs = self.stack()["ecs"]
        self.refused("ClusterContainsServicesException", ecs.delete_cluster, cluster="c")
        ecs.delete_service(cluster="c", service="web", force=True)
        self.refused("ClusterContainsServicesException", ecs.delete_cluster, cluster="c")
        self.refused("ServiceNotActiveException", ecs.update_service, cluster="c", service="web", desiredCount=1)
        self.pass_time(400)
        ecs.delete_cluster(cluster="c")

    def test_the_service_linked_role_of_a_new_account(self):
        self.set_faults("fresh")
        ecs = self.client("ecs")
        self.refused("InvalidParameterException", ecs.create_cluster, clusterName="c", words="Unable to assume the service linked role")
        self.pass_time(11)
        ecs.create_cluster(clusterName="c")

    def test_the_service_linked_role_made_before(self):
        self.set_faults("fresh")
        self.client("iam").create_service_linked_role(AWSServiceName="ecs.amazonaws.com")
        self.client("ecs").create_cluster(clusterName="c")


class Identity(Cloud):
    def trust(self, **principal):
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    def test_trust_in_a_principal_that_does_not_exist_yet(self):
        iam = self.client("iam")
        arn = f"arn:aws:iam::{self.account}:role/deployer"
        second = {"RoleName": "second", "AssumeRolePolicyDocument": self.trust(AWS=arn)}
        self.refused("MalformedPolicyDocument", iam.create_role, words="Invalid principal in policy", **second)
        iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=self.trust(Service="ecs-tasks.amazonaws.com"))
        self.refused("MalformedPolicyDocument", iam.create_role, **second)
        self.pass_time(11)
        iam.create_role(**second)
        self.refused("MalformedPolicyDocument", iam.create_role, RoleName="third", AssumeRolePolicyDocument="{")

    def test_each_service_says_in_its_own_words_that_a_role_is_too_young(self):
        iam, s3, ecr, secrets, ecs = (self.client(s) for s in ("iam", "s3", "ecr", "secretsmanager", "ecs"))
        bucket = f"bucket-{self.account}"
        s3.create_bucket(Bucket=bucket)
        ecr.create_repository(repositoryName="web")
        secrets.create_secret(Name="db", SecretString="x")
        ec2, vpc, _, subnets = self.vpc()
        ecs.create_cluster(clusterName="c")
        arn = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=self.trust(Service="ecs-tasks.amazonaws.com"))["Role"]["Arn"]
        allow = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "*", "Resource": f"arn:aws:s3:::{bucket}/*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        network = {"awsvpcConfiguration": {"subnets": subnets, "assignPublicIp": "ENABLED"}}
        definition = self.definition(ecs, executionRoleArn=arn)
        calls = [
            ("MalformedPolicy", lambda: s3.put_bucket_policy(Bucket=bucket, Policy=policy)),
            ("InvalidParameterException", lambda: ecr.set_repository_policy(repositoryName="web", policyText=policy)),
            ("MalformedPolicyDocumentException", lambda: secrets.put_resource_policy(SecretId="db", ResourcePolicy=policy)),
            ("ClientException", lambda: ecs.run_task(cluster="c", taskDefinition=definition, launchType="FARGATE", networkConfiguration=network)),
        ]
        for code, call in calls:
            self.refused(code, call)
        self.pass_time(11)
        for _, call in calls:
            call()

    def test_long_role_name(self):
        iam = self.client("iam")
        trust = self.trust(Service="ecs-tasks.amazonaws.com")
        with self.assertRaisesRegex(Exception, "64"):
            iam.create_role(RoleName="r" * 65, AssumeRolePolicyDocument=trust)
        iam.create_role(RoleName="r" * 64, AssumeRolePolicyDocument=trust)

    def test_role_and_policy_in_use(self):
        iam = self.client("iam")
        iam.create_role(RoleName="task", AssumeRolePolicyDocument=self.trust(Service="ecs-tasks.amazonaws.com"))
        allow = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        iam.put_role_policy(RoleName="task", PolicyName="inline", PolicyDocument=document)
        self.refused("DeleteConflict", iam.delete_role, RoleName="task")
        iam.delete_role_policy(RoleName="task", PolicyName="inline")
        iam.delete_role(RoleName="task")
        arn = iam.create_policy(PolicyName="p", PolicyDocument=document)["Policy"]["Arn"]
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
        self.refused("DeleteConflict", iam.delete_policy, PolicyArn=arn, words="more than one version")
        iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
        iam.delete_policy(PolicyArn=arn)


class Data(Cloud):
    def test_name_of_a_secret_in_its_recovery_window(self):
        secrets = self.client("secretsmanager")
        secrets.create_secret(Name="db", SecretString="correct horse battery")
        secrets.delete_secret(SecretId="db", RecoveryWindowInDays=7)
        self.refused("InvalidRequestException", secrets.create_secret, Name="db", SecretString="x", words="scheduled for deletion")
        self.refused("InvalidRequestException", secrets.put_secret_value, SecretId="db", SecretString="x")
        secrets.restore_secret(SecretId="db")
        secrets.put_secret_value(SecretId="db", SecretString="y")
        secrets.delete_secret(SecretId="db", ForceDeleteWithoutRecovery=True)
        self.refused("InvalidRequestException", secrets.create_secret, Name="db", SecretString="x")
        self.pass_time(6)
        secrets.create_secret(Name="db", SecretString="x")

    def test_repository_with_images_stays(self):
        ecr = self.client("ecr")
        ecr.create_repository(repositoryName="web")
        ecr.put_image(repositoryName="web", imageTag="1", imageManifest=json.dumps({"schemaVersion": 2, "layers": []}))
        self.refused("RepositoryNotEmptyException", ecr.delete_repository, repositoryName="web")
        ecr.delete_repository(repositoryName="web", force=True)

    def test_scaling_needs_a_live_service(self):
        ecs = self.stack()["ecs"]
        scaling = self.client("application-autoscaling")
        target = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
        self.refused("ValidationException", scaling.register_scalable_target, ResourceId="service/c/none", MinCapacity=1, MaxCapacity=2, words="ECS service doesn't exist", **target)
        self.refused("ObjectNotFoundException", scaling.put_scaling_policy, ResourceId="service/c/web", PolicyName="p", PolicyType="TargetTrackingScaling", **target)
        ecs.delete_service(cluster="c", service="web", force=True)
        self.refused("ValidationException", scaling.register_scalable_target, ResourceId="service/c/web", MinCapacity=1, MaxCapacity=2, **target)

    def test_a_table_takes_its_time(self):
        table = self.client("dynamodb")
        key = {"AttributeName": "k", "KeyType": "HASH"}
        made = table.create_table(TableName="lock", KeySchema=[key], AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST")
        self.assertEqual(made["TableDescription"]["TableStatus"], "CREATING")
        item = {"TableName": "lock", "Item": {"k": {"S": "prod"}}}
        self.refused("ResourceNotFoundException", table.put_item, **item)
        self.refused("ResourceInUseException", table.delete_table, TableName="lock")
        self.pass_time(11)
        self.assertEqual(table.describe_table(TableName="lock")["Table"]["TableStatus"], "ACTIVE")
        table.put_item(**item)
        recovery = {"TableName": "lock", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
        self.refused("ContinuousBackupsUnavailableException", table.update_continuous_backups, **recovery)
        self.pass_time(10)
        table.update_continuous_backups(**recovery)


if __name__ == "__main__":
    unittest.main()
