//! `keywright rehearse`: the life of a person's own key, played in the embedded AWS, and what it promises, tried.
//!
//! [`play`] opens an AWS of its own for each module, furnishes it with what the inputs name, applies, and hands the keys
//! as they stand (`scene`) to the probes (`probes`), which call as the people and services of the stage (`stage`,
//! `client`). Where root access is on, `removal` tells what removing it would come to. What comes of it is a [`report::Report`] (`promise`, `report`).
//!
//! **Invariant:** a probe goes the embedded AWS's whole path. Only who calls is put in from inside, where HTTP cannot
//! bring it: a service, or a call that a service passes on.

mod client;
mod probes;
mod promise;
mod removal;
pub(crate) mod report;
mod scene;
mod stage;
mod story;

pub(crate) use story::play;

#[cfg(test)]
mod tests;
