use jiff::Timestamp;

use crate::ids::Ids;
use crate::operation::Entry;
use crate::record::Observed;
use crate::service::Service;
use crate::store::{AnyTable, Tables};
use crate::{cloudtrail, cloudwatch, iam, kms, logs, sns, sts};

/// Everything that exists: the state of each service.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) kms: kms::State,
    pub(crate) iam: iam::State,
    pub(crate) sts: sts::State,
    pub(crate) cloudwatch: cloudwatch::State,
    pub(crate) logs: logs::State,
    pub(crate) sns: sns::State,
    pub(crate) cloudtrail: cloudtrail::State,
    /// Calls that were made inside since the last one that came over HTTP was told of. A failed call does not take
    /// them back.
    pub(crate) calls_inside: Vec<Observed>,
}

impl World {
    /// The operations of a service.
    pub(crate) fn operations(service: Service) -> &'static [Entry] {
        match service {
            Service::Kms => kms::OPERATIONS,
            Service::Iam => iam::OPERATIONS,
            Service::Sts => sts::OPERATIONS,
            Service::CloudWatch => cloudwatch::OPERATIONS,
            Service::Logs => logs::OPERATIONS,
            Service::Sns => sns::OPERATIONS,
            Service::CloudTrail => cloudtrail::OPERATIONS,
        }
    }

    /// Lets happen what time alone brings about: a deletion window that has passed, an alarm period, an expiry.
    pub(crate) fn settle(&mut self, now: Timestamp, ids: &Ids) {
        sts::settle(self, now);
        kms::settle(self, now, ids);
        sns::settle(self, now);
        logs::settle(self, now);
        cloudwatch::settle(self, now, ids);
    }

    /// Each table of each service once.
    pub(crate) fn tables(&mut self) -> Vec<&mut dyn AnyTable> {
        let services: [&mut dyn Tables; 7] = [
            &mut self.kms,
            &mut self.iam,
            &mut self.sts,
            &mut self.cloudwatch,
            &mut self.logs,
            &mut self.sns,
            &mut self.cloudtrail,
        ];
        services.into_iter().flat_map(Tables::tables).collect()
    }
}
