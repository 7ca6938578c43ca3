//! A project folder with the stack that is tried: the repository's `prod`, with what a machine without Docker can build.

use std::path::Path;

use tempfile::TempDir;

use crate::Result;
use crate::emulator::{Kind, repository};
use crate::trial::Verb;

/// A program that ends at once with 0: a header, one segment, `exit(0)` for x86-64 Linux.
const PROGRAM: [u8; 127] = program();

/// What the program ends in, at first and after a deploy.
const BUILDS: [&[u8]; 2] = [b"", b"another build"];

/// A folder with `environments/prod.yaml`, gone when dropped.
pub struct Project {
    folder: TempDir,
    kind: Kind,
}

impl Project {
    /// As the repository has it, but nobody asks the service for a page, since no task starts. The image is built of a
    /// tiny program, or named where there is no registry (moto); the number of tasks is fixed where there is no
    /// Application Auto Scaling (MiniStack).
    pub fn prod(kind: Kind) -> Result<Self> {
        let project = Self { folder: tempfile::tempdir()?, kind };
        let folder = project.path().join("environments");
        std::fs::create_dir(&folder)?;
        std::fs::copy(repository().join("environments/base.yaml"), folder.join("base.yaml"))?;
        project.write(&[], 0)?;
        Ok(project)
    }

    /// Makes the files those that a command is for. A change is another port: a target group and a task definition
    /// that are replaced, rules, groups and a service that follow. A deploy has another build.
    pub fn make(&self, verb: Verb) -> Result<()> {
        match verb {
            Verb::Up | Verb::Destroy => Ok(()),
            Verb::Change => self.write(&["port: 8080"], 0),
            Verb::Deploy => self.write(&["port: 8080"], 1),
        }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, more: &[&str], build: usize) -> Result<()> {
        std::fs::write(self.path().join("program"), [&PROGRAM, BUILDS[build]].concat())?;
        let image = match self.kind {
            Kind::Ministack => "build: { binary: program }".to_owned(),
            Kind::Moto => format!("image: ghcr.io/acme/payments:{build}"),
        };
        let prod = std::fs::read_to_string(repository().join("environments/prod.yaml"))?;
        let mut text = String::new();
        for line in prod.lines() {
            let indent = &line[..line.len() - line.trim_start().len()];
            match line.trim_start().split(':').next() {
                Some("probe") => {}
                Some("build") => {
                    for line in [image.as_str()].iter().chain(more) {
                        text.extend([indent, line, "\n"]);
                    }
                }
                Some("replicas") if self.kind == Kind::Ministack => {
                    text.extend([indent, "replicas: 2\n"]);
                }
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
