//! Purpose.
