//! Whether processes serve.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hyper::Method;

use super::{Processes, Replica, State};
use crate::http::{Answer, Place, send};
use crate::{Error, Exit, HealthCheck, Result};

const POLL: Duration = Duration::from_millis(50);

impl Processes {
    /// Asks one process for its health; the error is a sentence.
    pub async fn health(&self, replica: &Replica, check: &HealthCheck) -> Result<Answer, String> {
        let place = Place::Tcp(SocketAddr::from((replica.address, replica.port)));
        let answer = send(&place, Method::GET, &check.path, None, Duration::from_secs(5)).await?;
        if check.success.contains(&answer.status) {
            Ok(answer)
        } else {
            Err(format!("status {}", answer.status))
        }
    }

    /// Waits until every process is healthy; without a check, until each is seen alive.
    ///
    /// # Errors
    /// [`Error::Crashed`] as soon as one ends, [`Error::Unhealthy`] when one takes too long.
    pub async fn wait_healthy(
        &self,
        replicas: &[Replica],
        check: Option<&HealthCheck>,
    ) -> Result<()> {
        let since = Instant::now();
        for replica in replicas {
            loop {
                let asked = check.map_or_else(String::new, |it| it.path.clone());
                let asked = format!("{}:{}{asked}", replica.address, replica.port);
                let (service, log) = (replica.service.clone(), || self.tail(replica, 20));
                let exit = match self.state(replica) {
                    State::Running => None,
                    State::Exited(exit) => Some(exit),
                    State::Vanished => {
                        Some(Exit::never_started("its supervisor vanished".to_owned()))
                    }
                };
                if let Some(exit) = exit {
                    let exit = Box::new(exit);
                    return Err(Error::Crashed { service, exit, check: asked, log: log() });
                }
                let Some(check) = check else { break };
                let Err(last) = self.health(replica, check).await else { break };
                if since.elapsed() >= check.within {
                    let within = check.within;
                    return Err(Error::Unhealthy {
                        service,
                        check: asked,
                        within,
                        last,
                        log: log(),
                    });
                }
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }
}
