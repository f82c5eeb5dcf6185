//! Fields that do not begin at bytes.

/// Reads a slice from its first bit on; `None` past its end.
#[derive(Clone, Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// Bits read.
    position: usize,
}

impl<'a> BitReader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// The next `count` bits, at most 32, as an unsigned number.
    pub(super) fn bits(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        let mut wanted = count;
        while wanted > 0 {
            let byte = u32::from(*self.bytes.get(self.position / 8)?);
            let left = 8 - (self.position % 8) as u32;
            let taken = left.min(wanted);
            value = value << taken | byte >> (left - taken) & ((1 << taken) - 1);
            self.position += taken as usize;
            wanted -= taken;
        }
        Some(value)
    }

    /// The next bit.
    pub(super) fn flag(&mut self) -> Option<bool> {
        self.bits(1).map(|bit| bit == 1)
    }

    /// A number below `limit` in as few bits as its value allows.
    // AV1 §4.10.7 (ns(n)): the lowest values take one bit less than the others.
    pub(super) fn below(&mut self, limit: u32) -> Option<u32> {
        let width = u32::BITS - limit.leading_zeros();
        let Some(short) = width.checked_sub(1) else { return Some(0) };
        let shorter = (1 << width) - limit;
        let value = self.bits(short)?;
        if value < shorter {
            return Some(value);
        }
        Some((value << 1 | self.bits(1)?) - shorter)
    }
}

#[cfg(test)]
mod tests {
    use super::BitReader;

    #[test]
    fn reads_across_bytes_and_ends_with_them() {
        let mut reader = BitReader::new(&[0b1010_0110, 0xff, 0x00, 0x81]);
        assert_eq!(reader.flag(), Some(true));
        assert_eq!(reader.bits(2), Some(0b01));
        assert_eq!(reader.bits(13), Some(0b0_0110_1111_1111));
        assert_eq!(reader.bits(0), Some(0));
        assert_eq!(reader.bits(17), None, "one more than there is");
        let mut whole = BitReader::new(&[0x12, 0x34, 0x56, 0x78]);
        assert_eq!(whole.bits(32), Some(0x1234_5678));
        assert_eq!(whole.flag(), None);
    }

    // covers: AV1 §4.10.7
    #[test]
    fn numbers_below_a_limit_take_one_bit_less_where_they_can() {
        // Below five: 00, 01, 10, 110, 111.
        let mut reader = BitReader::new(&[0b0001_1011, 0b0111_0000]);
        let read: Vec<_> = (0..5).filter_map(|_| reader.below(5)).collect();
        assert_eq!(read, [0, 1, 2, 3, 4]);
        assert_eq!(BitReader::new(&[]).below(1), Some(0), "nothing to tell apart");
    }
}
