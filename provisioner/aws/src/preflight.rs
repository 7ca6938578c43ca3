//! What to know about an account before anything is changed in it: its zones, its quotas, the roles
//! that AWS services need, and what keeps a VPC from being deleted.

mod quotas;
mod service_linked_roles;
mod vpc_dependents;
mod zones;

pub use quotas::{Needs, Shortage, USUAL_RULES};
pub use service_linked_roles::SERVICES;
pub use vpc_dependents::VpcDependent;
pub use zones::Zone;
