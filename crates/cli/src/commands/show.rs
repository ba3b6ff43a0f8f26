use std::collections::BTreeMap;

use keywright_engine::{State, StateStore};
use keywright_model::Diagnostics;

use super::plan::{policies, show};
use super::{End, saved};
use crate::args::ShowArguments;
use crate::render::plan::{self, Shown, Sign};
use crate::{session, ui};

/// Shows a saved plan, or what the state holds.
pub(super) fn run(arguments: &ShowArguments) -> Result<End, Diagnostics> {
    if saved::is_saved_plan(&arguments.path) {
        let saved = saved::plan(&arguments.path)?;
        show(&saved.plan(), &BTreeMap::new(), arguments.json, arguments.show_policies);
        return Ok(End::Fine);
    }
    let store = StateStore::new(session::state_path(&arguments.path, arguments.local)?);
    let mut state = store.load().map_err(|error| error.diagnostic())?;
    // A grant's token is as good as the grant, and the real provider keeps it in the state.
    state.drop_secrets();
    if arguments.json {
        ui::data(&state);
    } else {
        ui::result(&text(&state, arguments.show_policies));
    }
    Ok(End::Fine)
}

fn text(state: &State, show_policies: bool) -> String {
    let mut text = String::new();
    for (address, instance) in state.instances() {
        text.push_str(&plan::resource(&Shown {
            address: address.to_string(),
            kind: address.kind.type_name(),
            name: &address.name,
            action: Sign::Show,
            before: None,
            after: instance.attributes(),
            unknown: None,
            sensitive: instance.sensitive(),
            reason: None,
            policies: policies(show_policies),
        }));
        text.push('\n');
    }
    if text.is_empty() { "The state is empty.".to_owned() } else { text.trim_end().to_owned() }
}
