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
    // Before the copy: after it, the original goes on opening and closing what the two share.
    let shared = Shared::read()?;
    match fork::fork()? {
        Fork::Parent(_) => Ok(Side::Original),
        Fork::Child => {
            shared.separate()?;
            Ok(Side::Copy)
        }
    }
}

/// Makes `open` another open file, under the number that it has.
pub(crate) fn redirect(open: &File, to: File) -> io::Result<()> {
    replace(open.as_raw_fd(), to.into())
}

/// What a forked process shares with its parent, of which either could take something from the other: sockets, and what
/// the runtime waits on.
struct Shared {
    sockets: Sockets,
    /// The open descriptors, and what they refer to.
    descriptors: Vec<(RawFd, String)>,
    /// What the runtime's poller waits for: by descriptor, the data and the events.
    waits: BTreeMap<RawFd, (u64, u32)>,
}

impl Shared {
    fn read() -> io::Result<Self> {
        let descriptors = descriptors()?;
        let waits = match descriptors.iter().find(is_poller) {
            Some((poller, _)) => waits(*poller)?,
            None => BTreeMap::new(),
        };
        Ok(Self {
            sockets: Sockets::read()?,
            descriptors,
            waits,
        })
    }

    /// Replaces all of it.
    fn separate(mut self) -> io::Result<()> {
        let poller = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (number, target) in &self.descriptors {
            let Some(new) = self.sockets.counterpart(target)? else {
                continue;
            };
            if let Some((data, events)) = self.waits.remove(number) {
                let data = epoll::EventData::new_u64(data);
                let events = epoll::EventFlags::from_bits_retain(events);
                epoll::add(&poller, &new, data, events)?;
            }
            replace(*number, new)?;
        }
        if !self.waits.is_empty() {
            let waits = format!("still shared: {:?}", self.waits);
            return Err(io::Error::other(waits));
        }
        for (number, _) in self.descriptors.iter().filter(is_poller) {
            replace(*number, poller.try_clone()?)?;
        }
        Ok(())
    }
}

/// The runtime has two descriptors of one poller.
fn is_poller((_, target): &&(RawFd, String)) -> bool {
    target == "anon_inode:[eventpoll]"
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
