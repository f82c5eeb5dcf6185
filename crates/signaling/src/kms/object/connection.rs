//! Who feeds whom, as applications know it: by object, media type and description. The media server's own
//! graph has the same edges without descriptions.

use super::{ObjectId, media_type};
use crate::kms::model::Fields;
use keel_media::MediaType;
use std::collections::{BTreeMap, BTreeSet};

/// The description of an element's ordinary pads. Keel's elements have no others, so a connection with
/// another description at either end is kept and reported, and carries nothing, as in KMS.
pub(crate) const DEFAULT_DESCRIPTION: &str = "default";

/// One connection. It can be made without a description: that is [`DEFAULT_DESCRIPTION`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) source: ObjectId,
    pub(crate) sink: ObjectId,
    pub(crate) media: MediaType,
    pub(crate) source_description: String,
    pub(crate) sink_description: String,
}

/// Where a connection ends; one connection can end there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Inlet {
    sink: ObjectId,
    media: MediaType,
    description: String,
}

/// Where a connection begins.
#[derive(Clone, Debug)]
struct Outlet {
    source: ObjectId,
    description: String,
}

/// All connections of a tree. Bounded by [`Connections::PER_SINK_MAX`] for each element.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    outlets: BTreeMap<Inlet, Outlet>,
    inlets_by_source: BTreeMap<ObjectId, BTreeSet<Inlet>>,
}

impl Connections {
    /// Connections that one element can be the sink of. One for each media type is what media flows by;
    /// beyond that only other descriptions count, which applications choose freely.
    pub(crate) const PER_SINK_MAX: usize = 64;

    /// Whether a connection is within the bound, or takes the place of one.
    pub(crate) fn has_room_for(&self, connection: &Connection) -> bool {
        let (inlet, _) = connection.clone().split();
        self.outlets.contains_key(&inlet) || self.inlets(&inlet.sink).count() < Self::PER_SINK_MAX
    }

    /// Connects, and returns the connection that gave way, which can be the same one. The caller has asked
    /// whether there is room.
    pub(crate) fn connect(&mut self, connection: Connection) -> Option<Connection> {
        debug_assert!(self.has_room_for(&connection), "the bound is checked before");
        let (inlet, outlet) = connection.split();
        let replaced = self.take(&inlet);
        self.inlets_by_source.entry(outlet.source.clone()).or_default().insert(inlet.clone());
        self.outlets.insert(inlet, outlet);
        replaced
    }

    /// Disconnects; says whether there was this connection.
    pub(crate) fn disconnect(&mut self, connection: Connection) -> bool {
        let (inlet, outlet) = connection.split();
        let is_there = self
            .outlets
            .get(&inlet)
            .is_some_and(|there| there.source == outlet.source && there.description == outlet.description);
        is_there && self.take(&inlet).is_some()
    }

    /// Removes everything that begins or ends at an element, and returns it.
    pub(crate) fn remove(&mut self, element: &ObjectId) -> Vec<Connection> {
        let inlets: Vec<Inlet> = self
            .inlets(element)
            .chain(self.inlets_by_source.get(element).into_iter().flatten())
            .cloned()
            .collect();
        // A loopback is named by both ends, and is there once.
        inlets.iter().filter_map(|inlet| self.take(inlet)).collect()
    }

    /// The connections that feed an element.
    pub(crate) fn feeding<'a>(&'a self, sink: &'a ObjectId) -> impl Iterator<Item = Connection> + 'a {
        self.inlets(sink).filter_map(|inlet| self.at(inlet))
    }

    /// The connections that an element feeds.
    pub(crate) fn out_of<'a>(&'a self, source: &ObjectId) -> impl Iterator<Item = Connection> + 'a {
        self.inlets_by_source.get(source).into_iter().flatten().filter_map(|inlet| self.at(inlet))
    }

    fn inlets<'a>(&'a self, sink: &'a ObjectId) -> impl Iterator<Item = &'a Inlet> + 'a {
        let first = Inlet { sink: sink.clone(), media: MediaType::ALL[0], description: String::new() };
        self.outlets.range(first..).map(|(inlet, _)| inlet).take_while(move |inlet| inlet.sink == *sink)
    }

    fn at(&self, inlet: &Inlet) -> Option<Connection> {
        Some(Connection::join(inlet.clone(), self.outlets.get(inlet)?.clone()))
    }

    fn take(&mut self, inlet: &Inlet) -> Option<Connection> {
        let outlet = self.outlets.remove(inlet)?;
        if let Some(inlets) = self.inlets_by_source.get_mut(&outlet.source) {
            inlets.remove(inlet);
            if inlets.is_empty() {
                self.inlets_by_source.remove(&outlet.source);
            }
        }
        Some(Connection::join(inlet.clone(), outlet))
    }
}

impl Connection {
    /// Whether media can flow along it.
    pub(crate) fn carries_media(&self) -> bool {
        self.source_description == DEFAULT_DESCRIPTION && self.sink_description == DEFAULT_DESCRIPTION
    }

    /// The fields of `ElementConnected` and `ElementDisconnected`.
    pub(crate) fn event_fields(&self) -> Fields {
        Fields::new(vec![
            ("sink", self.sink.clone().into()),
            ("mediaType", media_type::word(self.media)),
            ("sourceMediaDescription", self.source_description.as_str().into()),
            ("sinkMediaDescription", self.sink_description.as_str().into()),
        ])
    }

    fn split(self) -> (Inlet, Outlet) {
        let Self { source, sink, media, source_description, sink_description } = self;
        (
            Inlet { sink, media, description: sink_description },
            Outlet { source, description: source_description },
        )
    }

    fn join(inlet: Inlet, outlet: Outlet) -> Self {
        Self {
            source: outlet.source,
            sink: inlet.sink,
            media: inlet.media,
            source_description: outlet.description,
            sink_description: inlet.description,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(name: &str) -> ObjectId {
        ObjectId::parse(&format!("p_kurento.MediaPipeline/{name}_kurento.WebRtcEndpoint"))
            .expect("the class exists")
    }

    fn video(source: &str, sink: &str) -> Connection {
        Connection {
            source: element(source),
            sink: element(sink),
            media: MediaType::Video,
            source_description: DEFAULT_DESCRIPTION.to_owned(),
            sink_description: DEFAULT_DESCRIPTION.to_owned(),
        }
    }

    #[test]
    fn a_sink_has_one_source_for_each_type_and_description() {
        let mut connections = Connections::default();
        let audio = Connection { media: MediaType::Audio, ..video("b", "viewer") };
        let other = Connection { sink_description: "second".to_owned(), ..video("b", "viewer") };
        assert_eq!(connections.connect(video("a", "viewer")), None);
        assert_eq!(connections.connect(audio.clone()), None);
        assert_eq!(connections.connect(other.clone()), None);
        assert_eq!(connections.connect(video("b", "viewer")), Some(video("a", "viewer")));
        let sink = element("viewer");
        let found: Vec<_> = connections.feeding(&sink).collect();
        assert_eq!(found, [audio, video("b", "viewer"), other]);
        assert_eq!(connections.out_of(&element("a")).count(), 0);
        assert_eq!(connections.out_of(&element("b")).count(), 3);
    }

    #[test]
    fn connecting_a_connected_pair_replaces_the_connection_by_itself() {
        let mut connections = Connections::default();
        assert_eq!(connections.connect(video("a", "b")), None);
        assert_eq!(connections.connect(video("a", "b")), Some(video("a", "b")));
        assert_eq!(connections.out_of(&element("a")).count(), 1);
    }

    #[test]
    fn only_the_connection_named_is_disconnected() {
        let mut connections = Connections::default();
        connections.connect(video("a", "b"));
        let named_differently = Connection { source_description: "second".to_owned(), ..video("a", "b") };
        assert!(!connections.disconnect(video("b", "a")));
        assert!(!connections.disconnect(named_differently));
        assert!(connections.disconnect(video("a", "b")));
        assert!(!connections.disconnect(video("a", "b")));
        assert!(connections.outlets.is_empty() && connections.inlets_by_source.is_empty());
    }

    #[test]
    fn an_element_that_goes_takes_its_connections_along_each_once() {
        let mut connections = Connections::default();
        for connection in [video("a", "a"), video("a", "b"), video("b", "c")] {
            connections.connect(connection);
        }
        assert_eq!(connections.remove(&element("a")), [video("a", "a"), video("a", "b")]);
        assert_eq!(connections.remove(&element("a")), []);
        assert_eq!(connections.remove(&element("c")), [video("b", "c")]);
        assert!(connections.outlets.is_empty() && connections.inlets_by_source.is_empty());
    }

    #[test]
    fn free_descriptions_do_not_grow_without_end() {
        let mut connections = Connections::default();
        let numbered = |number| Connection { sink_description: format!("{number}"), ..video("a", "b") };
        for number in 0..Connections::PER_SINK_MAX {
            assert_eq!(connections.connect(numbered(number)), None);
        }
        assert!(!connections.has_room_for(&numbered(Connections::PER_SINK_MAX)));
        assert!(connections.has_room_for(&numbered(0)), "a repeated one still works");
    }
}
