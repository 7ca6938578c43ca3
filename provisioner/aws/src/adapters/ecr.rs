//! The adapter of image repositories.

mod repository;
