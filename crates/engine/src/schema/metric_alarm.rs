use keywright_model::ResourceKind;

use super::{Attribute, Compare, DefaultValue, Schema};

pub(super) const SCHEMA: Schema = Schema {
    kind: ResourceKind::MetricAlarm,
    version: 1,
    private: Some("eyJzY2hlbWFfdmVyc2lvbiI6IjEifQ=="),
    identity: &["alarm_name", "region"],
    attributes: &[
        Attribute::optional("actions_enabled").default(DefaultValue::Bool(true)),
        Attribute::optional("alarm_actions").compare(Compare::Set),
        Attribute::optional("alarm_description"),
        Attribute::required("alarm_name").force_new(),
        Attribute::computed("arn"),
        Attribute::optional("comparison_operator"),
        Attribute::optional("datapoints_to_alarm"),
        Attribute::optional("dimensions"),
        Attribute::optional_computed("evaluate_low_sample_count_percentiles"),
        Attribute::optional("evaluation_periods"),
        Attribute::optional("extended_statistic"),
        Attribute::computed("id"),
        Attribute::optional("insufficient_data_actions").compare(Compare::Set),
        Attribute::optional("metric_name"),
        Attribute::optional("metric_query").compare(Compare::Set),
        Attribute::optional("namespace"),
        Attribute::optional("ok_actions").compare(Compare::Set),
        Attribute::optional("period"),
        Attribute::optional_computed("region").force_new(),
        Attribute::optional("statistic"),
        Attribute::optional("tags"),
        Attribute::optional_computed("tags_all"),
        Attribute::optional("threshold"),
        Attribute::optional("threshold_metric_id"),
        Attribute::optional("treat_missing_data").default(DefaultValue::Text("missing")),
        Attribute::optional("unit"),
    ],
};
