//! How processes find one another: rank 0 listens at an address that all know, the others tell it where they listen, and
//! it tells all of them where everyone is.

use super::Tcp;
use super::hello::{Hello, read_line, write_line};
use automl_core::Deadline;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::Duration;

/// Between two tries to connect, or to look for who has connected.
const PAUSE: Duration = Duration::from_millis(10);
/// How long one that has connected may take to say who it is.
const HELLO_TIME: Duration = Duration::from_secs(5);
/// What stands for the machine of rank 0 in the list of addresses.
const SAME_HOST: &str = "rank-0";

/// Who meets, where, and how long to wait for the others.
#[derive(Debug, Clone)]
pub(crate) struct Meeting<'a> {
    pub(crate) rank: usize,
    pub(crate) size: usize,
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    /// Ranks of another job that come by mistake are refused.
    pub(crate) job: &'a str,
    pub(crate) start_timeout: Duration,
    pub(crate) timeout: Duration,
}

impl Meeting<'_> {
    fn hello(&self, port: u16) -> Hello {
        Hello {
            job: self.job.replace(['\n', '\r'], " "),
            rank: self.rank,
            size: self.size,
            port,
        }
    }

    /// All addresses of this machine, unless everyone is on it.
    fn own_address(&self) -> IpAddr {
        if matches!(self.host, "localhost" | "127.0.0.1") {
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        } else if self.host.contains(':') {
            IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED)
        } else {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED)
        }
    }
}

/// Joins this rank to all others.
///
/// # Errors
/// A text that says what went wrong.
pub(crate) fn meet(meeting: &Meeting<'_>) -> Result<Tcp, String> {
    let deadline = Deadline::after(meeting.start_timeout);
    let streams = if meeting.rank == 0 {
        receive_all(meeting, &deadline)?
    } else {
        join(meeting, &deadline)?
    };
    Tcp::new(meeting.rank, streams, meeting.timeout).map_err(|error| error.to_string())
}

/// Rank 0: waits for all others, then tells them where everyone is.
fn receive_all(
    meeting: &Meeting<'_>,
    deadline: &Deadline,
) -> Result<Vec<Option<TcpStream>>, String> {
    let mut streams: Vec<Option<TcpStream>> = (0..meeting.size).map(|_| None).collect();
    if meeting.size == 1 {
        return Ok(streams);
    }
    let address = SocketAddr::new(meeting.own_address(), meeting.port);
    let listener = TcpListener::bind(address)
        .map_err(|error| format!("cannot listen at {address}: {error}"))?;
    let mut places = vec![String::from("-"); meeting.size];
    for n_there in 1..meeting.size {
        let (mut stream, hello) = accept(&listener, deadline)?.ok_or_else(|| {
            let missing: Vec<String> = (1..meeting.size)
                .filter(|&rank| streams[rank].is_none())
                .map(|rank| rank.to_string())
                .collect();
            let waited_s = meeting.start_timeout.as_secs();
            let ranks = missing.join(", ");
            format!(
                "{n_there} of {} ranks came in {waited_s} s; missing: {ranks}",
                meeting.size
            )
        })?;
        if let Err(reason) = check(meeting, &hello, &streams) {
            let refusal = format!("refused {reason}");
            for stream in streams.iter_mut().flatten().chain([&mut stream]) {
                // Who cannot be told finds the connection closed.
                drop(write_line(stream, &refusal));
            }
            return Err(reason);
        }
        let seen = stream.peer_addr().map_err(|error| error.to_string())?;
        let host = if seen.ip().is_loopback() {
            SAME_HOST.to_owned()
        } else {
            seen.ip().to_string()
        };
        places[hello.rank] = format!("{host}|{}", hello.port);
        streams[hello.rank] = Some(stream);
    }
    let roster = format!("all {}", places.join(" "));
    for (rank, stream) in streams.iter_mut().enumerate() {
        if let Some(stream) = stream {
            write_line(stream, &roster).map_err(|error| format!("rank {rank} is gone: {error}"))?;
        }
    }
    Ok(streams)
}

/// Refuses who does not belong here.
fn check(
    meeting: &Meeting<'_>,
    hello: &Hello,
    streams: &[Option<TcpStream>],
) -> Result<(), String> {
    let (own, rank) = (meeting.hello(0), hello.rank);
    if hello.job != own.job {
        return Err(format!(
            "rank {rank} is of the job '{}', not of '{}'",
            hello.job, own.job
        ));
    }
    if hello.size != own.size {
        return Err(format!(
            "rank {rank} was started as one of {} ranks, rank 0 as one of {}",
            hello.size, own.size
        ));
    }
    if rank == 0 || rank >= own.size {
        return Err(format!(
            "a second process says that it is rank {rank} of {}",
            own.size
        ));
    }
    if streams[rank].is_some() {
        return Err(format!("two processes say that they are rank {rank}"));
    }
    Ok(())
}

/// Any other rank: asks rank 0 where everyone is, connects to those before it and waits for those after it.
fn join(meeting: &Meeting<'_>, deadline: &Deadline) -> Result<Vec<Option<TcpStream>>, String> {
    let text = |error: io::Error| error.to_string();
    let listener = TcpListener::bind(SocketAddr::new(meeting.own_address(), 0)).map_err(text)?;
    let port = listener.local_addr().map_err(text)?.port();
    let mut first = connect((meeting.host, meeting.port), deadline).map_err(|error| {
        format!(
            "rank 0 cannot be reached at {}:{}: {error}",
            meeting.host, meeting.port
        )
    })?;
    meeting.hello(port).write(&mut first).map_err(text)?;
    first.set_read_timeout(Some(left(deadline))).map_err(text)?;
    let answer = read_line(&mut first)
        .map_err(|error| format!("rank 0 has not said where all ranks are: {error}"))?;
    let places = match answer.split_once(' ') {
        Some(("all", places)) => places,
        Some(("refused", reason)) => return Err(reason.to_owned()),
        _ => {
            return Err(format!(
                "{}:{} is not rank 0: it says '{answer}'",
                meeting.host, meeting.port
            ));
        }
    };
    let host_of_first = first.peer_addr().map_err(text)?.ip();
    let mut streams: Vec<Option<TcpStream>> = (0..meeting.size).map(|_| None).collect();
    streams[0] = Some(first);
    for (rank, place) in places.split(' ').enumerate().take(meeting.rank).skip(1) {
        let address = address_of(place, host_of_first)
            .ok_or_else(|| format!("rank 0 says that rank {rank} is at '{place}'"))?;
        let mut stream = connect(address, deadline)
            .map_err(|error| format!("rank {rank} cannot be reached at {address}: {error}"))?;
        meeting.hello(port).write(&mut stream).map_err(text)?;
        streams[rank] = Some(stream);
    }
    for _ in meeting.rank + 1..meeting.size {
        let (stream, hello) = accept(&listener, deadline)?
            .ok_or_else(|| format!("not all ranks have connected to rank {}", meeting.rank))?;
        if hello.rank <= meeting.rank {
            return Err(format!(
                "two processes say that they are rank {}",
                hello.rank
            ));
        }
        check(meeting, &hello, &streams)?;
        streams[hello.rank] = Some(stream);
    }
    Ok(streams)
}

fn address_of(place: &str, host_of_first: IpAddr) -> Option<SocketAddr> {
    let (host, port) = place.split_once('|')?;
    let host = match host {
        SAME_HOST => host_of_first,
        host => host.parse().ok()?,
    };
    Some(SocketAddr::new(host, port.parse().ok()?))
}

/// The next rank that connects, or `None` when time is up. Others that connect are sent away.
fn accept(
    listener: &TcpListener,
    deadline: &Deadline,
) -> Result<Option<(TcpStream, Hello)>, String> {
    let text = |error: io::Error| error.to_string();
    listener.set_nonblocking(true).map_err(text)?;
    while !deadline.has_passed() {
        match listener.accept() {
            Ok((mut stream, _)) => {
                stream.set_nonblocking(false).map_err(text)?;
                stream.set_read_timeout(Some(HELLO_TIME)).map_err(text)?;
                if let Ok(Some(hello)) = Hello::read(&mut stream) {
                    return Ok(Some((stream, hello)));
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(error) => return Err(text(error)),
        }
    }
    Ok(None)
}

/// Connects as soon as someone listens there; names of machines may be known only later.
fn connect(to: impl ToSocketAddrs + Copy, deadline: &Deadline) -> io::Result<TcpStream> {
    loop {
        match try_connect(to, left(deadline).min(HELLO_TIME)) {
            Ok(stream) => return Ok(stream),
            Err(error) if deadline.has_passed() => return Err(error),
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

fn try_connect(to: impl ToSocketAddrs, timeout: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in to.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            // With nobody there, a port that the system gives out can be connected to itself.
            Ok(stream) if stream.local_addr()? == stream.peer_addr()? => {
                last = ErrorKind::ConnectionRefused.into();
            }
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Time left, never zero: that would be no limit.
fn left(deadline: &Deadline) -> Duration {
    deadline.remaining().unwrap_or(HELLO_TIME).max(PAUSE)
}
