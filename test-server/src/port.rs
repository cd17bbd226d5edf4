//! Free ports.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    net::{Ipv4Addr, TcpListener},
    ops::RangeInclusive,
};

/// Below the ports that systems give to outgoing connections: such a connection cannot take the port of a server
/// that is down for a moment.
const PORTS: RangeInclusive<u16> = 15_000..=31_999;

/// A port that nothing listened on a moment ago, other for each call in all likelihood.
pub(crate) fn free() -> Option<u16> {
    let count = u64::from(PORTS.end() - PORTS.start()) + 1;
    (0..1000).find_map(|_| {
        let offset = RandomState::new().build_hasher().finish() % count;
        let port = PORTS.start() + u16::try_from(offset).ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok().then_some(port)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_differ() {
        let ports: Vec<_> = (0..3).map(|_| free().unwrap()).collect();
        assert!(ports.iter().all(|port| PORTS.contains(port)), "{ports:?}");
        assert!(ports.iter().any(|port| *port != ports[0]), "{ports:?}");
    }
}
