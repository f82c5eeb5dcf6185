//! Datagrams that came and found no room, from `/proc/net/udp`.

use std::collections::BTreeMap;
use std::fs;

/// What sockets have dropped since they were opened, by port.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct SocketDrops(BTreeMap<u16, u64>);

impl SocketDrops {
    /// Reads the drops of all UDP sockets of this network; none where the system does not tell.
    #[must_use]
    pub fn read() -> Self {
        let mut drops = Self::default();
        for table in ["/proc/net/udp", "/proc/net/udp6"] {
            drops.add(&fs::read_to_string(table).unwrap_or_default());
        }
        drops
    }

    /// What the sockets at this port have dropped since an earlier reading.
    #[must_use]
    pub fn since(&self, earlier: &Self, port: u16) -> u64 {
        let at = |drops: &Self| drops.0.get(&port).copied().unwrap_or_default();
        at(self).saturating_sub(at(earlier))
    }

    fn add(&mut self, table: &str) {
        for line in table.lines().skip(1) {
            let mut columns = line.split_whitespace();
            let port = columns.nth(1).and_then(|local| local.rsplit_once(':'));
            let port = port.and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
            let drops = columns.next_back().and_then(|drops| drops.parse::<u64>().ok());
            if let (Some(port), Some(drops)) = (port, drops) {
                *self.0.entry(port).or_default() += drops;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn a_socket_that_nobody_reads_drops() {
        let [full, sender] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a free port"));
        let to = full.local_addr().expect("it is bound");
        let before = SocketDrops::read();
        for _ in 0..20_000 {
            sender.send_to(&[0; 1000], to).expect("loopback");
        }
        let dropped = SocketDrops::read().since(&before, to.port());
        assert!((1..20_000).contains(&dropped), "{dropped}");
        assert_eq!(SocketDrops::read().since(&before, 0), 0);
    }

    #[test]
    fn both_tables_count_and_nonsense_does_not() {
        let mut drops = SocketDrops::default();
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n";
        drops.add(&format!("{head} 7: 0100007F:2710 00000000:0000 07 0:0 00:0 0 0 0 1 2 0 3\n nonsense\n"));
        drops
            .add(&format!("{head} 8: 00000000000000000000000000000000:2710 0:0 07 0:0 00:0 0 0 0 1 2 0 4\n"));
        assert_eq!(drops.since(&SocketDrops::default(), 10_000), 7);
    }
}
