//! A network in front of the emulator that swallows what it is told to.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use aws::Aws;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::emulator::{Emulator, config};

/// What gets lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The request never arrives.
    Request,
    /// The request is executed, its answer never arrives.
    Answer,
}

/// A proxy on the loopback.
#[derive(Clone)]
pub(crate) struct Unreliable {
    url: String,
    account: String,
    /// What to lose next, and by which words to know it.
    next: Arc<Mutex<Vec<(Loss, String)>>>,
}

impl Unreliable {
    /// In front of an account of its own, which nothing else uses.
    pub(crate) async fn start(emulator: &'static Emulator) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let account = format!("{:012}", rand::random_range(1..1_000_000_000_000u64));
        let network = Self { url, account, next: Arc::default() };
        let shared = network.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(shared.clone().carry(client, emulator.url()));
            }
        });
        network
    }

    pub(crate) fn account(&self) -> &str {
        &self.account
    }

    /// A connection through this network, in some region.
    pub(crate) fn connect(&self, region: &str) -> Aws {
        Aws::new(&self.config(region))
    }

    /// What the SDK would load for such a connection.
    pub(crate) fn config(&self, region: &str) -> SdkConfig {
        let credentials = Credentials::new(&self.account, "secret", None, None, "test");
        config(&self.url)
            .into_builder()
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build()
    }

    /// Loses the next exchange whose request has these words.
    pub(crate) fn lose(&self, loss: Loss, words: &str) {
        self.next.lock().unwrap().push((loss, words.into()));
    }

    /// Whether everything that was to be lost has been lost.
    pub(crate) fn is_done(&self) -> bool {
        self.next.lock().unwrap().is_empty()
    }

    fn due(&self, request: &[u8]) -> Option<Loss> {
        let mut next = self.next.lock().unwrap();
        let text = String::from_utf8_lossy(request);
        let found = next.iter().position(|(_, words)| text.contains(&**words))?;
        Some(next.remove(found).0)
    }

    /// MiniStack knows an account by its access key, moto by this header.
    fn in_its_account(&self, sent: &[u8]) -> Vec<u8> {
        let methods: [&[u8]; 5] = [b"GET /", b"PUT /", b"POST /", b"HEAD /", b"DELETE /"];
        let start = sent.windows(2).position(|two| two == b"\r\n");
        match start.filter(|_| methods.iter().any(|method| sent.starts_with(method))) {
            Some(end) => {
                let header = format!("\r\nx-moto-account-id: {}", self.account);
                [&sent[..end], header.as_bytes(), &sent[end..]].concat()
            }
            None => sent.to_vec(),
        }
    }

    async fn carry(self, mut client: TcpStream, emulator: &'static str) {
        let address = emulator.trim_start_matches("http://");
        let mut server = TcpStream::connect(address).await.unwrap();
        let (mut up, mut down) = (vec![0; 65536], vec![0; 65536]);
        let mut swallow = false;
        loop {
            tokio::select! {
                got = client.read(&mut up) => {
                    let Ok(count @ 1..) = got else { return };
                    match self.due(&up[..count]) {
                        Some(Loss::Request) => return,
                        Some(Loss::Answer) => swallow = true,
                        None => {}
                    }
                    let sent = self.in_its_account(&up[..count]);
                    if server.write_all(&sent).await.is_err() { return }
                }
                got = server.read(&mut down) => {
                    let Ok(count @ 1..) = got else { return };
                    if swallow || client.write_all(&down[..count]).await.is_err() { return }
                }
            }
        }
    }
}
