use keywright_model::ResourceKind;

use super::{Attribute, Compare, DefaultValue, Schema};

pub(super) const SCHEMA: Schema = Schema {
    kind: ResourceKind::LogMetricFilter,
    version: 0,
    private: None,
    identity: &["name", "log_group_name", "region"],
    attributes: &[
        Attribute::optional_computed("apply_on_transformed_logs"),
        Attribute::computed("id"),
        Attribute::required("log_group_name").force_new(),
        Attribute::required("metric_transformation").compare(Compare::Blocks(METRIC_TRANSFORMATION)),
        Attribute::required("name").force_new(),
        Attribute::required("pattern").compare(Compare::Trimmed),
        Attribute::optional_computed("region").force_new(),
    ],
};

const METRIC_TRANSFORMATION: &[Attribute] = &[
    Attribute::optional("default_value"),
    Attribute::optional("dimensions"),
    Attribute::required("name"),
    Attribute::required("namespace"),
    Attribute::optional("unit").default(DefaultValue::Text("None")),
    Attribute::required("value"),
];
