//! The protocol's service: each call unpacks its values, has the work done, and packs what came of it.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use keywright_engine::schema;
use keywright_model::ResourceKind;
use tokio::sync::RwLock;
use tonic::{Request, Response, Status};

use crate::config::{Configured, configure};
use crate::plan::plan;
use crate::protocol as wire;
use crate::schema::{Schema, Schemas};
use crate::trouble::Trouble;
use crate::value::{Fields, Value, json, read, written};
use crate::{data, import};

/// The provider, as Terraform calls it.
pub(crate) struct Service {
    schemas: Schemas,
    configured: RwLock<Option<Arc<Configured>>>,
}

type Answer<T> = Result<Response<T>, Status>;

impl Service {
    pub(crate) fn new(schemas: Schemas) -> Self {
        Self { schemas, configured: RwLock::new(None) }
    }

    fn resource(&self, name: &str) -> Result<(ResourceKind, &Schema), Trouble> {
        let found = ResourceKind::from_type_name(name).zip(self.schemas.resources.get(name));
        found.ok_or_else(|| Trouble::new("No such resource type", format!("this provider has no `{name}`")))
    }

    async fn configured(&self) -> Result<Arc<Configured>, Trouble> {
        let configured = self.configured.read().await.clone();
        configured.ok_or_else(|| Trouble::new("Not configured", "the provider was called before it was configured"))
    }

    async fn read_resource(&self, request: &wire::ReadResourceRequest) -> Result<Option<Fields>, Trouble> {
        let (kind, schema) = self.resource(&request.type_name)?;
        let Some(state) = read(request.current_state.as_ref())? else { return Ok(None) };
        let found = self.configured().await?.read(kind, &state).await?;
        Ok(found.map(|fields| schema.block.complete(fields)))
    }

    async fn plan(
        &self,
        request: &wire::PlanResourceChangeRequest,
    ) -> Result<wire::PlanResourceChangeResponse, Trouble> {
        let (kind, schema) = self.resource(&request.type_name)?;
        let prior = read(request.prior_state.as_ref())?;
        let proposed = read(request.proposed_new_state.as_ref())?;
        let mut response = wire::PlanResourceChangeResponse {
            planned_private: private(kind, &request.prior_private),
            legacy_type_system: true,
            ..Default::default()
        };
        let (Some(_), Some(config)) = (proposed, read(request.config.as_ref())?) else {
            response.planned_state = Some(written(None));
            return Ok(response);
        };
        let home = self.configured().await?.home.clone();
        let planned = plan(kind, &config, prior.as_ref(), home.as_str());
        response.requires_replace = planned.requires_replace.iter().copied().map(attribute).collect();
        response.planned_state = Some(written(Some(schema.block.complete(planned.state))));
        Ok(response)
    }

    async fn apply(
        &self,
        request: &wire::ApplyResourceChangeRequest,
    ) -> Result<(Option<Fields>, Option<Trouble>), Trouble> {
        let (kind, schema) = self.resource(&request.type_name)?;
        let prior = read(request.prior_state.as_ref())?;
        let planned = read(request.planned_state.as_ref())?;
        let (state, trouble) = self.configured().await?.apply(kind, prior, planned).await;
        Ok((state.map(|fields| schema.block.complete(fields)), trouble))
    }

    fn upgrade(&self, request: &wire::UpgradeResourceStateRequest) -> Result<Fields, Trouble> {
        let (_, schema) = self.resource(&request.type_name)?;
        if request.version != schema.version {
            let detail = format!("`{}` is at {}, the state at {}", request.type_name, schema.version, request.version);
            return Err(Trouble::new("A state of another version", detail));
        }
        let raw = request.raw_state.as_ref().map(|raw| raw.json.as_slice()).unwrap_or_default();
        match json(raw)? {
            Value::Map(fields) => Ok(schema.block.complete(fields)),
            _ => Err(Trouble::new("A state without attributes", "the state cannot be taken over")),
        }
    }

    async fn data(&self, request: &wire::ReadDataSourceRequest) -> Result<Fields, Trouble> {
        let name = &request.type_name;
        let unknown = || Trouble::new("No such data source", format!("this provider has no data source `{name}`"));
        let schema = self.schemas.data_sources.get(name).ok_or_else(unknown)?;
        let config = read(request.config.as_ref())?.unwrap_or_default();
        let found = data::read(self.configured().await?.as_ref(), name, &config).await?;
        Ok(schema.block.complete(found))
    }

    fn import(&self, request: &wire::ImportResourceStateRequest) -> Result<Fields, Trouble> {
        let (kind, schema) = self.resource(&request.type_name)?;
        Ok(schema.block.complete(import::known(kind, &request.id)?))
    }
}

#[tonic::async_trait]
impl wire::provider_server::Provider for Service {
    async fn get_provider_schema(
        &self,
        _: Request<wire::GetProviderSchemaRequest>,
    ) -> Answer<wire::GetProviderSchemaResponse> {
        let told = |schemas: &std::collections::BTreeMap<String, Schema>| {
            schemas.iter().map(|(name, schema)| (name.clone(), schema.to_wire())).collect()
        };
        Ok(Response::new(wire::GetProviderSchemaResponse {
            provider: Some(self.schemas.provider.to_wire()),
            resource_schemas: told(&self.schemas.resources),
            data_source_schemas: told(&self.schemas.data_sources),
            diagnostics: Vec::new(),
        }))
    }

    async fn validate_provider_config(
        &self,
        _: Request<wire::ValidateProviderConfigRequest>,
    ) -> Answer<wire::ValidateProviderConfigResponse> {
        Ok(Response::new(Default::default()))
    }

    async fn validate_resource_config(
        &self,
        _: Request<wire::ValidateResourceConfigRequest>,
    ) -> Answer<wire::ValidateResourceConfigResponse> {
        Ok(Response::new(Default::default()))
    }

    async fn validate_data_resource_config(
        &self,
        _: Request<wire::ValidateDataResourceConfigRequest>,
    ) -> Answer<wire::ValidateDataResourceConfigResponse> {
        Ok(Response::new(Default::default()))
    }

    async fn upgrade_resource_state(
        &self,
        request: Request<wire::UpgradeResourceStateRequest>,
    ) -> Answer<wire::UpgradeResourceStateResponse> {
        let (upgraded_state, diagnostics) = answered(self.upgrade(request.get_ref()).map(Some));
        Ok(Response::new(wire::UpgradeResourceStateResponse { upgraded_state, diagnostics }))
    }

    async fn configure_provider(
        &self,
        request: Request<wire::ConfigureProviderRequest>,
    ) -> Answer<wire::ConfigureProviderResponse> {
        let config = read(request.get_ref().config.as_ref()).map_err(Trouble::from);
        let configured = match config {
            Ok(config) => configure(&config.unwrap_or_default()).await,
            Err(trouble) => Err(trouble),
        };
        let diagnostics = match configured {
            Ok(configured) => {
                *self.configured.write().await = Some(Arc::new(configured));
                Vec::new()
            }
            Err(trouble) => trouble.told(),
        };
        Ok(Response::new(wire::ConfigureProviderResponse { diagnostics }))
    }

    async fn read_resource(&self, request: Request<wire::ReadResourceRequest>) -> Answer<wire::ReadResourceResponse> {
        let request = request.into_inner();
        let (new_state, diagnostics) = answered(Self::read_resource(self, &request).await);
        Ok(Response::new(wire::ReadResourceResponse { new_state, diagnostics, private: request.private }))
    }

    async fn plan_resource_change(
        &self,
        request: Request<wire::PlanResourceChangeRequest>,
    ) -> Answer<wire::PlanResourceChangeResponse> {
        let planned = self.plan(request.get_ref()).await;
        Ok(Response::new(planned.unwrap_or_else(|trouble| wire::PlanResourceChangeResponse {
            diagnostics: trouble.told(),
            ..Default::default()
        })))
    }

    async fn apply_resource_change(
        &self,
        request: Request<wire::ApplyResourceChangeRequest>,
    ) -> Answer<wire::ApplyResourceChangeResponse> {
        let request = request.into_inner();
        let (new_state, diagnostics) = match self.apply(&request).await {
            Ok((state, trouble)) => (Some(written(state)), trouble.map(Trouble::told).unwrap_or_default()),
            Err(trouble) => (request.prior_state, trouble.told()),
        };
        let private = request.planned_private;
        Ok(Response::new(wire::ApplyResourceChangeResponse {
            new_state,
            private,
            diagnostics,
            legacy_type_system: true,
        }))
    }

    async fn import_resource_state(
        &self,
        request: Request<wire::ImportResourceStateRequest>,
    ) -> Answer<wire::ImportResourceStateResponse> {
        let request = request.into_inner();
        let (state, diagnostics) = answered(self.import(&request).map(Some));
        let imported = |state| wire::ImportedResource {
            private: ResourceKind::from_type_name(&request.type_name)
                .map(|kind| private(kind, &[]))
                .unwrap_or_default(),
            type_name: request.type_name.clone(),
            state: Some(state),
        };
        let imported_resources = state.map(imported).into_iter().collect();
        Ok(Response::new(wire::ImportResourceStateResponse { imported_resources, diagnostics }))
    }

    async fn read_data_source(
        &self,
        request: Request<wire::ReadDataSourceRequest>,
    ) -> Answer<wire::ReadDataSourceResponse> {
        let (state, diagnostics) = answered(self.data(request.get_ref()).await.map(Some));
        Ok(Response::new(wire::ReadDataSourceResponse { state, diagnostics }))
    }

    async fn stop_provider(&self, _: Request<wire::StopProviderRequest>) -> Answer<wire::StopProviderResponse> {
        Ok(Response::new(Default::default()))
    }
}

fn answered(result: Result<Option<Fields>, Trouble>) -> (Option<wire::DynamicValue>, Vec<wire::Diagnostic>) {
    match result {
        Ok(fields) => (Some(written(fields)), Vec::new()),
        Err(trouble) => (None, trouble.told()),
    }
}

fn attribute(name: &str) -> wire::AttributePath {
    use wire::attribute_path::Step;
    use wire::attribute_path::step::Selector;
    wire::AttributePath { steps: vec![Step { selector: Some(Selector::AttributeName(name.to_owned())) }] }
}

/// What the provider keeps in the state for itself: what was there, or what the kind has.
fn private(kind: ResourceKind, prior: &[u8]) -> Vec<u8> {
    if !prior.is_empty() {
        return prior.to_vec();
    }
    schema(kind).private.and_then(|encoded| BASE64_STANDARD.decode(encoded).ok()).unwrap_or_default()
}
