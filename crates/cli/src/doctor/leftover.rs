use super::Examination;
use super::facts::Facts;

/// Alarms that the inputs no longer want.
pub(super) fn examine(facts: &Facts) -> Examination {
    let mut examination = Examination::default();
    let (names, wanted) = (facts.module.alarm_names(), facts.wanted_alarms());
    for (region, alarms) in &facts.alarms {
        let alarms = match alarms {
            Ok(alarms) => alarms,
            Err(unread) => {
                examination.unread(unread);
                continue;
            }
        };
        let is_wanted = |name: &str| wanted.iter().any(|it| it.name == name && it.region == *region);
        for alarm in alarms.iter().filter(|it| names.contains(&it.name) && !is_wanted(&it.name)) {
            let name = &alarm.name;
            let (cause, cure) = if facts.alarms_in_state.contains(name) {
                (
                    "the inputs were changed, and not applied since",
                    "run `keywright apply`: it deletes the alarm".to_owned(),
                )
            } else {
                (
                    "it is not in this state: another tool or another state made it, or it was forgotten there",
                    format!("run `aws cloudwatch delete-alarms --alarm-names {name} --region {region}`"),
                )
            };
            examination.found(format!("the alarm `{name}` is in {region}, and the inputs do not want it"), cause, cure);
        }
    }
    if examination.troubles.is_empty() && examination.open.is_empty() {
        examination.saw("no alarm of the module's names is there unwanted");
    }
    examination
}
