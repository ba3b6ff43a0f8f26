//! `terraform`: a folder that calls the module `modules/kms` with the inputs as they were given, and takes over what the
//! state holds.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use keywright_engine::State;
use keywright_model::{Address, ResourceKind};
use keywright_module::{DesiredResource, GivenInput, INPUTS, InputInfo, Module, Reference, WrittenOutput, WrittenPart};
use serde_json::Value;

use super::Export;
use super::hcl::{attributes, block, block_as_written, expression, quoted, typed};

/// Where the module is when nothing else is said: beside what calls it. Then its files are part of the export.
pub(crate) const OWN_SOURCE: &str = "./modules/kms";

/// Writes these modules. `source` is where Terraform finds the module; `None` takes it along.
pub(crate) fn export(modules: &[Module], state: &State, source: Option<&str>) -> Export {
    let folder = Folder { modules, source: source.unwrap_or(OWN_SOURCE) };
    let mut export = Export::default();
    export.add("versions.tf", include_str!("../../../../modules/kms/versions.tf").to_owned());
    export.add("providers.tf", folder.provider());
    export.add("variables.tf", folder.variables());
    export.add("main.tf", folder.calls());
    let imports = folder.imports(state, &mut export.notes);
    export.add("imports.tf", imports);
    let outputs = folder.outputs(&mut export.notes);
    export.add("outputs.tf", outputs);
    export.files.retain(|file| !file.text.is_empty());
    if source.is_none() {
        for (name, text) in MODULE {
            export.add(format!("modules/kms/{name}"), (*text).to_owned());
        }
    }
    folder.tell(&mut export);
    export
}

struct Folder<'a> {
    modules: &'a [Module],
    source: &'a str,
}

impl Folder<'_> {
    /// The Region is that of the first module: resources of other Regions name theirs.
    fn provider(&self) -> String {
        let region = self.modules.first().map(|module| self.input(module, "aws_region")).unwrap_or_default();
        let accounts: BTreeSet<String> =
            self.modules.iter().map(|module| self.input(module, "aws_account_id")).collect();
        let accounts = accounts.into_iter().collect::<Vec<_>>().join(", ");
        let inside = [("region", region), ("allowed_account_ids", format!("[{accounts}]"))];
        block("provider \"aws\"", &attributes(&inside))
    }

    fn calls(&self) -> String {
        let call = |module: &Module| {
            let source = attributes(&[("source", quoted(self.source))]);
            let given = module.given().keys().map(|name| (*name, self.input(module, name)));
            let inputs = attributes(&given.collect::<Vec<_>>());
            block(&format!("module {}", quoted(module.name().as_str())), &format!("{source}\n{inputs}"))
        };
        self.modules.iter().map(call).collect::<Vec<_>>().join("\n")
    }

    /// What stands for an input: its value, or the variable from which it must come.
    fn input(&self, module: &Module, name: &str) -> String {
        match module.given().get(name) {
            Some(GivenInput::Plain(value)) => expression(value),
            Some(GivenInput::Sensitive) => format!("var.{}", self.variable(module, name)),
            None => "null".to_owned(),
        }
    }

    fn variable(&self, module: &Module, input: &str) -> String {
        // Two `_`: no input has them, so that no two modules come to the same name.
        if self.modules.len() > 1 { format!("{}__{input}", module.name()) } else { input.to_owned() }
    }

    fn variables(&self) -> String {
        let declare = |(module, input): (&Module, &InputInfo)| {
            let inside = [
                ("description", quoted(input.description)),
                ("type", input.type_constraint.to_owned()),
                ("sensitive", "true".to_owned()),
            ];
            block(&format!("variable {}", quoted(&self.variable(module, input.name))), &attributes(&inside))
        };
        self.sensitive().map(declare).collect::<Vec<_>>().join("\n")
    }

    fn sensitive(&self) -> impl Iterator<Item = (&Module, &'static InputInfo)> {
        self.modules
            .iter()
            .flat_map(|module| INPUTS.iter().map(move |input| (module, input)))
            .filter(|(module, input)| matches!(module.given().get(input.name), Some(GivenInput::Sensitive)))
    }

    /// The folder's own blocks; a document of inputs stands for one of each module.
    fn outputs(&self, notes: &mut Vec<String>) -> String {
        let blocks = self.modules.first().map(|module| module.desired().output_blocks);
        if let Some(blocks) = blocks.filter(|blocks| blocks.are_all()) {
            let modules = self.modules.iter().map(|module| module.name().clone()).collect();
            return written(blocks.written(&modules), notes);
        }
        let output = |module: &Module| {
            let mut inside = vec![("value", format!("module.{}", module.name()))];
            if has_secrets(module) {
                inside.push(("sensitive", "true".to_owned()));
            }
            block(&format!("output {}", quoted(module.name().as_str())), &attributes(&inside))
        };
        self.modules.iter().map(output).collect::<Vec<_>>().join("\n")
    }

    /// A block for all that the state holds and the inputs still want.
    fn imports(&self, state: &State, notes: &mut Vec<String>) -> String {
        let home = self.modules.first().map(|module| module.inputs().region.to_string()).unwrap_or_default();
        let mut blocks = Vec::new();
        let mut wanted = BTreeSet::new();
        let mut holds_some = false;
        for module in self.modules {
            for resource in &module.desired().resources {
                let address = resource.address.to_string();
                if let Some(id) = import_id(resource, state, &home) {
                    holds_some = true;
                    if module.holds_secret(&id) || module.holds_secret(&address) {
                        notes.push(format!(
                            "`{}` has no import block, since its ID or address holds a sensitive value: import it by hand.",
                            resource.address.without_index()
                        ));
                    } else {
                        blocks.push(block("import", &attributes(&[("to", address.clone()), ("id", quoted(&id))])));
                    }
                }
                wanted.insert(address);
            }
        }
        notes.extend(left_over(state, &wanted).map(|address| {
            let secret = self.modules.iter().any(|module| module.holds_secret(&address.to_string()));
            let address = if secret { address.without_index() } else { address.to_string() };
            format!("`{address}` is in the state and no part of what is exported: Terraform will not know it.")
        }));
        if !holds_some {
            notes.push(NOTHING_HELD.to_owned());
        }
        if blocks.is_empty() {
            return String::new();
        }
        format!("# Once they are applied, these can go.\n\n{}", blocks.join("\n"))
    }

    fn tell(&self, export: &mut Export) {
        for (module, input) in self.sensitive() {
            export.note(format!(
                "The input `{}` of module `{}` comes from a sensitive variable: give `{}` to Terraform.",
                input.name,
                module.name(),
                self.variable(module, input.name)
            ));
        }
        for module in self.modules.iter().filter(|module| !module.inputs().root_access) {
            export.note(format!(
                "The key of module `{}` has no root access: Terraform must run as one of `key_administrators`, or as the admin role \
                 (modules/kms/README.md, \"Removing root\").",
                module.name()
            ));
        }
    }
}

/// The blocks that can be written, after the local values that they refer to; a note for each of the others.
fn written(outputs: IndexMap<&str, Result<WrittenOutput, String>>, notes: &mut Vec<String>) -> String {
    let untold = || "it refers to a variable of a type that no expression has".to_owned();
    let (mut locals, mut blocks) = (IndexMap::new(), Vec::new());
    for (name, output) in outputs {
        match output.and_then(|output| block_of(name, &output).zip(locals_of(&output)).ok_or_else(untold)) {
            Ok((block, own)) => {
                blocks.push(block);
                locals.extend(own);
            }
            Err(because) => notes.push(format!("The output `{name}` is left out: {because}. Write it by hand.")),
        }
    }
    if !locals.is_empty() {
        blocks.insert(0, block_as_written("locals", &locals.into_iter().collect::<Vec<_>>()));
    }
    blocks.join("\n")
}

fn locals_of(output: &WrittenOutput) -> Option<Vec<(String, String)>> {
    output.locals.iter().map(|(name, parts)| Some((name.clone(), as_written(parts)?))).collect()
}

fn block_of(name: &str, output: &WrittenOutput) -> Option<String> {
    let description = output.description.as_deref().map(|text| ("description", quoted(text)));
    let sensitive = output.sensitive.then(|| ("sensitive", "true".to_owned()));
    let value = ("value", as_written(&output.value)?);
    let inside: Vec<_> = description.into_iter().chain([value]).chain(sensitive).collect();
    Some(block_as_written(&format!("output {}", quoted(name)), &inside))
}

fn as_written(parts: &[WrittenPart]) -> Option<String> {
    let part = |part: &WrittenPart| match part {
        WrittenPart::Code(text) => Some(text.clone()),
        WrittenPart::Value { value, kind } => {
            let text = typed(value, kind)?;
            // These do not end where they stand: `{ a = 1 }.a`, `2 - -1`.
            Some(if text.starts_with(['{', '-']) { format!("({text})") } else { text })
        }
    };
    parts.iter().map(part).collect()
}

const NOTHING_HELD: &str =
    "The state holds nothing of it: there are no import blocks, and Terraform will make all of it.";

fn has_secrets(module: &Module) -> bool {
    module.given().values().any(|given| *given == GivenInput::Sensitive)
}

/// What stands in the state and is no part of the export.
fn left_over<'a>(state: &'a State, wanted: &'a BTreeSet<String>) -> impl Iterator<Item = Address> + 'a {
    state.instances().map(|(address, _)| address).filter(|address| !wanted.contains(&address.to_string()))
}

/// The ID by which `hashicorp/aws` 6.x imports a resource; none where the state does not hold it.
///
/// Source: the section "Import" of each resource's page, <https://registry.terraform.io/providers/hashicorp/aws/latest/docs>,
/// and its guide "Enhanced Region Support".
fn import_id(resource: &DesiredResource, state: &State, home: &str) -> Option<String> {
    let held = state.instance(&resource.address)?.attributes()?;
    let text = |name: &str| held.get(name).and_then(Value::as_str);
    let id = match resource.address.kind {
        ResourceKind::KmsKey | ResourceKind::KmsReplicaKey | ResourceKind::KmsKeyPolicy => text("key_id")?.to_owned(),
        ResourceKind::KmsAlias | ResourceKind::IamRole => text("name")?.to_owned(),
        // Whole ARNs, as the module writes them: the provider keeps what stands here, and replaces the grant of another text.
        ResourceKind::KmsGrant => format!("{}:{}", grant_key(resource, state)?, text("grant_id")?),
        ResourceKind::MetricAlarm => text("alarm_name")?.to_owned(),
        ResourceKind::LogMetricFilter => format!("{}:{}", text("log_group_name")?, text("name")?),
        ResourceKind::IamPolicy => text("arn")?.to_owned(),
        ResourceKind::IamRolePolicyAttachment => format!("{}/{}", text("role")?, text("policy_arn")?),
    };
    let region = text("region").filter(|_| resource.address.kind.is_regional());
    // What follows an `@` may be taken for a Region, so that it is said wherever there is one.
    match region.filter(|region| *region != home || id.contains('@')) {
        Some(region) => Some(format!("{id}@{region}")),
        None => Some(id),
    }
}

fn grant_key(grant: &DesiredResource, state: &State) -> Option<String> {
    let lookup =
        |reference: &Reference| state.instance(&reference.address)?.attributes()?.get(reference.attribute).cloned();
    grant.arguments.get("key_id")?.resolve(&lookup).value.as_str().map(str::to_owned)
}

/// The module, as it stands in the repository.
const MODULE: &[(&str, &str)] = &[
    ("README.md", include_str!("../../../../modules/kms/README.md")),
    ("key.tf", include_str!("../../../../modules/kms/key.tf")),
    ("main.tf", include_str!("../../../../modules/kms/main.tf")),
    ("metrics.tf", include_str!("../../../../modules/kms/metrics.tf")),
    ("outputs.tf", include_str!("../../../../modules/kms/outputs.tf")),
    ("policy.tf", include_str!("../../../../modules/kms/policy.tf")),
    ("variables.tf", include_str!("../../../../modules/kms/variables.tf")),
    ("versions.tf", include_str!("../../../../modules/kms/versions.tf")),
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use keywright_module::{Sources, load};
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;

    fn loaded(folder: &Path) -> Vec<Module> {
        let sources = Sources { folder: folder.to_owned(), ..Sources::default() };
        load(&sources).unwrap_or_else(|wrong| panic!("{wrong:#?}"))
    }

    /// Inputs that bear any text: names and values of an encryption context, and of a condition as far as KMS takes them.
    fn inputs(context: &[(String, String)], texts: &[String]) -> Value {
        let of_policies =
            |text: &String| text.chars().filter(|it| matches!(it, '\t' | '\n' | '\r' | ' '..='\u{ff}')).collect();
        let texts: Vec<String> = texts.iter().map(of_policies).collect();
        let context: Map<String, Value> = context.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        json!({
            "aws_account_id": "111122223333", "aws_region": "eu-west-1", "name_prefix": "acme", "environment": "test",
            "grants": {"g": {
                "grantee_principal": "arn:aws:iam::111122223333:root", "operations": ["Decrypt"],
                "constraints": {"encryption_context_equals": context},
            }},
            "key_statements": [{
                "principals": [{"type": "AWS", "identifiers": ["arn:aws:iam::111122223333:root"]}],
                "actions": ["kms:Decrypt"],
                "conditions": [{"test": "StringEquals", "variable": "aws:PrincipalTag/a", "values": texts}],
            }],
        })
    }

    fn awkward() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            prop::sample::select(vec![
                "$",
                "%",
                "{",
                "}",
                "${",
                "%{",
                "$${",
                "%%{",
                "${a}",
                "\"",
                "\\",
                "\n",
                "\r",
                "\t",
                "\u{0}",
                "\u{7f}",
                "\u{85}",
                "\u{feff}",
                "~",
                "#",
                "//",
                "/*",
                "EOT",
                "=",
                "é",
                "e\u{301}",
                "漢",
                "👩\u{200d}👧",
                "\u{2028}",
                "null",
                "for",
                " ",
            ])
            .prop_map(str::to_owned),
            any::<char>().prop_map(String::from),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_text_reads_back_as_it_was(
            context in prop::collection::vec((awkward(), awkward()), 1..8),
            texts in prop::collection::vec(awkward(), 1..4),
        ) {
            let (before, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            std::fs::write(before.path().join("keywright.json"), inputs(&context, &texts).to_string()).unwrap();
            let modules = loaded(before.path());
            for file in export(&modules, &State::default(), Some(OWN_SOURCE)).files {
                std::fs::write(after.path().join(file.name), file.text).unwrap();
            }
            let again = loaded(after.path());
            prop_assert_eq!(modules[0].given(), again[0].given());
            prop_assert_eq!(modules[0].desired().resources, again[0].desired().resources);
        }
    }

    #[test]
    fn the_whole_module_is_taken_along() {
        let there = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../modules/kms");
        let names = std::fs::read_dir(there).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let names: BTreeSet<String> = names.filter(|name| !name.starts_with('.')).collect();
        assert_eq!(MODULE.iter().map(|(name, _)| (*name).to_owned()).collect::<BTreeSet<_>>(), names);
    }
}
