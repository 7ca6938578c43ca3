//! A TCP stream whose other end has a limited time to send a head and to take an answer.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep, sleep_until},
};

use super::{Limits, connections::Slot};

/// What a connection that is being refused may still send.
const LINGER_BYTES: u64 = 4 * 1024 * 1024;

pub(super) struct Stream {
    inner: TcpStream,
    slot: Arc<Slot>,
    limits: Limits,
    head: Option<Head>,
    /// Runs while the client is behind with an answer.
    answer: Option<Pin<Box<Sleep>>>,
    last_status: u16,
}

/// A head whose first byte has come.
struct Head {
    /// Requests that had begun before it.
    after: u32,
    deadline: Instant,
    /// Made only when the rest of the head has to be waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    pub(super) fn new(inner: TcpStream, slot: Arc<Slot>, limits: Limits) -> Self {
        Self { inner, slot, limits, head: None, answer: None, last_status: 0 }
    }

    /// The status of the last answer that was written; 0 when there was none.
    pub(super) fn last_status(&self) -> u16 {
        self.last_status
    }

    /// Closes our side and reads until the client closes its own: closing with unread bytes would reset the connection,
    /// and a reset takes the answer away from a client that has not read it (RFC 9112 section 9.6).
    pub(super) async fn linger(&mut self) -> io::Result<()> {
        self.inner.shutdown().await?;
        tokio::io::copy(&mut (&mut self.inner).take(LINGER_BYTES), &mut tokio::io::sink()).await?;
        Ok(())
    }

    fn note_status(&mut self, bytes: &[u8]) {
        let status = bytes.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
        if let Some(status) = status.and_then(|digits| str::from_utf8(digits).ok()?.parse().ok()) {
            self.last_status = status;
        }
    }

    fn behind(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let limit = self.limits.answer;
        let timer = self.answer.get_or_insert_with(|| Box::pin(sleep(limit)));
        timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut this.inner).poll_read(cx, buffer);
        let after = this.slot.begun();
        this.head.take_if(|head| head.after != after);
        if this.slot.is_busy() {
            return outcome;
        }
        match (&outcome, &mut this.head) {
            (Poll::Ready(Ok(())), None) if buffer.filled().len() > before => {
                let deadline = Instant::now() + this.limits.head;
                this.head = Some(Head { after, deadline, timer: None });
                outcome
            }
            (Poll::Pending, Some(Head { deadline, timer, .. })) => {
                let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(*deadline)));
                timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
            }
            _ => outcome,
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.note_status(bytes);
        match Pin::new(&mut self.inner).poll_write(cx, bytes) {
            Poll::Pending => self.behind(cx),
            outcome @ Poll::Ready(_) => outcome,
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(first) = slices.first() {
            self.note_status(first);
        }
        match Pin::new(&mut self.inner).poll_write_vectored(cx, slices) {
            Poll::Pending => self.behind(cx),
            outcome @ Poll::Ready(_) => outcome,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    /// hyper flushes when the kernel has everything that it wanted to write: the client is not behind any more.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.answer = None;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
