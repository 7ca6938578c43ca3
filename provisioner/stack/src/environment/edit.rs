//! A number in an environment file, changed in place: everything else stays as it was written.

use std::path::PathBuf;

use super::Loaded;

impl Loaded {
    /// The text of the environment's own file with other numbers at these paths of keys
    /// (`services.api.replicas.min`), and the file's name. None when one of them is not written there: it is a
    /// default, or in a file that other environments extend as well.
    #[must_use]
    pub fn with_numbers(&self, numbers: &[(String, u32)]) -> Option<(PathBuf, String)> {
        let mut sites = Vec::new();
        for (path, number) in numbers {
            let node = self.tree.at(path).filter(|node| !node.default)?;
            sites.push((node.site, *number));
        }
        // From the end, so that places stay right. `replicas: 2` is one place for two values.
        sites.sort_by_key(|(site, _)| std::cmp::Reverse(*site));
        sites.dedup_by_key(|(site, _)| *site);
        let file = sites.first()?.0.file;
        let path = self.files.first()?;
        let own = sites.iter().all(|(site, _)| site.file == file)
            && self.sources.name(file) == path.to_string_lossy();
        if !own {
            return None;
        }
        let mut lines: Vec<String> =
            self.sources.text(file).split('\n').map(str::to_owned).collect();
        for (site, number) in sites {
            let line = lines.get_mut(site.line.checked_sub(1)?)?;
            let before: String = line.chars().take(site.column.checked_sub(1)?).collect();
            let rest = &line[before.len()..];
            let digits = rest.chars().take_while(char::is_ascii_digit).count();
            if digits == 0 {
                return None;
            }
            *line = format!("{before}{number}{}", &rest[digits..]);
        }
        Some((path.clone(), lines.join("\n")))
    }
}

#[cfg(test)]
mod tests {
    use crate::environment::load;

    fn edited(replicas: &str, paths: &[&str]) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "project: shop\nregion: us-east-1\nservices:\n  api:\n    image: a:1 # ours\n{replicas}"
        );
        std::fs::write(folder.path().join("prod.yaml"), text).unwrap();
        let loaded = load(folder.path(), "prod").unwrap();
        let numbers: Vec<_> =
            paths.iter().map(|key| (format!("services.api.replicas.{key}"), 12)).collect();
        let (path, text) = loaded.with_numbers(&numbers)?;
        assert!(path.ends_with("prod.yaml"));
        assert!(text.contains("image: a:1 # ours\n"), "{text}");
        Some(text.rsplit_once("ours\n").unwrap().1.to_owned())
    }

    #[test]
    fn only_the_number_changes() {
        let both = &["min", "max"][..];
        let short = edited("    replicas: 2   # two\n", both).unwrap();
        assert_eq!(short, "    replicas: 12   # two\n");
        let map = edited("    replicas: { min: 2, max: 6, cpu: 50 }\n", &["max"]).unwrap();
        assert_eq!(map, "    replicas: { min: 2, max: 12, cpu: 50 }\n");
        let all = edited("    replicas: { min: 2, max: 2 }\n", both).unwrap();
        assert_eq!(all, "    replicas: { min: 12, max: 12 }\n");
        assert_eq!(edited("", both), None);
    }
}
