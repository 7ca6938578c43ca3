//! The adapters of the virtual network.

mod vpc;
