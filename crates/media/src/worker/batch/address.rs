//! Socket addresses in the kernel's form: the bytes of Linux's `sockaddr_in` and `sockaddr_in6`.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Bytes of `sockaddr_in`: family, port, address, eight unused.
const V4_LENGTH: usize = 16;
/// Bytes of `sockaddr_in6`: family, port, flow, address, scope.
const V6_LENGTH: usize = 28;

/// A socket address as the kernel reads and writes it. Of either family; the length tells how many bytes
/// count.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(4))]
pub(super) struct SocketName([u8; V6_LENGTH]);

impl SocketName {
    /// Bytes of the longest name: what the kernel may write.
    pub(super) const LENGTH_MAX: usize = V6_LENGTH;

    /// Room for a name.
    pub(super) const EMPTY: Self = Self([0; V6_LENGTH]);

    /// The name of `address` and its length in bytes.
    pub(super) fn new(address: SocketAddr) -> (Self, usize) {
        let mut name = Self::EMPTY;
        let bytes = &mut name.0;
        bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        let (family, length) = match address {
            SocketAddr::V4(address) => {
                bytes[4..8].copy_from_slice(&address.ip().octets());
                (libc::AF_INET, V4_LENGTH)
            }
            SocketAddr::V6(address) => {
                bytes[8..24].copy_from_slice(&address.ip().octets());
                bytes[24..28].copy_from_slice(&address.scope_id().to_ne_bytes());
                (libc::AF_INET6, V6_LENGTH)
            }
        };
        bytes[..2].copy_from_slice(&(family as u16).to_ne_bytes());
        (name, length)
    }

    /// The address of a name of `length` bytes; `None` when it is of no IP family.
    pub(super) fn address(&self, length: usize) -> Option<SocketAddr> {
        let [family_0, family_1, port_0, port_1, rest @ ..] = self.0;
        let port = u16::from_be_bytes([port_0, port_1]);
        match i32::from(u16::from_ne_bytes([family_0, family_1])) {
            libc::AF_INET if length >= V4_LENGTH => {
                let octets: [u8; 4] = *rest.first_chunk()?;
                Some((Ipv4Addr::from(octets), port).into())
            }
            libc::AF_INET6 if length >= V6_LENGTH => {
                let (_flow, rest) = rest.split_first_chunk::<4>()?;
                let (octets, scope) = rest.split_first_chunk::<16>()?;
                let scope = u32::from_ne_bytes(*scope.first_chunk()?);
                Some(SocketAddrV6::new(Ipv6Addr::from(*octets), port, 0, scope).into())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_kernels_form() {
        for address in ["192.0.2.7:10000", "[2001:db8::1]:65535", "[fe80::1%3]:1"] {
            let address: SocketAddr = address.parse().expect("a test address");
            let (name, length) = SocketName::new(address);
            assert_eq!(name.address(length), Some(address));
        }
    }

    #[test]
    fn a_name_cut_short_or_of_another_family_is_no_address() {
        let (name, length) = SocketName::new("[2001:db8::1]:9".parse().expect("a test address"));
        assert_eq!(name.address(length - 1), None);
        assert_eq!(SocketName::EMPTY.address(SocketName::LENGTH_MAX), None);
    }
}
