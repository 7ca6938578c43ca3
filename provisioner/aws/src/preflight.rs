//! What to know about an account before anything is changed in it: its zones, its quotas, the roles
//! that AWS services need, and who lives in a VPC.

mod inhabitants;
mod quotas;
mod service_linked_roles;
mod zones;

pub use inhabitants::Inhabitant;
pub use quotas::{Needs, Shortage, USUAL_RULES};
pub use service_linked_roles::SERVICES;
pub use zones::Zone;
