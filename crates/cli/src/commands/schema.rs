use super::End;
use crate::ui;

/// Prints the JSON Schema of an inputs file.
pub(super) fn run() -> End {
    ui::data(&keywright_module::json_schema());
    End::Fine
}
