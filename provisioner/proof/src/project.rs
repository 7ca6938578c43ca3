//! A project folder with the stack that is tried: the repository's `prod`, with what a machine without Docker can build.

use std::path::Path;

use tempfile::TempDir;

use crate::Result;
use crate::emulator::repository;

/// A program that ends at once with 0: a header, one segment, `exit(0)` for x86-64 Linux.
const PROGRAM: [u8; 127] = program();

/// A folder with `environments/prod.yaml`, gone when dropped.
pub struct Project(TempDir);

impl Project {
    /// As the repository has it, but the image is built of a tiny program, and the number of tasks is fixed:
    /// MiniStack has no Application Auto Scaling.
    pub fn prod() -> Result<Self> {
        let project = Self(tempfile::tempdir()?);
        let folder = project.path().join("environments");
        std::fs::create_dir(&folder)?;
        std::fs::copy(repository().join("environments/base.yaml"), folder.join("base.yaml"))?;
        std::fs::write(project.path().join("program"), PROGRAM)?;
        project.write_prod(&[])?;
        Ok(project)
    }

    /// Another port: a target group and a task definition that are replaced, rules, groups and a service that follow.
    pub fn change(&self) -> Result<()> {
        self.write_prod(&["port: 8080"])
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    fn write_prod(&self, more: &[&str]) -> Result<()> {
        let prod = std::fs::read_to_string(repository().join("environments/prod.yaml"))?;
        let mut text = String::new();
        for line in prod.lines() {
            let indent = &line[..line.len() - line.trim_start().len()];
            match line.trim_start().split(':').next() {
                Some("build") => {
                    for line in ["build: { binary: program }"].iter().chain(more) {
                        text.extend([indent, line, "\n"]);
                    }
                }
                Some("replicas") => text.extend([indent, "replicas: 2\n"]),
                _ => text.extend([line, "\n"]),
            }
        }
        std::fs::write(self.path().join("environments/prod.yaml"), text)?;
        Ok(())
    }
}

const fn program() -> [u8; 127] {
    let mut file = [0; 127];
    let parts: [(usize, &[u8]); 12] = [
        (0, b"\x7fELF\x02\x01\x01"),
        // An executable for x86-64; it begins behind the headers.
        (16, &[2, 0, 0x3e, 0, 1]),
        (24, &[0x78, 0, 0x40]),
        (32, &[64]),
        (52, &[64, 0, 56, 0, 1, 0, 64]),
        // One segment: the whole file, readable and executable.
        (64, &[1, 0, 0, 0, 5]),
        (80, &[0, 0, 0x40]),
        (88, &[0, 0, 0x40]),
        (96, &[127]),
        (104, &[127]),
        (112, &[0, 0x10]),
        // push 60; pop rax; xor edi, edi; syscall
        (120, &[0x6a, 0x3c, 0x58, 0x31, 0xff, 0x0f, 0x05]),
    ];
    let mut part = 0;
    while part < parts.len() {
        let (at, bytes) = parts[part];
        let mut byte = 0;
        while byte < bytes.len() {
            file[at + byte] = bytes[byte];
            byte += 1;
        }
        part += 1;
    }
    file
}
