//! Operations that AWS has and this AWS knows, but does not carry out: they say so.

/// Declares operations that answer every caller with the service's own error for what is not supported.
///
/// They change and reveal nothing, so that nothing has to be allowed.
macro_rules! unsupported {
    ($service:expr, $error:path: $($name:ident $reads:literal),* $(,)?) => {
        $(
            #[doc = concat!("`", stringify!($name), "`, which is not carried out.")]
            pub(super) struct $name;

            impl $crate::operation::Operation for $name {
                const SERVICE: $crate::service::Service = $service;
                const NAME: &'static str = stringify!($name);
                const READ_ONLY: bool = $reads;
                type Input = ::serde::de::IgnoredAny;
                type Output = ();

                fn authorize(
                    _: &Self::Input,
                    _: &$crate::context::CallContext,
                    _: &$crate::world::World,
                ) -> Result<Vec<$crate::check::Check>, $crate::error::AwsError> {
                    Ok(Vec::new())
                }

                fn call(
                    _: Self::Input,
                    _: &$crate::context::CallContext,
                    _: &mut $crate::world::World,
                    _: &$crate::pipeline::Authorized,
                ) -> Result<(), $crate::error::AwsError> {
                    Err($error(concat!("The operation ", stringify!($name), " is")))
                }
            }
        )*
    };
}
pub(crate) use unsupported;
