//! Elastic net.
