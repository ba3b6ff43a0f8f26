//! A provider for Terraform that stands in for `hashicorp/aws` in tests: its schemas, and the work done by `keywright-aws`.
//!
//! The way of a call: `plugin.rs` says how Terraform starts and reaches it; `service.rs` unpacks (`value.rs`, `schema.rs`), plans (`plan.rs`,
//! pure), or has resources read and written (`work.rs`), and packs the answer.
//!
//! **Invariant:** it is for tests, and no part of the program: nothing else depends on it.

mod config;
mod data;
mod import;
mod plan;
mod plugin;
mod schema;
mod service;
mod trouble;
mod value;
mod work;

/// The messages and the service, generated from `proto/tfplugin6.proto`.
#[expect(unreachable_pub, clippy::allow_attributes, reason = "generated")]
mod protocol {
    tonic::include_proto!("tfplugin6");
}

/// The service by which Terraform says that the plugin may go, generated from `proto/plugin.proto`.
#[expect(unreachable_pub, clippy::allow_attributes, reason = "generated")]
mod controller {
    tonic::include_proto!("plugin");
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    plugin::serve(service::Service::new(schema::Schemas::load()?)).await
}
