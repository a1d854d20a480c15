//! A connection's socket, TCP or Unix: bytes in and out, whether the client has left, and how it is closed.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::RecvFlags;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::calls;
use crate::config::ServerSettings;

/// A connection's socket.
#[derive(Debug)]
pub(super) enum Socket {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    Unix(UnixStream),
}

impl Socket {
    /// Makes the close that follows a reset. A Unix socket knows none, and closes as ever.
    pub(super) fn reset_on_close(&self) {
        if let Self::Tcp(stream) = self
            && let Err(error) = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))
        {
            tracing::warn!(%error, "an answer that broke off cannot be told by a reset");
        }
    }

    /// Ready once the client has closed its side; fails if it reset the connection. Takes no byte: where some wait, nothing
    /// behind them can be seen.
    pub(super) fn poll_closed(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let looked = match self {
                Self::Tcp(stream) => {
                    ready!(stream.poll_read_ready(cx))?;
                    stream.try_io(Interest::READABLE, || look(stream))
                }
                Self::Unix(stream) => {
                    ready!(stream.poll_read_ready(cx))?;
                    stream.try_io(Interest::READABLE, || look(stream))
                }
            };
            match looked {
                Ok(0) => return Poll::Ready(Ok(())),
                Ok(_) => return Poll::Pending,
                // Now its task is woken by what comes.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Ready when the socket may take bytes.
    pub(super) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_write_ready(cx),
            Self::Unix(stream) => stream.poll_write_ready(cx),
        }
    }

    /// Does what writes without waiting. If it would have to wait, `poll_write_ready` waits from then on.
    pub(super) fn try_write<T>(
        &self,
        write: impl FnOnce(BorrowedFd<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        let write = || write(self.as_fd());
        match self {
            Self::Tcp(stream) => stream.try_io(Interest::WRITABLE, write),
            Self::Unix(stream) => stream.try_io(Interest::WRITABLE, write),
        }
    }

    /// Offers bytes though no room is announced. A system announces it only when much is free (Linux: half of what it may
    /// hold), but takes bytes as soon as some is: what it takes is what the client has made room for. Pending if it takes
    /// none; whether anybody is woken then is left to what asked before.
    pub(super) fn offer(&self, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            match calls::send(self.as_fd(), slices) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) if error.kind() == io::ErrorKind::Unsupported => return Poll::Pending,
                sent => return Poll::Ready(sent),
            }
        }
    }

    /// Ends the connection though another descriptor of it is open.
    pub(super) fn shut_down(&self) {
        // Fails where the connection has ended already.
        let _ = rustix::net::shutdown(self, rustix::net::Shutdown::Both);
    }

    /// Sets what a download server wants of TCP; a socket that refuses works all the same.
    pub(super) fn tune(&self, settings: &ServerSettings) {
        let Self::Tcp(stream) = self else { return };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot tune a connection");
        }
        if let Some(bytes) = settings.notsent_lowat {
            self.hold_unsent(bytes);
        }
    }

    /// Lets the kernel hold so many unsent bytes; a Unix socket, and a system that knows no such limit, go on as ever.
    pub(super) fn hold_unsent(&self, bytes: u32) {
        if let Self::Tcp(stream) = self
            && let Err(error) = set_notsent_lowat(stream, bytes)
        {
            tracing::debug!(%error, "cannot limit what is unsent of a connection");
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn set_notsent_lowat(stream: &TcpStream, bytes: u32) -> io::Result<()> {
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(bytes)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn set_notsent_lowat(_: &TcpStream, _: u32) -> io::Result<()> {
    Ok(())
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

/// Runs a poll function on whichever socket it is.
macro_rules! on_socket {
    ($self:expr, $socket:ident => $call:expr) => {
        match $self.get_mut() {
            Socket::Tcp(socket) => {
                let $socket = Pin::new(socket);
                $call
            }
            Socket::Unix(socket) => {
                let $socket = Pin::new(socket);
                $call
            }
        }
    };
}

/// How many bytes wait, no more than one; 0 at the end of what the other side says.
fn look(socket: &impl AsFd) -> io::Result<usize> {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    let (_, length) = rustix::net::recv(socket, &mut [0_u8; 1], flags)?;
    Ok(length)
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on_socket!(self, socket => socket.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_socket!(self, socket => socket.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match slices {
            // The system does less for one buffer than for a list of one, and most answers are one.
            [only] => self.poll_write(cx, only),
            _ => on_socket!(self, socket => socket.poll_write_vectored(cx, slices)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(socket) => socket.is_write_vectored(),
            Self::Unix(socket) => socket.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_socket!(self, socket => socket.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_socket!(self, socket => socket.poll_shutdown(cx))
    }
}
