use std::path::Path;

use keywright_engine::StateStore;
use keywright_model::Diagnostics;
use serde_json::json;

use super::End;
use crate::{session, ui};

/// Lists the addresses in the state.
pub(super) fn list(folder: &Path, local: bool, as_json: bool) -> Result<End, Diagnostics> {
    let store = StateStore::new(session::state_path(folder, local)?);
    let addresses = store.load().map_err(|error| error.diagnostic())?.addresses();
    if as_json {
        ui::data(&json!(addresses));
    } else {
        addresses.iter().for_each(|address| ui::result(address));
    }
    Ok(End::Fine)
}
