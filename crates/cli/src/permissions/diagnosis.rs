use keywright_aws::{LookOn, On, needed_to_look};
use keywright_model::{Arn, ResourceKind};
use keywright_module::{Desired, Module};

use super::{Permissions, Phase, arn, resources, sid};

impl Permissions {
    /// What `doctor` asks AWS. Where the keys' policies do not delegate to IAM, it reads the keys as the admin role.
    pub(super) fn add_diagnosis(&mut self, module: &Module, buckets: &[String]) {
        let desired = module.desired();
        for needed in needed_to_look() {
            for place in places(module, &desired, buckets, needed.on) {
                self.allow(name(needed.on), needed.action, place, None);
            }
        }
        if let Some(role) = &desired.administration.admin_role {
            self.allow(sid(On::Role), "iam:GetRole", role.arn.to_string(), None);
        }
        self.add_administration(&desired);
        self.add_prerequisites(&desired, Phase::Doctor);
    }
}

fn name(on: LookOn) -> &'static str {
    match on {
        LookOn::Key | LookOn::TopicKey => sid(On::Key),
        LookOn::Alarms | LookOn::Alarm => sid(On::Alarm),
        LookOn::Usage | LookOn::Calls => sid(On::Anything),
        LookOn::Topic => "Topics",
        LookOn::Bucket => "Buckets",
    }
}

/// The ARNs that an action is asked on.
fn places(module: &Module, desired: &Desired, buckets: &[String], on: LookOn) -> Vec<String> {
    let inputs = module.inputs();
    let in_regions = |service: &str, what: &str| {
        let regions = std::iter::once(&inputs.region).chain(inputs.replication.iter().map(|it| &it.region));
        regions.filter_map(|region| arn(desired, service, Some(region), what)).collect()
    };
    let topics = || inputs.named_topics().into_iter().map(|topic| topic.arn());
    match on {
        LookOn::Key if !inputs.root_access => Vec::new(),
        LookOn::Key => in_regions("kms", "key/*"),
        LookOn::Alarms => in_regions("cloudwatch", "alarm:*"),
        LookOn::Alarm => {
            let alarms = desired.resources.iter().filter(|it| it.address.kind == ResourceKind::MetricAlarm);
            alarms.flat_map(|alarm| resources(desired, alarm, On::Alarm)).collect()
        }
        LookOn::Usage => inputs.decrypt_alarm.iter().map(|_| "*".to_owned()).collect(),
        LookOn::Calls => vec!["*".to_owned()],
        LookOn::Topic => topics().map(Arn::to_string).collect(),
        LookOn::TopicKey => topics().map(key_of_topic).collect(),
        LookOn::Bucket => buckets.iter().filter_map(|bucket| bucket_arn(desired, bucket)).collect(),
    }
}

/// Any key: which one a topic is encrypted with is known only to who reads the topic.
fn key_of_topic(topic: &Arn) -> String {
    format!("arn:{}:kms:{}:{}:key/*", topic.partition(), topic.region(), topic.account())
}

/// ARNs of buckets have neither Region nor account.
fn bucket_arn(desired: &Desired, bucket: &str) -> Option<String> {
    Arn::new(desired.region.partition(), "s3", None, None, bucket).ok().map(|it| it.to_string())
}
