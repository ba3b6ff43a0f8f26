//! What another state holds is adopted only if AWS has what the module needs.

use std::sync::Arc;

use keywright_engine::{ImportFrom, State};
use keywright_model::ResourceKind;
use serde_json::{Value, json};

use crate::Setup;
use crate::wish::Wish;

/// What was applied is imported into another folder from its state; tells the codes of what is wrong with that.
async fn import(first: &Setup, state: State) -> Vec<&'static str> {
    let other = Setup { aws: Arc::clone(&first.aws), ..Setup::new() };
    let imported = other.engine().import(&Wish::default().desired(), ImportFrom::State(Box::new(state))).await;
    let codes: Vec<_> =
        imported.err().map(|error| error.diagnostics().iter().map(|it| it.code).collect()).unwrap_or_default();
    assert_eq!(other.path().exists(), codes.is_empty(), "a state is written if all went well: {codes:?}");
    codes
}

#[tokio::test]
async fn a_key_that_apply_would_replace_is_not_adopted() {
    for (attribute, value, expect) in [
        ("key_usage", json!("SIGN_VERIFY"), "key-unfit"),
        ("customer_master_key_spec", json!("RSA_2048"), "key-unfit"),
        ("custom_key_store_id", json!("cks-1"), "key-unfit"),
        ("multi_region", json!(false), "key-not-multi-region"),
    ] {
        let setup = Setup::new();
        setup.apply(&Wish::default()).await;
        assert_eq!(import(&setup, setup.state()).await, Vec::<&str>::new(), "as it is, it fits");
        let key = setup.aws.of_kind(ResourceKind::KmsKey).remove(0).attributes;
        setup.aws.change(key["arn"].as_str().expect("an ARN"), attribute, value);
        assert_eq!(import(&setup, setup.state()).await, [expect], "{attribute}");
    }
}

#[tokio::test]
async fn what_can_be_changed_in_place_keeps_no_key_from_being_adopted() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    let key = setup.aws.of_kind(ResourceKind::KmsKey).remove(0).attributes;
    let arn = key["arn"].as_str().expect("an ARN");
    setup.aws.change(arn, "description", json!("theirs"));
    setup.aws.change(arn, "custom_key_store_id", Value::Null);
    assert_eq!(import(&setup, setup.state()).await, Vec::<&str>::new());
}
