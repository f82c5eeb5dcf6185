//! Networks by prefix, to choose among the host's addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Addresses of one family that begin with the same bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subnet {
    first: IpAddr,
    bits: u8,
}

/// The text is none: an address, a slash and a number of bits are expected, as in `172.17.0.0/16`, with no bits
/// behind the prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("is no network; write its first address and the length of its prefix, as in 172.17.0.0/16")]
pub struct SubnetError;

impl Subnet {
    /// Whether the address is in it.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        ip.is_ipv4() == self.first.is_ipv4() && prefix(ip, self.bits) == prefix(self.first, self.bits)
    }
}

/// The first bits of an address, alone.
fn prefix(ip: IpAddr, bits: u8) -> u128 {
    let (number, width) = match ip {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()), 32),
        IpAddr::V6(ip) => (ip.to_bits(), 128),
    };
    // None of the bits is left: a shift by the whole width is no shift.
    number.checked_shr(width - u32::from(bits)).unwrap_or(0)
}

impl FromStr for Subnet {
    type Err = SubnetError;

    fn from_str(text: &str) -> Result<Self, SubnetError> {
        let (first, bits) = text.split_once('/').ok_or(SubnetError)?;
        let first: IpAddr = first.parse().map_err(|_| SubnetError)?;
        let width = if first.is_ipv4() { 32 } else { 128 };
        let bits: u8 = bits.parse().ok().filter(|bits| *bits <= width).ok_or(SubnetError)?;
        let kept = prefix(first, bits).checked_shl(u32::from(width - bits)).unwrap_or(0);
        if kept == prefix(first, width) { Ok(Self { first, bits }) } else { Err(SubnetError) }
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_the_networks_whose_bits_it_begins_with() {
        for (network, inside, outside) in [
            ("172.17.0.0/16", "172.17.255.1", "172.18.0.1"),
            ("10.0.0.5/32", "10.0.0.5", "10.0.0.4"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "2001:db8::1", "127.0.0.1"),
            ("fd00:1::/32", "fd00:1:2::3", "fd00:2::3"),
            ("::1/128", "::1", "::2"),
        ] {
            let subnet: Subnet = network.parse().expect("a network");
            assert_eq!(subnet.to_string(), network);
            assert!(subnet.contains(inside.parse().expect("an address")), "{inside} in {network}");
            assert!(!subnet.contains(outside.parse().expect("an address")), "{outside} in {network}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in
            ["", "10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "::/129", "fe80::1/64", "docker0/16", "10.0.0.0/"]
        {
            assert_eq!(text.parse::<Subnet>(), Err(SubnetError), "{text}");
        }
    }
}
