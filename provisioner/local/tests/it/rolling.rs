//! The whole of the native way: processes behind a real listener, replaced under load, and gone after the purge.

use crate::processes::{service, this_test};
use crate::support::{Aws, Project, element, quiet, request};
use local::{Process, Processes, Replica};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn targets(aws: &Aws, action: &str, group: &str, replicas: &[Replica]) {
    let targets: Vec<String> = std::iter::zip(1.., replicas)
        .map(|(n, it)| {
            format!("&Targets.member.{n}.Id={}&Targets.member.{n}.Port={}", it.address, it.port)
        })
        .collect();
    aws.elb(&format!("Action={action}&TargetGroupArn={group}{}", targets.concat()));
}

/// Ends the load, also when the test fails half-way.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_takes_over_without_a_failed_request_and_a_purge_leaves_nothing() {
    let project = Project::new();
    let started = project.start().await;
    let aws = Aws { port: started.running.port };
    let vpc = aws.ec2("Action=CreateVpc&CidrBlock=10.9.0.0/16");
    let vpc = element(&vpc, "vpcId").unwrap();
    let made = aws.elb(&format!(
        "Action=CreateTargetGroup&Name=g&Protocol=HTTP&Port=80&VpcId={vpc}&TargetType=ip"
    ));
    let group = element(&made, "TargetGroupArn").unwrap();
    let balancer = aws.elb("Action=CreateLoadBalancer&Name=b");
    let balancer = element(&balancer, "LoadBalancerArn").unwrap();
    aws.elb(&format!(
        "Action=CreateListener&LoadBalancerArn={balancer}&Protocol=HTTP&Port=80&DefaultActions.member.1.Type=forward\
         &DefaultActions.member.1.TargetGroupArn={group}"
    ));
    let processes = Processes::new(project.cloud.folder().services(), this_test());
    let old = processes.ensure(&service("one", project.folder.path())).await.unwrap();
    targets(&aws, "RegisterTargets", group, &old.running);

    let over = AtomicBool::new(false);
    let answers = std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut answers: BTreeMap<(u16, String), u32> = BTreeMap::new();
            while !over.load(Ordering::Relaxed) {
                let answer = request(("127.0.0.1", aws.port), "GET /_alb/b/x", &[], "").unwrap();
                *answers.entry(answer).or_default() += 1;
            }
            answers
        });
        let ends = Ends(&over);
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                let new = processes.ensure(&service("two", project.folder.path())).await.unwrap();
                targets(&aws, "RegisterTargets", group, &new.running);
                targets(&aws, "DeregisterTargets", group, &new.surplus);
                // The deregistration delay: what the balancer had already sent on is answered.
                tokio::time::sleep(Duration::from_millis(500)).await;
                processes.retire(&new.surplus).await.unwrap();
                tokio::time::sleep(Duration::from_millis(100)).await;
            });
        });
        drop(ends);
        load.join().unwrap()
    });
    let expected = [(200, "one ".to_owned()), (200, "two ".to_owned())];
    assert_eq!(answers.keys().cloned().collect::<Vec<_>>(), expected, "{answers:?}");
    assert!(answers.values().all(|count| *count > 10), "{answers:?}");

    let running = processes.version("api", 2).unwrap().running();
    let running: Vec<Process> = running.iter().map(|it| Process::of(it.pid).unwrap()).collect();
    assert_eq!(running.len(), 2);
    // A plain stop leaves the services alone: the next start finds them.
    project.cloud.stop(false, quiet).await.unwrap();
    assert!(running.iter().all(Process::is_alive));
    project.cloud.stop(true, quiet).await.unwrap();
    assert!(!running.iter().any(Process::is_alive));
    assert!(project.files().is_empty(), "{:?}", project.files());
}
