//! How many tasks there are, by their load.

use engine::{Node, Result};
use kinds::{Cluster, ScalableTarget, ScalingPolicy};

use crate::environment::Service;
use crate::stack::Stack;

impl Stack<'_> {
    pub(super) fn scaling(
        &mut self,
        name: &str,
        service: &Service,
        cluster: &Node<Cluster>,
        node: &Node<kinds::Service>,
    ) -> Result<()> {
        let target = ScalableTarget {
            cluster: cluster.name.clone(),
            service: node.name.clone(),
            min: u32::from(service.replicas.min),
            max: u32::from(service.replicas.max),
        };
        let target = self.graph.add(name, &target)?;
        let policy = ScalingPolicy {
            target: target.resource.clone(),
            name: "cpu".into(),
            metric: "ECSServiceAverageCPUUtilization".into(),
            value: f64::from(service.replicas.cpu),
            scale_in_cooldown: 300,
            scale_out_cooldown: 60,
        };
        self.graph.add(name, &policy).map(drop)
    }
}
