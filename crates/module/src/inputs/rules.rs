//! The rules of inputs, one function a group. All errors are reported, none stops the reading.

use std::sync::Arc;

use keywright_model::{
    AccountId, AliasName, Arn, Diagnostic, Diagnostics, ModuleName, Region, Tags, check_tag_key, check_tag_value,
};

use super::checker::{Checker, reason, shown};
use super::module::{AdminRoleInputs, DecryptAlarmInputs, Inputs, Module, Replication, Services};
use super::names::{
    DecryptThreshold, DeletionWindow, Environment, IamPrincipal, LogGroupName, NamePrefix, RotationPeriod, TopicArn,
};
use super::{given, grants, limits, statements};
use crate::findings::{self, Acceptance, FindingInfo};
use crate::nearest::nearest;
use crate::read::{Arguments, Given, Kind, OutputBlocks};

/// Checks the arguments of a module.
///
/// # Errors
/// Every rule that is broken.
pub(crate) fn check(arguments: Arguments) -> Result<Module, Diagnostics> {
    let complete = arguments.complete;
    let name = ModuleName::parse(&arguments.name);
    let (written, name_span, place) = (arguments.name.clone(), arguments.name_span.clone(), arguments.span.clone());
    let given = given::given(&arguments);
    let mut checker = Checker::new(arguments);
    if let Err(error) = &name {
        let summary = format!("`{written}` is not a module name: {}", error.reason);
        checker.diagnostics.push(Diagnostic::error("invalid-name", summary).at(name_span, ""));
    }
    let inputs = inputs(&mut checker);
    let (Ok(name), Some(inputs), true) = (name, inputs, complete) else {
        return Err(checker.diagnostics);
    };
    limits::check(&inputs, &mut checker);
    if checker.diagnostics.has_errors() {
        return Err(checker.diagnostics);
    }
    let secrets = checker.secrets();
    let output_blocks = Arc::new(OutputBlocks::of_document(&name));
    let warnings = checker.diagnostics.into_iter().collect();
    Ok(Module { name, inputs, given, secrets, place, warnings, output_blocks })
}

/// Runs every rule; none if one of those failed without which there is no module.
fn inputs(checker: &mut Checker) -> Option<Inputs> {
    let account =
        required(checker, "aws_account_id", "invalid-account", "write the account as 12 digits, in quotes", |text| {
            AccountId::parse(text).map_err(reason)
        });
    let region = region(checker, "aws_region");
    let name_prefix = required(
        checker,
        "name_prefix",
        "invalid-name-prefix",
        "choose a short prefix, such as `acme`",
        NamePrefix::parse,
    );
    let environment =
        required(checker, "environment", "invalid-environment", "choose a label, such as `prod`", Environment::parse);
    let home = Home { account: account.as_ref(), region: region.as_ref() };
    let replication = replication(checker, home);
    let topic = topic(checker, "sns_topic_arn", region.as_ref());
    let trail_log_group = log_group(checker);
    let parts = Inputs {
        tags: tags(checker),
        rotation: rotation(checker),
        deletion_window: deletion_window(checker),
        aliases: aliases(checker),
        root_access: checker.flag("kms_root_access"),
        admin_role: admin_role(checker, home),
        key_administrators: principals(checker, "key_administrators", home, Account::Own),
        key_users: principals(checker, "key_users", home, Account::Own),
        key_service_users: principals(checker, "key_service_users", home, Account::Own),
        service_usage_principals: principals(checker, "service_usage_principals", home, Account::Own),
        cross_account_principals: principals(checker, "cross_account_principals", home, Account::Other),
        accepted_findings: accepted_findings(checker),
        key_statements: statements::check(checker, home.account),
        decrypt_alarm: decrypt_alarm(checker, topic.as_ref()),
        access_denied_alarm: checker.flag("enable_kms_access_denied_alarm"),
        lifecycle_alarm: lifecycle_alarm(checker, trail_log_group.as_ref()),
        cloudtrail: default_region_buckets(checker),
        create_autoscaling_role: checker.flag("create_autoscaling_service_linked_role"),
        grants: grants::check(checker, region.as_ref(), replication.as_ref()),
        services: services(checker),
        topic,
        trail_log_group,
        replication,
        account: account?,
        region: region?,
        name_prefix: name_prefix?,
        environment: environment?,
    };
    Some(parts)
}

/// The account and the Region of the module, as far as they are known.
#[derive(Clone, Copy)]
pub(crate) struct Home<'a> {
    pub(crate) account: Option<&'a AccountId>,
    pub(crate) region: Option<&'a Region>,
}

fn required<T>(
    checker: &mut Checker,
    name: &str,
    code: &'static str,
    help: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Option<T> {
    let value = checker.given(name).cloned()?;
    checker.parse(code, name, &value, help, parse)
}

fn region(checker: &mut Checker, name: &str) -> Option<Region> {
    let value = checker.given(name).cloned()?;
    region_of(checker, name, &value)
}

/// Reads a Region; one that is well-formed and not known is taken, with a warning.
pub(crate) fn region_of(checker: &mut Checker, name: &str, value: &Given) -> Option<Region> {
    let parse = |text: &str| Region::parse(text).map_err(reason);
    let region = checker.parse("invalid-region", name, value, "write a Region such as `eu-west-1`", parse)?;
    if !region.is_known() {
        let known = region.partition().known_regions().iter().copied();
        let help = nearest(region.as_str(), known).map_or_else(
            || "it is taken as it is, in case it is new".to_owned(),
            |near| format!("did you mean `{near}`? it is taken as it is, in case it is new"),
        );
        let summary = format!("`{name}`: the Region {} is not known", shown(value));
        checker.report(Diagnostic::warning("unknown-region", summary).help(help), name, value);
    }
    Some(region)
}

/// The replica: wanted when a replication bucket is enabled.
fn replication(checker: &mut Checker, home: Home<'_>) -> Option<Replication> {
    let region = replication_region(checker, home.region);
    let enabled = replication_region_buckets(checker, region.as_ref());
    let role = replication_role(checker, home.region);
    let topic = topic(checker, "replica_sns_topic_arn", region.as_ref());
    if !enabled {
        for name in ["replication_region", "s3_replication_role_arn", "replica_sns_topic_arn"] {
            without_replica(checker, name);
        }
        return None;
    }
    if region.is_none() && checker.text("replication_region").is_none() && !checker.has_failed("replication_region") {
        let span = checker.key_span("replication_region_buckets");
        checker.diagnostics.push(
            Diagnostic::error("missing-replication-region", "`replication_region` is missing")
                .because("an enabled replication bucket needs a replica key")
                .at(span, "a bucket is enabled here")
                .help("add `replication_region = …`, or set `enabled = false` on each replication bucket"),
        );
    }
    Some(Replication { region: region?, role, topic })
}

fn without_replica(checker: &mut Checker, name: &str) {
    if let Some(value) = checker.text(name) {
        let summary = format!("`{name}` has no effect: there is no replica");
        let diagnostic = Diagnostic::note("no-replica", summary)
            .help("a replica is made when a bucket of `replication_region_buckets` is enabled");
        checker.report(diagnostic, name, &value);
    }
}

fn replication_region(checker: &mut Checker, home: Option<&Region>) -> Option<Region> {
    const NAME: &str = "replication_region";
    let value = checker.text(NAME)?;
    let region = region_of(checker, NAME, &value)?;
    let Some(home) = home else { return Some(region) };
    if region == *home {
        let help = "choose another Region: a replica stands in a Region of its own";
        checker.refuse("same-region", NAME, &value, "it is `aws_region` too", help);
        return None;
    }
    if region.partition() != home.partition() {
        let why =
            format!("it is in the partition `{}`, and `aws_region` in `{}`", region.partition(), home.partition());
        checker.refuse("wrong-partition", NAME, &value, &why, "choose a Region of the same partition");
        return None;
    }
    Some(region)
}

/// Whether one of the buckets is enabled; checks them all.
fn replication_region_buckets(checker: &mut Checker, replica: Option<&Region>) -> bool {
    const NAME: &str = "replication_region_buckets";
    let Some(buckets) = checker.given(NAME).cloned() else { return false };
    let mut any = false;
    for (bucket, field) in buckets.fields() {
        let bucket = if field.value.sensitive { String::new() } else { format!("`{bucket}`") };
        let enabled = is_enabled(&field.value);
        any |= enabled;
        let Some(value) = field.value.field("region") else { continue };
        let Some(region) = region_of(checker, NAME, value) else { continue };
        if replica.is_some_and(|replica| region != *replica) {
            let why = format!("the bucket {bucket} is not in `replication_region`");
            checker.refuse("bucket-region", NAME, value, &why, "write the same Region in both places");
        }
        let versioning = field.value.field("versioning").is_some_and(|value| matches!(value.kind, Kind::Bool(false)));
        if enabled && versioning {
            let summary =
                format!("`{NAME}`: the bucket {bucket} has versioning off; S3 replicates only to versioned buckets");
            let diagnostic =
                Diagnostic::warning("bucket-versioning", summary).help("leave `versioning` out, or set it to true");
            checker.report(diagnostic, NAME, &field.value);
        }
    }
    any
}

/// Whether the bucket `cloudtrail` is enabled; checks the others.
fn default_region_buckets(checker: &mut Checker) -> bool {
    const NAME: &str = "default_region_buckets";
    let Some(buckets) = checker.given(NAME).cloned() else { return false };
    for (_, field) in buckets.fields() {
        if let Some(value) =
            field.value.field("region").filter(|value| value.as_str().is_some_and(|text| !text.is_empty()))
        {
            region_of(checker, NAME, value);
        }
        without_effect(checker, NAME, &field.value);
    }
    buckets.field("cloudtrail").is_some_and(is_enabled)
}

/// Notes attributes that were given and do not concern the key. Their defaults stand at the bucket itself.
fn without_effect(checker: &mut Checker, name: &str, bucket: &Given) {
    let given =
        |attribute: &&&str| bucket.field(attribute).is_some_and(|value| value.span != bucket.span && !value.is_null());
    let named: Vec<String> = BUCKET_ONLY.iter().filter(given).map(|attribute| format!("`{attribute}`")).collect();
    if !named.is_empty() && !bucket.sensitive {
        let summary = format!("`{name}`: {} has no effect on the key", named.join(", "));
        let diagnostic = Diagnostic::note("bucket-attribute", summary).help("the bucket's own module acts on it");
        checker.report(diagnostic, name, bucket);
    }
}

const BUCKET_ONLY: &[&str] = &["versioning", "replication", "logging"];

fn is_enabled(bucket: &Given) -> bool {
    bucket.field("enabled").is_some_and(|value| matches!(value.kind, Kind::Bool(true)))
}

fn replication_role(checker: &mut Checker, home: Option<&Region>) -> Option<Arn> {
    const NAME: &str = "s3_replication_role_arn";
    let value = checker.text(NAME)?;
    let help = "write the role's ARN: `arn:aws:iam::ACCOUNT:role/NAME`";
    let partition = home.map(Region::partition)?;
    let parse = |text: &str| IamPrincipal::parse(text, partition);
    let role = checker.parse("invalid-principal", NAME, &value, help, parse)?;
    if !role.is_role() {
        checker.refuse("invalid-principal", NAME, &value, "it is no role; S3 replicates as a role", help);
        return None;
    }
    check_partition(checker, NAME, &value, role.arn(), home).then(|| role.arn().clone())
}

fn topic(checker: &mut Checker, name: &str, region: Option<&Region>) -> Option<TopicArn> {
    let value = checker.text(name)?;
    let help = "write a topic's ARN: `arn:aws:sns:REGION:ACCOUNT:NAME`";
    let topic = checker.parse("invalid-topic", name, &value, help, TopicArn::parse)?;
    let Some(region) = region else { return Some(topic) };
    if !check_partition(checker, name, &value, topic.arn(), Some(region)) {
        return None;
    }
    if topic.arn().region() != region.as_str() {
        let why = format!("its alarms are in `{region}`, and alarms notify topics of their own Region");
        checker.refuse("wrong-region", name, &value, &why, &format!("name a topic in `{region}`"));
        return None;
    }
    Some(topic)
}

fn check_partition(checker: &mut Checker, name: &str, value: &Given, arn: &Arn, home: Option<&Region>) -> bool {
    let Some(partition) = home.map(Region::partition) else { return true };
    let fits = arn.partition() == partition.as_str();
    if !fits {
        let why = format!("its partition is `{}`, and that of `aws_region` is `{partition}`", arn.partition());
        checker.refuse("wrong-partition", name, value, &why, &format!("the ARN must begin with `arn:{partition}:`"));
    }
    fits
}

fn decrypt_alarm(checker: &mut Checker, topic: Option<&TopicArn>) -> Option<DecryptAlarmInputs> {
    const NAME: &str = "key_decrypt_threshold";
    let number = checker.number(NAME).unwrap_or(DEFAULT_THRESHOLD);
    let threshold = DecryptThreshold::new(number);
    if let (None, Some(value)) = (threshold, checker.given(NAME).cloned()) {
        checker.refuse(
            "invalid-threshold",
            NAME,
            &value,
            "it must be a whole number above 0",
            "write a number of calls, such as 100",
        );
    }
    if !checker.flag("enable_key_monitoring") {
        return None;
    }
    if checker.text("sns_topic_arn").is_none() && !checker.has_failed("sns_topic_arn") {
        let span = checker.key_span("enable_key_monitoring");
        checker.diagnostics.push(
            Diagnostic::error("missing-topic", "`sns_topic_arn` is missing")
                .because("`enable_key_monitoring` makes an alarm that notifies this topic")
                .at(span, "needed by this")
                .help("add `sns_topic_arn = …`, or set `enable_key_monitoring = false`"),
        );
    }
    Some(DecryptAlarmInputs { topic: topic?.clone(), threshold: threshold? })
}

const DEFAULT_THRESHOLD: f64 = 100.0;

fn log_group(checker: &mut Checker) -> Option<LogGroupName> {
    const NAME: &str = "cloudtrail_log_group_name";
    let value = checker.text(NAME)?;
    let help = "write the name of the log group, such as `/aws/cloudtrail/trail`";
    checker.parse("invalid-log-group", NAME, &value, help, LogGroupName::parse)
}

fn lifecycle_alarm(checker: &mut Checker, group: Option<&LogGroupName>) -> Option<LogGroupName> {
    if !checker.flag("enable_key_lifecycle_alarms") {
        return None;
    }
    let absent = checker.text("cloudtrail_log_group_name").is_none();
    if absent && !checker.has_failed("cloudtrail_log_group_name") {
        let span = checker.key_span("enable_key_lifecycle_alarms");
        checker.diagnostics.push(
            Diagnostic::error("missing-log-group", "`cloudtrail_log_group_name` is missing")
                .because("the lifecycle alarm counts events of CloudTrail in that log group")
                .at(span, "needed by this")
                .help("add `cloudtrail_log_group_name = …`, or set `enable_key_lifecycle_alarms = false`"),
        );
    }
    group.cloned()
}

/// Source: <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>.
fn tags(checker: &mut Checker) -> Tags {
    const NAME: &str = "tags";
    let Some(given) = checker.given(NAME).cloned() else { return Tags::new() };
    let mut tags = Tags::new();
    for (key, field) in given.fields() {
        let at_key = Given { span: field.key.clone(), ..Given::string(key, field.key.clone()) };
        let at_key = Given { sensitive: field.value.sensitive, ..at_key };
        if let Err(error) = check_tag_key(key) {
            checker.refuse("invalid-tag", NAME, &at_key, &error.reason, "choose another key");
        } else if key == "Name" {
            let why = "each key gets a `Name` of its own, made of the prefix and the environment";
            checker.refuse("reserved-tag", NAME, &at_key, why, "leave `Name` out");
        }
        let text = field.value.as_str().unwrap_or_default();
        if let Err(error) = check_tag_value(text) {
            checker.refuse("invalid-tag", NAME, &field.value, &error.reason, "choose another value");
        }
        tags.insert(key.clone(), text.to_owned());
    }
    check_tag_set(checker, &given, &tags);
    tags
}

/// IAM takes no two tag keys that differ in case alone.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html>.
fn check_tag_set(checker: &mut Checker, given: &Given, tags: &Tags) {
    const NAME: &str = "tags";
    if tags.len() > MAX_TAGS {
        let summary = format!("`{NAME}`: {} tags are too many; at most {MAX_TAGS} fit", tags.len());
        let diagnostic = Diagnostic::error("too-many-tags", summary)
            .because("AWS takes 50 tags on a resource; one is `Name`, and one is set while a key is being made");
        checker.report(diagnostic.help("remove some"), NAME, given);
    }
    let mut seen: Vec<String> = Vec::new();
    for (key, field) in given.fields() {
        let lower = key.to_lowercase();
        if seen.contains(&lower) {
            let at_key = Given { sensitive: field.value.sensitive, ..Given::string(key, field.key.clone()) };
            checker.refuse(
                "duplicate-tag",
                NAME,
                &at_key,
                "another key differs from it in case alone, which IAM refuses",
                "keep one of the two",
            );
        }
        seen.push(lower);
    }
}

/// AWS takes 50; `Name` is ours, and one is kept free for the time in which a key is made.
const MAX_TAGS: usize = 48;

fn rotation(checker: &mut Checker) -> Option<RotationPeriod> {
    const NAME: &str = "rotation_period_in_days";
    let (low, high) = RotationPeriod::BOUNDS;
    let given = checker.given(NAME).cloned();
    let period = RotationPeriod::new(checker.number(NAME).unwrap_or(DEFAULT_ROTATION));
    if let (None, Some(value)) = (period, &given) {
        let why = format!("it must be a whole number from {low} to {high}");
        checker.refuse("invalid-rotation-period", NAME, value, &why, "leave it out for 365 days");
    }
    if checker.flag("enable_key_rotation") {
        return period;
    }
    if let Some(value) = given {
        let diagnostic =
            Diagnostic::error("rotation-is-off", format!("`{NAME}` is given, and `enable_key_rotation` is false"))
                .help(format!("set `enable_key_rotation = true`, or leave `{NAME}` out"));
        checker.report(diagnostic, NAME, &value);
    }
    None
}

const DEFAULT_ROTATION: f64 = 365.0;

fn deletion_window(checker: &mut Checker) -> DeletionWindow {
    const NAME: &str = "deletion_window_in_days";
    let (low, high) = DeletionWindow::BOUNDS;
    let window = DeletionWindow::new(checker.number(NAME).unwrap_or(f64::from(high)));
    if let (None, Some(value)) = (window, checker.given(NAME).cloned()) {
        let why = format!("it must be a whole number from {low} to {high}");
        checker.refuse("invalid-deletion-window", NAME, &value, &why, &format!("leave it out for {high} days"));
    }
    window.unwrap_or(DeletionWindow::LONGEST)
}

/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html>.
fn aliases(checker: &mut Checker) -> Vec<AliasName> {
    const NAME: &str = "aliases";
    let mut aliases: Vec<AliasName> = Vec::new();
    for value in checker.items(NAME) {
        let parse = |text: &str| AliasName::parse(text).map_err(reason);
        let Some(alias) = checker.parse("invalid-alias", NAME, &value, "write it as `alias/name`", parse) else {
            continue;
        };
        if alias.is_reserved() {
            checker.refuse(
                "reserved-alias",
                NAME,
                &value,
                "`alias/aws/` is kept for keys that AWS manages",
                "choose another name",
            );
        } else if aliases.contains(&alias) {
            checker.refuse("duplicate-alias", NAME, &value, "it stands here twice", "keep one of the two");
        } else {
            aliases.push(alias);
        }
    }
    if let (true, Some(value)) = (aliases.len() > MAX_ALIASES, checker.given(NAME).cloned()) {
        let summary = format!("`{NAME}`: {} aliases are too many; a key takes {MAX_ALIASES}", aliases.len());
        checker.report(Diagnostic::error("too-many-aliases", summary).help("remove some"), NAME, &value);
    }
    aliases
}

const MAX_ALIASES: usize = 50;

fn admin_role(checker: &mut Checker, home: Home<'_>) -> Option<AdminRoleInputs> {
    let given = principals(checker, "admin_role_trusted_principals", home, Account::Any);
    if !checker.flag("enable_kms_admin_role") {
        without_admin_role(checker);
        return None;
    }
    let trusted = if given.is_empty() { vec![account_root(home)?] } else { given };
    Some(AdminRoleInputs { trusted, require_mfa: checker.flag("admin_role_require_mfa") })
}

fn without_admin_role(checker: &mut Checker) {
    for name in ["admin_role_trusted_principals", "admin_role_require_mfa"] {
        if let Some(value) = checker.given(name).cloned() {
            let diagnostic =
                Diagnostic::note("no-admin-role", format!("`{name}` has no effect: there is no admin role"));
            checker.report(diagnostic.help("set `enable_kms_admin_role = true`"), name, &value);
        }
    }
}

fn account_root(home: Home<'_>) -> Option<IamPrincipal> {
    IamPrincipal::root(home.region?.partition(), home.account?).ok()
}

/// Whose principals a list may name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Account {
    Own,
    Other,
    Any,
}

fn principals(checker: &mut Checker, name: &str, home: Home<'_>, whose: Account) -> Vec<IamPrincipal> {
    let Some(region) = home.region else { return Vec::new() };
    let mut principals = Vec::new();
    for value in checker.items(name) {
        let parse = |text: &str| IamPrincipal::parse(text, region.partition());
        let help = "write ARNs such as `arn:aws:iam::111122223333:role/app`";
        let Some(principal) = checker.parse("invalid-principal", name, &value, help, parse) else { continue };
        let fits = check_partition(checker, name, &value, principal.arn(), home.region)
            && check_account(checker, name, &value, &principal, home, whose);
        if fits && !principals.contains(&principal) {
            principals.push(principal);
        }
    }
    principals
}

fn check_account(
    checker: &mut Checker,
    name: &str,
    value: &Given,
    principal: &IamPrincipal,
    home: Home<'_>,
    whose: Account,
) -> bool {
    let Some(account) = home.account else { return true };
    let own = principal.account() == account;
    let (why, help) = match whose {
        Account::Own if !own => (
            format!("it belongs to another account than `{account}`"),
            "principals of other accounts belong in `cross_account_principals`, and can only use the keys",
        ),
        Account::Other if own => {
            ("it belongs to this account".to_owned(), "principals of this account belong in `key_users`")
        }
        _ => return true,
    };
    checker.refuse("wrong-account", name, value, &why, help);
    false
}

/// Each is a finding that can be accepted, and says why it is.
fn accepted_findings(checker: &mut Checker) -> Vec<Acceptance> {
    const NAME: &str = "accepted_findings";
    let Some(given) = checker.given(NAME).cloned() else { return Vec::new() };
    let mut accepted = Vec::new();
    for (code, field) in given.fields() {
        let at_key = Given { sensitive: field.value.sensitive, ..Given::string(code, field.key.clone()) };
        let Some(info) = acceptable_finding(checker, NAME, code, &at_key) else { continue };
        let reason = field.value.as_str().unwrap_or_default().trim().to_owned();
        if reason.is_empty() {
            let help = format!("say why `{code}` may stand, for whoever reads this next");
            checker.refuse("missing-reason", NAME, &field.value, "a finding is accepted for a reason", &help);
        }
        accepted.push(Acceptance { code: info.code, reason, place: field.key.clone() });
    }
    accepted
}

fn acceptable_finding(checker: &mut Checker, name: &str, code: &str, given: &Given) -> Option<&'static FindingInfo> {
    let all: Vec<&str> = findings::acceptable().collect();
    let help = format!("these can be accepted: {}", all.join(", "));
    let Some(info) = findings::finding(code) else {
        let near = nearest(code, all.iter().copied()).filter(|_| !given.sensitive);
        let near = near.map(|near| format!("did you mean `{near}`? "));
        let help = format!("{}{help}", near.unwrap_or_default());
        checker.refuse("unknown-finding", name, given, "no finding has this code", &help);
        return None;
    };
    if !info.can_be_accepted {
        checker.refuse("unacceptable-finding", name, given, "nobody can wave this one through", &help);
        return None;
    }
    Some(info)
}

fn services(checker: &Checker) -> Services {
    Services {
        dynamodb: checker.flag("enable_dynamodb"),
        alb_firehose: checker.flag("enable_alb_firehose"),
        alb_waf_logging: checker.flag("enable_alb_waf_logging"),
        image_processor: checker.flag("enable_image_processor"),
        cloudfront_firehose: checker.flag("enable_cloudfront_firehose"),
        cloudfront_waf: checker.flag("enable_cloudfront_waf"),
        cloudfront_standard_logging_v2: checker.flag("enable_cloudfront_standard_logging_v2"),
    }
}
