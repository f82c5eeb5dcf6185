//! What somebody may do, as a value: asked at the door, and again whenever something more is wanted.

use super::grants::{Grants, Names};
use crate::user_name::UserName;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What a request or a message wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// To come in at all: what every page needs.
    Entry,
    /// To make and take one-to-one calls.
    Call,
    /// To speak the protocol of rooms; which room is asked on joining.
    SomeRoom,
    /// To make or join the room of this name.
    Room(&'a str),
    /// To be a moderator of the room of this name from the beginning.
    Moderate(&'a str),
    /// To send the stream of this name.
    Publish(&'a str),
    /// To watch the stream of this name.
    Subscribe(&'a str),
    /// To speak the Kurento protocol.
    Kurento,
    /// To see and change everything under `/api/`.
    Admin,
}

/// The grants of a token (docs/access.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    Call,
    Room,
    Moderator,
    Publish,
    Subscribe,
    Kurento,
    Admin,
}

/// Why a permit is not enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    /// It has no such grant.
    #[error("your token has no grant `{}`", .0.label())]
    Missing(Grant),
    /// It has the grant, for other names.
    #[error("your token's grant `{}` is not for this name", .0.label())]
    Other(Grant),
}

/// What the holder of a token may do, and until when. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Permit {
    grants: Arc<Grants>,
    name: Option<UserName>,
    /// The end of the token, if it has one.
    ends: Option<SystemTime>,
}

/// Past it a connection's end is not worth a timer.
const REMAINING_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

impl Grant {
    /// Its name in tokens.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Room => "room",
            Self::Moderator => "moderator",
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Kurento => "kurento",
            Self::Admin => "admin",
        }
    }
}

impl Permit {
    pub(super) fn new(grants: Grants, name: Option<UserName>, ends: SystemTime) -> Self {
        Self { grants: Arc::new(grants), name, ends: Some(ends) }
    }

    /// That of a token with these grants, which is over.
    #[cfg(test)]
    pub(crate) fn signed(grants: &str) -> Self {
        let grants = serde_json::from_str(grants).expect("grants");
        Self::new(grants, None, SystemTime::UNIX_EPOCH + Duration::from_secs(100))
    }

    /// For whoever comes in without a JWT: with an access token, or where none is asked for. Moderators are
    /// made by the rooms themselves.
    pub(crate) fn visitor() -> Self {
        let grants = Grants {
            call: true,
            room: Names::All,
            publish: Names::All,
            subscribe: Names::All,
            kurento: true,
            ..Grants::default()
        };
        Self { grants: Arc::new(grants), name: None, ends: None }
    }

    /// For the holder of the admin token.
    pub(super) fn administrator() -> Self {
        Self { grants: Arc::new(Grants { admin: true, ..Grants::default() }), name: None, ends: None }
    }

    /// Whether this is enough for what is wanted.
    pub(crate) fn allow(&self, wanted: Wanted<'_>) -> Result<(), Denied> {
        let Grants { call, room, publish, subscribe, kurento, admin, moderator, .. } = &*self.grants;
        match wanted {
            Wanted::Entry => Ok(()),
            Wanted::Call => has(*call, Grant::Call),
            Wanted::SomeRoom => has(!room.is_empty(), Grant::Room),
            Wanted::Room(name) => covers(room, name, Grant::Room),
            Wanted::Moderate(name) => {
                covers(room, name, Grant::Room)?;
                covers(moderator, name, Grant::Moderator)
            }
            Wanted::Publish(name) => covers(publish, name, Grant::Publish),
            Wanted::Subscribe(name) => covers(subscribe, name, Grant::Subscribe),
            Wanted::Kurento => has(*kurento, Grant::Kurento),
            Wanted::Admin => has(*admin, Grant::Admin),
        }
    }

    /// Whether this is enough for one of the two. Of two refusals the one counts that is about a grant that is there.
    pub(crate) fn allow_either(&self, one: Wanted<'_>, other: Wanted<'_>) -> Result<(), Denied> {
        match (self.allow(one), self.allow(other)) {
            (Ok(()), _) | (_, Ok(())) => Ok(()),
            (Err(denied @ Denied::Other(_)), _) | (_, Err(denied)) => Err(denied),
        }
    }

    /// Whether the holder may make a room and name its moderators: visitors may, as whoever makes a room is
    /// its first; where a token says who moderates, only who it names.
    pub(crate) fn allow_to_own(&self, room: &str) -> Result<(), Denied> {
        let is_signed = self.ends.is_some();
        self.allow(if is_signed { Wanted::Moderate(room) } else { Wanted::Room(room) })
    }

    /// The name that its holder must go by, if it says one.
    pub(crate) fn name(&self) -> Option<&UserName> {
        self.name.as_ref()
    }

    /// How long what it opens may stay open; `None`: without end. At most 30 days.
    pub(crate) fn remaining(&self, now: SystemTime) -> Option<Duration> {
        let ends = self.ends?;
        Some(ends.duration_since(now).unwrap_or_default().min(REMAINING_MAX))
    }
}

fn has(granted: bool, grant: Grant) -> Result<(), Denied> {
    if granted { Ok(()) } else { Err(Denied::Missing(grant)) }
}

fn covers(names: &Names, name: &str, grant: Grant) -> Result<(), Denied> {
    has(!names.is_empty(), grant)?;
    if names.covers(name) { Ok(()) } else { Err(Denied::Other(grant)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_allows_what_its_grants_say_and_names_what_is_missing() {
        let permit = Permit::signed(r#"{"room": ["tea", "team-*"], "publish": "live", "moderator": "tea"}"#);
        for (wanted, expected) in [
            (Wanted::Entry, Ok(())),
            (Wanted::SomeRoom, Ok(())),
            (Wanted::Room("tea"), Ok(())),
            (Wanted::Room("team-7"), Ok(())),
            (Wanted::Room("Tea"), Err(Denied::Other(Grant::Room))),
            (Wanted::Moderate("tea"), Ok(())),
            (Wanted::Moderate("team-7"), Err(Denied::Other(Grant::Moderator))),
            (Wanted::Publish("live"), Ok(())),
            (Wanted::Publish("live2"), Err(Denied::Other(Grant::Publish))),
            (Wanted::Subscribe("live"), Err(Denied::Missing(Grant::Subscribe))),
            (Wanted::Call, Err(Denied::Missing(Grant::Call))),
            (Wanted::Kurento, Err(Denied::Missing(Grant::Kurento))),
            (Wanted::Admin, Err(Denied::Missing(Grant::Admin))),
        ] {
            assert_eq!(permit.allow(wanted), expected, "{wanted:?}");
        }
    }

    #[test]
    fn a_moderator_needs_the_room_too() {
        let permit = Permit::signed(r#"{"moderator": true}"#);
        assert_eq!(permit.allow(Wanted::Moderate("tea")), Err(Denied::Missing(Grant::Room)));
    }

    #[test]
    fn rooms_are_owned_by_visitors_who_make_them_and_by_named_moderators() {
        assert_eq!(Permit::visitor().allow_to_own("tea"), Ok(()));
        let permit = Permit::signed(r#"{"room": true, "moderator": "tea"}"#);
        assert_eq!(permit.allow_to_own("tea"), Ok(()));
        assert_eq!(permit.allow_to_own("team"), Err(Denied::Other(Grant::Moderator)));
    }

    #[test]
    fn visitors_may_all_but_administer() {
        let visitor = Permit::visitor();
        for wanted in [Wanted::Call, Wanted::Room("a"), Wanted::Publish("a"), Wanted::Kurento] {
            assert_eq!(visitor.allow(wanted), Ok(()), "{wanted:?}");
        }
        assert_eq!(visitor.allow(Wanted::Admin), Err(Denied::Missing(Grant::Admin)));
        assert_eq!(visitor.allow(Wanted::Moderate("a")), Err(Denied::Missing(Grant::Moderator)));
        assert_eq!(visitor.remaining(SystemTime::UNIX_EPOCH), None);
        let administrator = Permit::administrator();
        assert_eq!(administrator.allow(Wanted::Admin), Ok(()));
        assert_eq!(administrator.allow(Wanted::Call), Err(Denied::Missing(Grant::Call)));
    }

    #[test]
    fn a_permit_ends_with_its_token() {
        let permit = Permit::signed("{}");
        let at = |second| SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        assert_eq!(permit.remaining(at(60)), Some(Duration::from_secs(40)));
        assert_eq!(permit.remaining(at(101)), Some(Duration::ZERO));
    }
}
