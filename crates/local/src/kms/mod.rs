//! AWS Key Management Service.

mod ciphertext;
mod context;
mod error;
mod grant;
mod key;
mod material;
mod page;
