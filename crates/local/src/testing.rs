//! What the tests of every service share: a signing client over an `Aws` in memory.
