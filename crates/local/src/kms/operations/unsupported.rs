//! The operations that are not emulated. Each names itself, after the caller has been authenticated.

use serde::Deserialize;

use super::super::error::KmsError;
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::world::World;

/// Any input at all.
#[derive(Debug, Deserialize)]
pub(super) struct AnyInput {}

macro_rules! unsupported {
    ($($name:ident),* $(,)?) => {
        $(
            pub(super) struct $name;

            impl Operation for $name {
                const SERVICE: Service = Service::Kms;
                const NAME: &'static str = stringify!($name);
                const READ_ONLY: bool = false;
                type Input = AnyInput;
                type Output = ();

                fn authorize(_: &AnyInput, _: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
                    Err(refusal(Self::NAME).into())
                }

                fn call(_: AnyInput, _: &CallContext, _: &mut World, _: &Authorized) -> Result<(), AwsError> {
                    Err(refusal(Self::NAME).into())
                }
            }
        )*
    };
}

unsupported![
    ConnectCustomKeyStore,
    CreateCustomKeyStore,
    Decapsulate,
    DeleteCustomKeyStore,
    DeleteImportedKeyMaterial,
    DeriveSharedSecret,
    DescribeCustomKeyStores,
    DisconnectCustomKeyStore,
    Encapsulate,
    GenerateDataKeyPair,
    GenerateDataKeyPairWithoutPlaintext,
    GenerateMac,
    GetKeyLastUsage,
    GetParametersForImport,
    GetPublicKey,
    ImportKeyMaterial,
    Sign,
    UpdateCustomKeyStore,
    Verify,
    VerifyMac,
];

fn refusal(operation: &str) -> KmsError {
    KmsError::unsupported(format!("{operation} is not supported by this embedded KMS."))
}
