//! RTP's values: numbers that are easy to confuse, as types that cannot be. No state, no I/O.

mod bitrate;
mod header;
mod mid;
mod parameters;
mod payload_type;
mod rid;
pub mod rtcp;
mod seq;
mod ssrc;
mod time;

pub use bitrate::{Bitrate, BitrateLimits};
pub use header::{ExtensionId, ExtensionIter, HeaderError, RtpHeader};
pub use mid::Mid;
pub use parameters::{Direction, Extension, ExtensionMap, Format, RtpParameters};
pub use payload_type::PayloadType;
pub use rid::Rid;
pub use seq::{ExtSeq, SeqNo};
pub use ssrc::Ssrc;
pub use time::{AbsSendTime, ClockRate, NtpTime, RtpTime};
