//! Programs for the tests, written byte by byte: what the loader of Linux would see.

use std::path::{Path, PathBuf};

/// `e_machine` of ELF.
pub(crate) const X86_64: u16 = 62;
pub(crate) const AARCH64: u16 = 183;

/// A 64-bit program with a payload, and with a loader if one is named.
pub(crate) fn elf(machine: u16, loader: Option<&str>, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend(2u16.to_le_bytes());
    bytes.extend(machine.to_le_bytes());
    bytes.extend(1u32.to_le_bytes());
    bytes.extend(0x0040_0000u64.to_le_bytes());
    bytes.extend(64u64.to_le_bytes());
    bytes.extend(0u64.to_le_bytes());
    bytes.extend(0u32.to_le_bytes());
    for field in [64u16, 56, u16::from(loader.is_some()), 0, 0, 0] {
        bytes.extend(field.to_le_bytes());
    }
    if let Some(loader) = loader {
        bytes.extend(3u32.to_le_bytes());
        bytes.extend(4u32.to_le_bytes());
        let length = loader.len() as u64 + 1;
        for field in [120, 0, 0, length, length, 1] {
            bytes.extend(u64::to_le_bytes(field));
        }
        bytes.extend(loader.as_bytes());
        bytes.push(0);
    }
    bytes.extend(payload);
    bytes
}

pub(crate) fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// A payload that does not compress, so that it takes several chunks.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u64;
    std::iter::repeat_with(|| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from(state >> 56).unwrap()
    })
    .take(length)
    .collect()
}
