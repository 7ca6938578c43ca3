//! Which calls are repeated, which are kept back, and what the network's failures say of them.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws::Aws;
use engine::{Adapter, Class, Error, Id, Which};
use kinds::ElasticIp;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::{answering, ec2, op, vpc};
use crate::emulator::config;

#[tokio::test]
async fn a_throttled_read_is_repeated_and_a_throttled_change_is_not() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = asked.clone();
    let aws = answering(false, move |sent| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        if first || sent.contains("Action=CreateVpc") {
            return ec2(503, "RequestLimitExceeded", "Request limit exceeded.");
        }
        (200, "<DescribeAddressesResponse><addressesSet/></DescribeAddressesResponse>".into())
    });
    let found = aws.observe(Which::<ElasticIp>::Ids(&[Id::from("eipalloc-1")])).await.unwrap();
    assert!(found.is_empty());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert!(aws.create(&vpc(), &op()).await.unwrap_err().is(Class::Throttled));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    assert_eq!((aws.attempts(), aws.mutating_calls()), (3, vec![("ec2:CreateVpc".to_owned(), 1)]));
}

#[tokio::test]
async fn nothing_changes_once_the_guard_says_no() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = asked.clone();
    let aws = answering(false, move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        ec2(400, "InvalidParameterValue", "wrong")
    });
    let fenced = aws.guarded(Arc::new(|| Err(Error::new(Class::Fenced, "the lock is gone"))));
    assert!(fenced.create(&vpc(), &op()).await.unwrap_err().is(Class::Fenced));
    // The process stood still between its first look at the lock and the call.
    let looks = AtomicU64::new(0);
    let late = aws.guarded(Arc::new(move || match looks.fetch_add(1, Ordering::SeqCst) {
        0 => Ok(()),
        _ => Err(Error::new(Class::Fenced, "the lock is gone")),
    }));
    assert!(late.create(&vpc(), &op()).await.unwrap_err().is(Class::Fenced));
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_refused_connection_changed_nothing_and_a_cut_one_may_have() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let cut = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 64];
        let read = stream.read(&mut request).await.unwrap();
        assert!(read > 0, "the request was sent");
    });
    let aws = Aws::new(&config(&url));
    let error = aws.create(&vpc(), &op()).await.unwrap_err();
    assert!(error.is(Class::Lost), "{error}");
    cut.await.unwrap();
    // Nobody listens any more.
    let error = aws.create(&vpc(), &op()).await.unwrap_err();
    assert!(error.is(Class::Transient), "{error}");
}
