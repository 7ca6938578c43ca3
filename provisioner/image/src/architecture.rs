//! Processor architectures, and what a program's own header says about it.

use std::fmt;
use std::path::Path;

use object::elf::{EM_AARCH64, EM_X86_64, PT_INTERP};
use object::read::elf::{ElfFile32, ElfFile64, ProgramHeader as _};
use object::{Endianness, elf};

use crate::{Error, Result};

/// What Fargate runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Architecture {
    X86_64,
    Arm64,
}

impl Architecture {
    /// As images say it: `amd64` or `arm64`.
    #[must_use]
    pub fn oci(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// Fails unless this is the architecture that a service wants. `what` is what was looked at.
    pub fn require(self, wanted: Self, what: impl fmt::Display) -> Result<()> {
        if self == wanted {
            return Ok(());
        }
        Err(Error::Architecture { what: what.to_string(), found: self.to_string(), wanted })
    }

    /// The header of a static program for it, and no program: an image of it is pushed and described as
    /// any other, where nobody runs it.
    #[must_use]
    pub fn placeholder(self) -> Vec<u8> {
        let mut header = vec![0; 64];
        // 64 bits, little-endian, ELF's version 1.
        header[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        // An executable, whose header has 64 bytes.
        header[16] = 2;
        header[20] = 1;
        header[52] = 64;
        let machine = match self {
            Self::X86_64 => EM_X86_64,
            Self::Arm64 => EM_AARCH64,
        };
        header[18..20].copy_from_slice(&machine.to_le_bytes());
        header
    }

    fn musl(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-musl",
            Self::Arm64 => "aarch64-unknown-linux-musl",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        })
    }
}

/// The architecture of a static Linux program.
///
/// # Errors
/// When it is something else, or needs a loader or shared libraries that an image made of this one
/// file would not have.
pub fn of_program(path: &Path, bytes: &[u8]) -> Result<Architecture> {
    let not_linux = |why: &str| Error::NotLinux { path: path.into(), why: why.into() };
    let program = match ElfFile64::<Endianness>::parse(bytes) {
        Ok(program) => program,
        Err(_) if bytes.starts_with(&[0xcf, 0xfa, 0xed, 0xfe]) => {
            return Err(not_linux("it is a macOS program"));
        }
        Err(_) if bytes.starts_with(b"MZ") => return Err(not_linux("it is a Windows program")),
        Err(_) if bytes.starts_with(b"#!") => return Err(not_linux("it is a script")),
        Err(_) if ElfFile32::<Endianness>::parse(bytes).is_ok() => {
            return Err(not_linux("it is a 32-bit program"));
        }
        Err(error) => return Err(not_linux(&error.to_string())),
    };
    let endian = program.endian();
    let header: &elf::FileHeader64<Endianness> = program.elf_header();
    let architecture = match header.e_machine.get(endian) {
        EM_X86_64 => Architecture::X86_64,
        EM_AARCH64 => Architecture::Arm64,
        other => return Err(not_linux(&format!("its processor is number {other} of ELF's list"))),
    };
    for segment in program.elf_program_headers() {
        if segment.p_type(endian) == PT_INTERP {
            let loader = segment.data(endian, bytes).unwrap_or_default();
            let loader = String::from_utf8_lossy(loader).trim_end_matches('\0').to_owned();
            let target = architecture.musl();
            return Err(Error::Dynamic { path: path.into(), interpreter: loader, target });
        }
    }
    Ok(architecture)
}
