//! Whether this process runs in a container, and whether a file would be lost with it.

use std::{fs, path::Path};

/// True in a container when the file's folder is not a mount of its own: the file would vanish with the container.
#[must_use]
pub(crate) fn would_lose(file: &Path) -> bool {
    inside() && !fs::read_to_string("/proc/self/mountinfo").is_ok_and(|mounts| kept(&mounts, file))
}

/// Our image says so itself, and so do ECS and Kubernetes; a scratch image runs us as process 1.
fn inside() -> bool {
    std::process::id() == 1
        || ["CONTAINER", "ECS_CONTAINER_METADATA_URI_V4", "KUBERNETES_SERVICE_HOST"]
            .iter()
            .any(|name| std::env::var_os(name).is_some())
}

/// Judges by the nearest mount above the file: the root file system and memory are not kept.
fn kept(mountinfo: &str, file: &Path) -> bool {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    // proc_pid_mountinfo(5): the fifth field is the mount point; the file system type follows the lone hyphen.
    let nearest = mountinfo
        .lines()
        .filter_map(|line| {
            let (mount, source) = line.split_once(" - ")?;
            Some((Path::new(mount.split(' ').nth(4)?), source.split(' ').next()?))
        })
        .filter(|(point, _)| file.starts_with(point))
        .max_by_key(|(point, _)| point.components().count());
    nearest.is_some_and(|(point, kind)| {
        point != Path::new("/") && !matches!(kind, "tmpfs" | "overlay")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 0:21 / / rw,relatime - overlay overlay rw
23 22 0:22 / /tmp rw - tmpfs tmpfs rw
24 22 8:1 /volumes/x /data rw,relatime master:1 - ext4 /dev/sda1 rw";

    #[test]
    fn only_a_volume_keeps_a_file() {
        assert!(kept(MOUNTS, Path::new("/data/payments.db")));
        assert!(!kept(MOUNTS, Path::new("/payments.db")));
        assert!(!kept(MOUNTS, Path::new("/tmp/payments.db")));
        assert!(!kept(MOUNTS, Path::new("/database/payments.db")));
    }
}
