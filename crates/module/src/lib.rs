//! From a person's inputs to the resources that should exist.
mod desired;
mod value;
pub use desired::{AdminRole, Administration, Desired, DesiredResource, Output, Prerequisite};
pub use value::{Part, Reference, Resolved, Template, Value};
