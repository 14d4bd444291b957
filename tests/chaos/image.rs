//! Copies this process with its memory, as a restored snapshot of a virtual machine does.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    net::TcpListener,
    os::{
        fd::{AsRawFd, OwnedFd, RawFd},
        unix::net::UnixStream,
    },
};

use fork::Fork;
use nix::unistd::dup2;
use rustix::event::{EventfdFlags, epoll, eventfd};

/// Which of the two processes this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Original,
    Copy,
}

/// Copies the process. The copy has all memory and timers, but its connections are broken and it listens on other ports.
///
/// Only the calling thread continues in the copy, so that the runtime must have no other.
pub(crate) fn copy() -> io::Result<Side> {
    match fork::fork()? {
        Fork::Parent(_) => Ok(Side::Original),
        Fork::Child => {
            separate()?;
            Ok(Side::Copy)
        }
    }
}

/// Makes `open` another open file, under the number that it has.
pub(crate) fn redirect(open: &File, to: File) -> io::Result<()> {
    replace(open.as_raw_fd(), to.into())
}

/// Replaces everything that a forked process shares with its parent and that either could take from the other: sockets,
/// and what the runtime waits on.
fn separate() -> io::Result<()> {
    let sockets = Sockets::read()?;
    let descriptors = descriptors()?;
    let is_poller = |(_, target): &&(RawFd, String)| target == "anon_inode:[eventpoll]";
    let pollers: Vec<_> = descriptors.iter().filter(is_poller).collect();
    let poller = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut waits = match pollers.first() {
        Some((first, _)) => waits(*first)?,
        None => BTreeMap::new(),
    };
    for (number, target) in &descriptors {
        let Some(new) = sockets.counterpart(target)? else {
            continue;
        };
        if let Some((data, events)) = waits.remove(number) {
            let data = epoll::EventData::new_u64(data);
            epoll::add(
                &poller,
                &new,
                data,
                epoll::EventFlags::from_bits_retain(events),
            )?;
        }
        replace(*number, new)?;
    }
    if !waits.is_empty() {
        return Err(io::Error::other(format!("still shared: {waits:?}")));
    }
    for (number, _) in pollers {
        replace(*number, poller.try_clone()?)?;
    }
    Ok(())
}

fn replace(number: RawFd, new: OwnedFd) -> io::Result<()> {
    dup2(new.as_raw_fd(), number)?;
    Ok(())
}

/// The open descriptors, and what they refer to.
fn descriptors() -> io::Result<Vec<(RawFd, String)>> {
    let mut descriptors = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let number = entry.file_name().to_string_lossy().parse();
        // The directory itself is closed by the time that it is looked up.
        let target = fs::read_link(entry.path());
        if let (Ok(number), Ok(target)) = (number, target) {
            descriptors.push((number, target.to_string_lossy().into_owned()));
        }
    }
    Ok(descriptors)
}

/// What a poller waits for: by descriptor, the data and the events.
fn waits(poller: RawFd) -> io::Result<BTreeMap<RawFd, (u64, u32)>> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{poller}"))?;
    let wait = |line: &str| {
        let mut words = line.strip_prefix("tfd:")?.split_whitespace();
        let number = words.next()?.parse().ok()?;
        let mut hex = |name| {
            let value = (words.next()? == name).then(|| words.next())??;
            u64::from_str_radix(value, 16).ok()
        };
        let events = u32::try_from(hex("events:")?).ok()?;
        Some((number, (hex("data:")?, events)))
    };
    Ok(info.lines().filter_map(wait).collect())
}

/// The sockets of this machine, by their inodes.
struct Sockets {
    listening: BTreeSet<String>,
    local: BTreeSet<String>,
}

impl Sockets {
    fn read() -> io::Result<Self> {
        const LISTENING: &str = "0A";
        let tcp = fs::read_to_string("/proc/self/net/tcp")?;
        let unix = fs::read_to_string("/proc/self/net/unix")?;
        let listening = |line: &str| {
            let words: Vec<_> = line.split_whitespace().collect();
            let inode = *words.get(9)?;
            (words.get(3) == Some(&LISTENING)).then(|| inode.to_owned())
        };
        let local = |line: &str| Some(line.split_whitespace().nth(6)?.to_owned());
        Ok(Self {
            listening: tcp.lines().filter_map(listening).collect(),
            local: unix.lines().filter_map(local).collect(),
        })
    }

    /// What the copy has instead of `target`; `None` if both may have the same.
    fn counterpart(&self, target: &str) -> io::Result<Option<OwnedFd>> {
        if target == "anon_inode:[eventfd]" {
            let flags = EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC;
            return Ok(Some(eventfd(0, flags)?));
        }
        let inode = target.strip_prefix("socket:[");
        let Some(inode) = inode.and_then(|inode| inode.strip_suffix(']')) else {
            return Ok(None);
        };
        if self.listening.contains(inode) {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            listener.set_nonblocking(true)?;
            return Ok(Some(listener.into()));
        }
        let (here, there) = UnixStream::pair()?;
        here.set_nonblocking(true)?;
        if self.local.contains(inode) {
            // The runtime's own pair, for signals: it must never end, and nothing arrives.
            std::mem::forget(there);
        }
        Ok(Some(here.into()))
    }
}
