//! Sessions and sockets in all orders.

use super::*;
use crate::kms::outbox::outbox;

/// Sessions, and the trees that keep them.
struct Stage {
    sessions: Sessions,
    inboxes: Vec<mpsc::Receiver<TreeRequest>>,
}

impl Stage {
    fn new(sessions_max: usize) -> Self {
        Self { sessions: Sessions::new(sessions_max), inboxes: Vec::new() }
    }

    fn socket(&mut self) -> SocketId {
        self.sessions.open(outbox(4).0)
    }

    fn join(&mut self, socket: SocketId, named: &str) -> SessionId {
        self.sessions.join(socket, SessionName::parse(named)).expect("there is room")
    }

    /// A pipeline made by `session`.
    fn tree(&mut self, session: &SessionId) -> ObjectId {
        let number = self.inboxes.len();
        let root = ObjectId::parse(&format!("{number}_kurento.MediaPipeline")).expect("an id");
        let (inbox, requests) = mpsc::channel(1);
        self.inboxes.push(requests);
        self.sessions.add_tree(Some(session), &root, inbox);
        root
    }

    fn collected(&mut self) -> Vec<SessionId> {
        self.sessions.collect().into_iter().map(|ended| ended.session).collect()
    }
}

#[test]
fn requests_without_a_session_share_the_sockets_one() {
    let mut stage = Stage::new(9);
    let (ours, theirs) = (stage.socket(), stage.socket());
    assert_eq!(stage.sessions.of_socket(ours), None);
    let first = stage.join(ours, "");
    assert_eq!(stage.join(ours, ""), first, "a second request that does not know it yet");
    assert_eq!(stage.join(ours, first.as_str()), first);
    assert_ne!(stage.join(theirs, ""), first);
}

#[test]
fn a_session_goes_to_the_last_socket_that_uses_it() {
    let mut stage = Stage::new(9);
    let (old, new) = (stage.socket(), stage.socket());
    let session = stage.join(old, "123456");
    assert_eq!(stage.join(new, "123456"), session);
    assert_eq!(stage.sessions.of_socket(old), None, "it has lost the session");
    assert_ne!(stage.join(old, ""), session);
    stage.tree(&session);
    stage.sessions.close(old);
    assert!(stage.sessions.outbox(&session).is_some(), "the end of the older socket changes nothing");
    stage.sessions.close(new);
    assert!(stage.sessions.outbox(&session).is_none());
    assert_eq!(stage.sessions.len(), 1, "it waits for its client");
}

#[test]
fn a_socket_owns_the_session_it_used_last_and_no_other() {
    let mut stage = Stage::new(9);
    let socket = stage.socket();
    let (first, second) = (stage.join(socket, "first"), stage.join(socket, "second"));
    assert!(stage.sessions.outbox(&first).is_none());
    assert!(stage.sessions.outbox(&second).is_some());
    assert_eq!(stage.join(socket, ""), second);
}

#[test]
fn a_session_without_objects_ends_with_its_socket() {
    let mut stage = Stage::new(9);
    let socket = stage.socket();
    let session = stage.join(socket, "");
    let root = stage.tree(&session);
    stage.sessions.remove_tree(&root);
    stage.sessions.close(socket);
    assert_eq!(stage.sessions.len(), 0);
    let next = stage.socket();
    assert_eq!(stage.sessions.rejoin(next, Some(session.name().clone())), None);
}

#[test]
fn dead_clients_are_collected_after_one_to_two_periods_and_live_ones_never() {
    let mut stage = Stage::new(9);
    let (dead, live) = (stage.socket(), stage.socket());
    let (mourned, kept) = (stage.join(dead, "mourned"), stage.join(live, "kept"));
    stage.tree(&mourned);
    stage.sessions.mark();
    stage.sessions.close(dead);
    for _ in 0..3 {
        stage.sessions.mark();
    }
    assert_eq!(stage.collected(), [], "it was marked in this period");
    stage.sessions.mark();
    let ended = stage.sessions.collect();
    assert_eq!(ended.len(), 1);
    assert_eq!((&ended[0].session, ended[0].trees.len()), (&mourned, 1));
    for _ in 0..3 {
        stage.sessions.mark();
        assert_eq!(stage.collected(), []);
    }
    assert_eq!(stage.sessions.ids(), [kept]);
}

#[test]
fn a_client_that_returns_in_time_keeps_its_session_and_one_that_is_late_gets_a_new_one() {
    let mut stage = Stage::new(9);
    let socket = stage.socket();
    let session = stage.join(socket, "wanderer");
    stage.tree(&session);
    stage.sessions.close(socket);
    assert_eq!(stage.collected(), []);
    let again = stage.socket();
    assert_eq!(stage.sessions.rejoin(again, Some(session.name().clone())), Some(session.clone()));
    stage.sessions.close(again);
    assert_eq!(stage.collected(), [], "it was used in this period");
    assert_eq!(stage.collected().as_slice(), std::slice::from_ref(&session));

    let late = stage.socket();
    assert_eq!(stage.sessions.rejoin(late, Some(session.name().clone())), None);
    let reborn = stage.join(late, "wanderer");
    assert_eq!(reborn.name(), session.name());
    assert_ne!(reborn, session, "the end of the old one must not concern the new one");
    assert!(stage.sessions.outbox(&session).is_none());
}

#[test]
fn an_ended_session_names_each_of_its_trees_once() {
    let mut stage = Stage::new(9);
    let socket = stage.socket();
    let (maker, guest) = (stage.join(socket, "maker"), stage.join(socket, "guest"));
    let shared = stage.tree(&maker);
    let own = stage.tree(&maker);
    let unknown = ObjectId::parse("none_kurento.MediaPipeline").expect("an id");
    assert!(stage.sessions.use_tree(&guest, &shared).is_some());
    assert!(stage.sessions.use_tree(&guest, &shared).is_some());
    assert!(stage.sessions.use_tree(&guest, &unknown).is_none());
    let ended = stage.sessions.end(maker.name()).expect("it is there");
    assert_eq!(ended.trees.len(), 2);
    assert!(stage.sessions.end(maker.name()).is_none());
    stage.sessions.remove_tree(&own);
    assert_eq!(stage.sessions.end(guest.name()).map(|ended| ended.trees.len()), Some(1));
}

#[test]
fn there_are_so_many_sessions_and_no_more() {
    let mut stage = Stage::new(2);
    let sockets = [stage.socket(), stage.socket(), stage.socket()];
    stage.join(sockets[0], "");
    stage.join(sockets[1], "");
    assert_eq!(stage.sessions.join(sockets[2], None), Err(Full));
    stage.join(sockets[0], "");
    stage.sessions.close(sockets[1]);
    stage.join(sockets[2], "");
}
