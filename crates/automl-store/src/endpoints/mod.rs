//! Endpoints: names under which versions of models answer, and what was changed about them.
//!
//! An endpoint has deployments: versions of registered models, each with a share of the requests, or in the shadow of the
//! others. A deployment that was named by an alias follows it. Every change is a revision that holds all deployments as
//! they then were, with who and when; so a change can be taken back, and a server that starts again finds what it served.

mod capture;
mod change;
mod deployment;
mod endpoint;
mod error;
mod fit;
mod folders;
mod servers;
mod shares;
#[cfg(test)]
mod tests;
mod usage;

pub use capture::{Capture, NewCapture, check_columns, set_capture};
pub use change::{
    Change, Who, changes, deploy, follow, promote, roll_back, set_at_once, set_shares, undeploy,
};
pub use deployment::{Deployment, NewDeployment, Target, digest_of, name_of, resolve};
pub use endpoint::{
    Endpoint, NewEndpoint, UNLOADED, at_revision, by_name, create, delete, list, note_served,
};
pub use error::EndpointError;
pub use fit::{Signature, answering, check_fits};
pub use folders::{
    EndpointFolder, ModelFolder, digest_of_folder, endpoint_folders, whole_versions,
};
pub use servers::{BEAT_MS, is_any_alive, note_alive, note_ended};
pub use usage::{check_unused, of_version};
