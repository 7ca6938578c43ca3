//! The connection to AWS: one set of clients for reading, one for changing, and a count of calls.

mod calls;
mod clients;
pub(crate) mod emulated;
mod endpoints;
mod host;
pub(crate) mod http;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::region::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use engine::{Class, Error, Result};
use kinds::partition;

use self::calls::Calls;
pub use self::clients::Clients;
use self::endpoints::{ENDPOINTS, Endpoints, endpoints};
use crate::error::error;
use crate::observe::read_cache::ReadCache;

/// Asked before every mutating call; an error means that nothing may be changed any more.
pub type Guard = Arc<dyn Fn() -> Result<()> + Send + Sync>;

/// An account's region. Cheap to clone; clones share their connections and their counts.
#[derive(Clone)]
pub struct Aws {
    read: Arc<Clients>,
    write: Arc<Clients>,
    /// What the clients for writing are made of.
    writing: SdkConfig,
    guard: Guard,
    calls: Calls,
    region: String,
    endpoints: Arc<Endpoints>,
    notes: emulated::Notes,
    pub(crate) read_cache: ReadCache,
}

/// Who the credentials belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Twelve digits.
    pub account: String,
    pub arn: String,
}

impl Aws {
    /// Connects with the SDK's own settings (`AWS_PROFILE`, `AWS_ENDPOINT_URL`, SSO, web identity and
    /// so on), in `region` or in that of the environment or the profile. Sends nothing.
    ///
    /// # Errors
    /// When no region is named anywhere. The instance metadata service is not asked: outside of EC2
    /// that would cost seconds.
    pub async fn connect(region: Option<&str>) -> Result<Self> {
        let chain = RegionProviderChain::first_try(region.map(|name| Region::new(name.to_owned())))
            .or_else(EnvironmentVariableRegionProvider::new())
            .or_else(ProfileFileRegionProvider::new());
        let Some(region) = chain.region().await else {
            return Err(Error::new(
                Class::Invalid,
                "no region: set AWS_REGION, or `region` in the profile",
            ));
        };
        let sdk = aws_config::defaults(BehaviorVersion::latest())
            .region(region)
            .http_client(http::http())
            .load()
            .await;
        Ok(Self::new(&sdk))
    }

    /// With settings loaded elsewhere. Their retries and timeouts are replaced by ours.
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        let calls = Calls::default();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_millis(3100))
            .operation_attempt_timeout(Duration::from_secs(30))
            .operation_timeout(Duration::from_mins(2))
            .build();
        let config = |retries| {
            sdk.to_builder().timeout_config(timeouts.clone()).retry_config(retries).build()
        };
        // Reads are repeated by the SDK. A mutating call is never: most create calls have no client
        // token, so repeating one after a lost answer makes two; the engine looks first.
        let reads = RetryConfig::standard()
            .with_max_attempts(8)
            .with_initial_backoff(Duration::from_millis(300))
            .with_max_backoff(Duration::from_secs(10));
        let writing = config(RetryConfig::disabled());
        let guard: Guard = Arc::new(|| Ok(()));
        let endpoints = endpoints(sdk);
        Self {
            read: Arc::new(Clients::new(&config(reads), &endpoints, &calls, None)),
            write: Arc::new(Clients::new(&writing, &endpoints, &calls, Some(&guard))),
            writing,
            guard,
            calls,
            region: sdk.region().map(ToString::to_string).unwrap_or_default(),
            endpoints: Arc::new(endpoints),
            notes: emulated::Notes::default(),
            read_cache: ReadCache::default(),
        }
    }

    /// The same, asking `guard` before every mutating call: when it is begun, and once more when it is
    /// signed and goes out, because a process can be stopped between the two.
    #[must_use]
    pub fn guarded(&self, guard: Guard) -> Self {
        let write =
            Arc::new(Clients::new(&self.writing, &self.endpoints, &self.calls, Some(&guard)));
        Self { write, guard, ..self.clone() }
    }

    /// Clients for calls that change nothing: repeated by the SDK on throttling and lost answers.
    #[must_use]
    pub fn read(&self) -> &Clients {
        &self.read
    }

    /// Clients for calls that change something: sent once.
    ///
    /// # Errors
    /// What the guard says, [`Class::Fenced`] for example.
    pub fn write(&self) -> Result<&Clients> {
        (self.guard)()?;
        Ok(&self.write)
    }

    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The partition that ARNs here are in: the caller's, or until the caller is known the Region's.
    #[must_use]
    pub fn partition(&self) -> &str {
        self.read_cache.partition().unwrap_or_else(|| partition::of_region(&self.region))
    }

    /// Whether an emulator answers for a service, by its id in the SDK's settings: at an endpoint that
    /// the user named (`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_<SERVICE>`, `endpoint_url` in the profile),
    /// on this machine or in a private network. An endpoint of AWS's own is none, whoever named it.
    #[must_use]
    pub fn is_emulated(&self, id: &str) -> bool {
        self.endpoints.get(id).is_some_and(|endpoint| endpoint.is_emulator)
    }

    /// Whether emulators answer for all services.
    #[must_use]
    pub fn is_all_emulated(&self) -> bool {
        ENDPOINTS.iter().all(|(id, _)| self.is_emulated(id))
    }

    /// Where the user says that a service is, by its id in the SDK's settings.
    pub(crate) fn endpoint(&self, id: &str) -> Option<&str> {
        self.endpoints.get(id).map(|endpoint| endpoint.url.as_str())
    }

    /// What was taken for granted because an emulator cannot do it: for the end
    /// of a run's report. Always empty in front of AWS.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.notes.all()
    }

    /// Adds to [`Self::notes`].
    pub(crate) fn note(&self, note: String) {
        self.notes.add(note);
    }

    /// Whose account this is.
    ///
    /// # Errors
    /// [`Class::Credentials`] when there are none or they are no longer good.
    pub async fn identity(&self) -> Result<Identity> {
        let answer = self.read().sts.get_caller_identity().send().await;
        let caller = match answer.map_err(|e| error("sts:GetCallerIdentity", e)) {
            Err(refused) if refused.is(Class::Credentials) => {
                return Err(self.not_enabled(&refused).await.unwrap_or(refused));
            }
            answer => answer?,
        };
        self.read_cache.know_caller(caller.arn().unwrap_or_default());
        Ok(Identity {
            account: caller.account.unwrap_or_default(),
            arn: caller.arn.unwrap_or_default(),
        })
    }

    /// What a refusal of good credentials means. STS calls the keys of an account invalid in a Region that
    /// the account has not enabled, and so it does with sessions of its global endpoint there ("Managing
    /// AWS STS in an AWS Region"): so STS is asked once more, in a Region that nobody can disable.
    async fn not_enabled(&self, refused: &Error) -> Option<Error> {
        let codes = ["InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure"];
        let is_known = refused.code.as_deref().is_some_and(|code| codes.contains(&code));
        let always = partition::region_always_enabled(&self.region)?;
        if !is_known || always == self.region || self.endpoint("STS").is_some() {
            return None;
        }
        let sts = aws_sdk_sts::config::Builder::from(&self.writing).region(Region::new(always));
        let sts = aws_sdk_sts::Client::from_conf(sts.build());
        let account = sts.get_caller_identity().send().await.ok()?.account?;
        let message = format!(
            "the Region {} is not enabled for the account {account}: an administrator enables it under \
             \"AWS Regions\" of the account's page, which takes some minutes. If it is enabled, the \
             session is one of STS's global endpoint: set AWS_STS_REGIONAL_ENDPOINTS=regional where it \
             is made",
            self.region
        );
        Some(Error { class: Class::Denied, message, ..refused.clone() })
    }

    /// How often each operation was called since the connection was made: `("ec2:DescribeVpcs", 3)`.
    #[must_use]
    pub fn calls(&self) -> Vec<(String, u64)> {
        self.calls.of(|_| true)
    }

    /// Those of [`Self::calls`] that went through [`Self::write`].
    #[must_use]
    pub fn mutating_calls(&self) -> Vec<(String, u64)> {
        self.calls.of(|call| call.mutating)
    }

    /// How many HTTP requests the calls took, repetitions included.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.calls.lock().attempts
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("region", &self.region).finish_non_exhaustive()
    }
}
