//! What is wrong with the credentials, in the user's words: which profile, which files, what to do.

use std::path::PathBuf;

use aws::error::NO_CREDENTIALS;
use aws::{Aws, Identity};
use engine::{Class, Error};
use stack::environment::{did_you_mean, listed};

use crate::failure::{Code, Failure};

/// Whose account this is.
pub(crate) async fn identity(aws: &Aws) -> Result<Identity, Failure> {
    aws.identity().await.map_err(|error| match error.class {
        Class::Credentials => explained(&Sources::here(), &error),
        _ => error.into(),
    })
}

/// Where the SDK looks for credentials.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// The profile that is used, and whether AWS_PROFILE names it.
    profile: String,
    is_named: bool,
    has_keys: bool,
    /// The files as people write them, and the profiles in them.
    files: Vec<(String, Vec<String>)>,
}

impl Sources {
    pub(crate) fn here() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let named = variable("AWS_PROFILE");
        let home = variable("HOME").map(PathBuf::from).unwrap_or_default();
        let files = [("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")];
        let files = files.map(|(name, file)| {
            let path = variable(name).map(PathBuf::from);
            let shown =
                path.as_ref().map_or(format!("~/.aws/{file}"), |path| path.display().to_string());
            let path = path.unwrap_or_else(|| home.join(".aws").join(file));
            (shown, profiles(&std::fs::read_to_string(path).unwrap_or_default()))
        });
        Self {
            is_named: named.is_some(),
            profile: named.unwrap_or_else(|| "default".into()),
            has_keys: variable("AWS_ACCESS_KEY_ID").is_some(),
            files: files.into(),
        }
    }

    fn profiles(&self) -> Vec<String> {
        let mut all: Vec<String> = self.files.iter().flat_map(|(_, names)| names.clone()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// `~/.aws/config and ~/.aws/credentials`.
    fn shown(&self) -> String {
        let names: Vec<&str> = self.files.iter().map(|(name, _)| name.as_str()).collect();
        names.join(" and ")
    }

    /// The command that signs in again.
    pub(crate) fn sign_in(&self) -> String {
        if self.has_keys {
            return "get new keys for AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".into();
        }
        format!("sign in again: aws sso login --profile {}", self.profile)
    }
}

/// The Region of the profile in use, with the profile's name.
pub(crate) fn profile_region() -> Option<(String, String)> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let profile = variable("AWS_PROFILE").and_then(|name| name.into_string().ok());
    let profile = profile.unwrap_or_else(|| "default".into());
    let home = variable("HOME").map(PathBuf::from).unwrap_or_default();
    let path = variable("AWS_CONFIG_FILE").map_or(home.join(".aws/config"), PathBuf::from);
    let text = std::fs::read_to_string(path).ok()?;
    region_in(&text, &profile).map(|region| (region, profile))
}

fn region_in(config: &str, profile: &str) -> Option<String> {
    let of_it = |line: &&str| profiles(line).first().is_some_and(|name| name == profile);
    let mut lines = config.lines().map(str::trim).skip_while(|line| !of_it(line)).skip(1);
    let fields = lines.by_ref().take_while(|line| !line.starts_with('['));
    let mut fields = fields.filter_map(|line| line.split_once('='));
    let (_, region) = fields.find(|(key, _)| key.trim() == "region")?;
    Some(region.trim().to_owned()).filter(|region| !region.is_empty())
}

/// The profiles of a file: `[profile name]`, `[name]`.
fn profiles(text: &str) -> Vec<String> {
    let heads = text.lines().filter_map(|line| line.trim().strip_prefix('[')?.split(']').next());
    let names = heads.map(|head| head.trim().strip_prefix("profile ").unwrap_or(head).trim());
    names.filter(|name| !name.starts_with("sso-session ")).map(str::to_owned).collect()
}

/// Why a call was not signed, or its signature not taken.
fn explained(sources: &Sources, error: &Error) -> Failure {
    let Sources { profile, is_named, has_keys, .. } = sources;
    let known = sources.profiles();
    if error.code.is_some() {
        let from =
            if *has_keys { "AWS_ACCESS_KEY_ID".into() } else { format!("the profile `{profile}`") };
        let message = format!("AWS does not take the credentials of {from}: {error}");
        return Failure::new(Code::Failed, message).hint(sources.sign_in());
    }
    // Keys in the environment win over the default profile, and a named profile over them.
    if *is_named && !known.contains(profile) {
        let message =
            format!("the profile `{profile}` (AWS_PROFILE) is not in {}", sources.shown());
        let help = did_you_mean(profile, &known).unwrap_or_else(|| match known.as_slice() {
            [] => "there are no profiles: make one with `aws configure sso`".into(),
            some => format!("the profiles there are {}", listed(some, "and")),
        });
        return Failure::new(Code::Failed, message).hint(help);
    }
    if error.message != NO_CREDENTIALS {
        let message =
            format!("the credentials of the profile `{profile}` cannot be had: {}", error.message);
        return Failure::new(Code::Failed, message).hint(sources.sign_in());
    }
    if *is_named {
        let message = format!("the profile `{profile}` (AWS_PROFILE) has no credentials");
        return Failure::new(Code::Failed, message)
            .hint(format!("give it some: aws configure sso --profile {profile}"));
    }
    let message = format!(
        "there are no AWS credentials: looked at AWS_ACCESS_KEY_ID, AWS_PROFILE, {} and for a role of this machine",
        sources.shown()
    );
    let failure = Failure::new(Code::Failed, message);
    match known.as_slice() {
        [] => failure.hint(
            "sign in with `aws configure sso`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        some => failure.hint(format!(
            "sign in (`aws sso login`), or choose a profile with AWS_PROFILE: {}",
            listed(some, "or")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(profile: Option<&str>, config: &str) -> Sources {
        Sources {
            profile: profile.unwrap_or("default").into(),
            is_named: profile.is_some(),
            has_keys: false,
            files: vec![
                ("~/.aws/config".into(), profiles(config)),
                ("~/.aws/credentials".into(), Vec::new()),
            ],
        }
    }

    #[test]
    fn a_profile_has_its_region() {
        let config = "[default]\nregion=us-west-2\n[profile sao]\n output = json\n region = sa-east-1\n[profile none]\n";
        let region = |profile| region_in(config, profile);
        assert_eq!(region("default").as_deref(), Some("us-west-2"));
        assert_eq!(region("sao").as_deref(), Some("sa-east-1"));
        assert_eq!((region("none"), region("other")), (None, None));
    }

    #[test]
    fn each_case_has_its_sentence() {
        let config = "[default]\nregion = x\n[profile prod]\n [profile dev ]\n[sso-session acme]\n";
        let none = Error::new(Class::Credentials, NO_CREDENTIALS);
        let failed = Error::new(Class::Credentials, "the provider said so");
        let expired = Error { code: Some("ExpiredToken".into()), ..none.clone() };
        for (sources, error, message, hint) in [
            (
                sources(None, ""),
                &none,
                "there are no AWS credentials: looked at",
                "aws configure sso",
            ),
            (sources(None, "[default]"), &none, "there are no AWS credentials", "`default`"),
            (
                sources(None, "[profile dev]"),
                &none,
                "there are no AWS credentials",
                "AWS_PROFILE: `dev`",
            ),
            (
                sources(Some("prdo"), config),
                &none,
                "`prdo` (AWS_PROFILE) is not in ~/.aws/config and",
                "`prod`",
            ),
            (
                sources(Some("dev"), config),
                &none,
                "the profile `dev` (AWS_PROFILE) has no",
                "--profile dev",
            ),
            (
                sources(Some("dev"), config),
                &failed,
                "the profile `dev` cannot be had: the provider said",
                "--profile dev",
            ),
            (
                sources(Some("dev"), config),
                &expired,
                "of the profile `dev`: ExpiredToken",
                "--profile dev",
            ),
        ] {
            let failure = explained(&sources, error);
            assert!(failure.message.contains(message), "{failure}");
            assert!(failure.hints[0].contains(hint), "{failure}");
            assert_eq!(failure.message.lines().count(), 1, "{failure}");
        }
    }
}
