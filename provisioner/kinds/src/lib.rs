//! Every kind of AWS resource that we can make, as descriptions: what is desired, what cannot change
//! in place, how long it takes. No SDK here; the crate `aws` has one adapter file per kind.

pub mod compute;
pub mod data;
pub mod identity;
pub mod logs;
pub mod network;
pub mod partition;
pub mod policy;
pub mod scaling;
pub mod security;
pub mod tags;
pub mod traffic;

pub use compute::{Cluster, Service, TaskDefinition};
pub use data::{Repository, Secret, SecretValue};
pub use identity::{InlinePolicy, Role};
pub use logs::LogGroup;
pub use network::{
    ElasticIp, GatewayEndpoint, InternetGateway, NatGateway, Route, RouteTable, Subnet, Vpc,
};
pub use policy::Policy;
pub use scaling::{ScalableTarget, ScalingPolicy};
pub use security::{Direction, Rule, SecurityGroup, SecurityGroupRules};
pub use tags::Tags;
pub use traffic::{
    DefaultAction, HealthCheck, Listener, ListenerRule, ListenerRules, LoadBalancer,
    LoadBalancerAttributes, TargetGroup,
};

use engine::{Adapter, Kind, Kinds, Of};

/// The list of everything a cloud can make. A new kind is one description in this crate, one adapter
/// file in `aws` and one line here.
macro_rules! every_kind {
    ($($kind:ident),* $(,)?) => {
        /// A cloud that has an adapter for each kind.
        pub trait Cloud: $(Adapter<$kind> +)* {}
        impl<C: $(Adapter<$kind> +)*> Cloud for C {}

        /// All kinds, erased, for the cloud `C`.
        #[must_use]
        pub fn all<C: Cloud>() -> Kinds<C> {
            Kinds::new(vec![$(Box::new(Of::<$kind>::new()) as Box<dyn Kind<C>>),*])
        }
    };
}

every_kind![
    Vpc,
    Subnet,
    InternetGateway,
    ElasticIp,
    NatGateway,
    RouteTable,
    GatewayEndpoint,
    SecurityGroup,
    SecurityGroupRules,
    LoadBalancer,
    TargetGroup,
    Listener,
    ListenerRules,
    Role,
    LogGroup,
    Repository,
    Secret,
    Cluster,
    TaskDefinition,
    Service,
    ScalableTarget,
    ScalingPolicy,
];
