//! What removing root would come to, where root access is on: planned on the keys as they stand, and played on keys of
//! the same inputs in another AWS, so that the life of these goes on as configured.

use keywright_engine::{Administrator, EngineError, Mode, Plan};
use keywright_local::InsideCaller;
use keywright_model::{Arn, Diagnostic, Diagnostics, ResourceKind};
use keywright_module::Desired;
use keywright_policy::{AccessChanges, access_changes};
use serde_json::json;

use super::probes;
use super::promise::{Expected, Outcome, Probe, Promise};
use super::scene::{Key, Scene};
use super::stage::Stage;
use super::story::{Rehearsed, completes, prepared};

/// What `kms_root_access = false` would come to.
#[derive(Debug, Default)]
pub(crate) struct RootRemoval {
    /// Why the plan would be refused; nothing where it would not be.
    pub(crate) refused: Diagnostics,
    /// What the final policy of each key would give and take.
    pub(crate) access: Vec<(String, AccessChanges)>,
    /// Who is proved to be able to put each key's policy then.
    pub(crate) administrators: Vec<Administrator>,
    /// What the plan would tell that it does not tell now.
    pub(crate) findings: Vec<Diagnostic>,
}

impl Rehearsed<'_> {
    /// Plans it, on the keys as they stand, and plays it where the plan is not refused.
    pub(super) async fn root_removal(&self) -> Result<(RootRemoval, Option<Promise>), Diagnostics> {
        let removal = self.plans_root_removal().await?;
        if !removal.refused.is_empty() {
            return Ok((removal, None));
        }
        let double = Rehearsed::open(self.module).await?;
        double.carry_out(Mode::Normal).await?;
        let scene = double.scene().await?;
        let stage = double.stage(&scene).await?;
        let promise = double.removes_root(&stage, &removal.administrators).await?;
        Ok((removal, Some(promise)))
    }

    /// The plan's answer. Nothing is applied.
    pub(super) async fn plans_root_removal(&self) -> Result<RootRemoval, Diagnostics> {
        let without = self.without_root();
        let engine = self.engine().await?;
        // A plan holds the state's lock for as long as it is there.
        let told: Vec<&'static str> = {
            let now = engine.plan(&self.desired, Mode::Normal).await?;
            now.plan().findings.iter().map(|it| it.code).collect()
        };
        match engine.plan(&without, Mode::Normal).await {
            Ok(planned) => Ok(RootRemoval::planned(planned.plan(), &told)),
            Err(error @ (EngineError::Refused(_) | EngineError::NoActor { .. })) => {
                let refused = error.diagnostics();
                Ok(RootRemoval { refused, access: access(&self.desired, &without), ..RootRemoval::default() })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes root, and tries whom the keys let in afterwards.
    pub(super) async fn removes_root(
        mut self,
        stage: &Stage,
        administrators: &[Administrator],
    ) -> Result<Promise, Diagnostics> {
        self.desired = self.without_root();
        let done = self.carry_out(Mode::Normal).await?;
        let mut probes = vec![completes("apply", &done)];
        probes.push(Probe::of_fact("changes of a second plan", &0, &self.pending().await?));
        let scene = self.scene().await?;
        probes.extend(probes::root_access(stage, &scene).await.probes);
        probes.extend(administrators.iter().flat_map(|administrator| manages(stage, &scene, administrator)));
        let text =
            "root could be removed as well: nobody is let in then but by name, and who is proved to keep the keys does";
        Ok(Promise::new("root-removal", text, probes))
    }

    fn without_root(&self) -> Vec<Desired> {
        vec![prepared(&self.module.without_root_access()).0]
    }
}

impl RootRemoval {
    /// With the findings whose codes are not told already.
    fn planned(plan: &Plan, told: &[&str]) -> Self {
        let access = plan.key_policies.iter().filter_map(|change| Some((change.key.to_string(), change.access()?)));
        let is_new = |finding: &&Diagnostic| finding.accepted.is_none() && !told.contains(&finding.code);
        Self {
            refused: Diagnostics::new(),
            access: access.collect(),
            administrators: plan.administrators.clone(),
            findings: plan.findings.iter().filter(is_new).cloned().collect(),
        }
    }
}

/// What the final policies alone tell, where no plan comes of them.
fn access(now: &[Desired], without: &[Desired]) -> Vec<(String, AccessChanges)> {
    now.iter().zip(without).flat_map(|(now, without)| access_of_one(now, without)).collect()
}

fn access_of_one(now: &Desired, without: &Desired) -> Vec<(String, AccessChanges)> {
    let policies = |desired: &Desired| {
        let administration = &desired.administration;
        [Some(administration.primary_policy.clone()), administration.replica_policy.clone()]
    };
    let keys =
        [ResourceKind::KmsKey, ResourceKind::KmsReplicaKey].into_iter().zip(policies(now)).zip(policies(without));
    let changed = keys.filter_map(|((kind, before), after)| {
        let key = now.resources.iter().map(|it| &it.address).find(|address| address.kind == kind)?;
        Some((key.to_string(), access_changes(before.as_ref(), &after?)))
    });
    changed.collect()
}

/// Who is proved to keep a key puts the policy that stands.
fn manages(stage: &Stage, scene: &Scene, administrator: &Administrator) -> Option<Probe> {
    let label = if administrator.key.kind == ResourceKind::KmsReplicaKey { "replica" } else { "primary" };
    let key = scene.keys.iter().find(|key| key.label == label)?;
    let caller = InsideCaller::Direct { principal: Arn::parse(&administrator.who).ok()? };
    let put = puts_the_same_policy(stage, &caller, key);
    let what = format!("PutKeyPolicy (the one that stands) by {} on the {label}", administrator.who);
    Some(Probe::of_call(what, Expected::Allowed, &put))
}

fn puts_the_same_policy(stage: &Stage, caller: &InsideCaller, key: &Key) -> Outcome {
    let standing = stage.inside(caller, &key.region, "GetKeyPolicy", key.input());
    let Some(policy) = standing.text("Policy") else { return standing };
    let input = json!({ "KeyId": key.arn.as_str(), "PolicyName": "default", "Policy": policy });
    stage.inside(caller, &key.region, "PutKeyPolicy", input)
}
