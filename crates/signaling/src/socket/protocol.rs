//! What is spoken over a WebSocket, and who hears it.

use super::connection::Connection;
use super::{ConnectionId, Departure, FrameError};
use crate::auth::Wanted;
use crate::state::Shared;
use tokio::sync::mpsc;

/// A protocol of JSON texts.
pub(crate) trait Protocol: 'static {
    /// What a client says.
    type Message: Send + 'static;
    /// What reaches the one task that owns the protocol's connections.
    type Inbound: From<SocketEvent<Self::Message>> + Send;

    /// What a client needs to be let in.
    const WANTED: Wanted<'static>;

    /// The message in a text.
    fn parse(text: &str) -> Result<Self::Message, FrameError>;

    /// The answer to what is no message; `text` is there when it was looked at.
    fn refusal(error: FrameError, text: Option<&str>) -> String;

    /// Where that task is reached.
    fn inbox(shared: &Shared) -> &mpsc::Sender<Self::Inbound>;
}

/// What happens to a connection.
pub(crate) enum SocketEvent<M> {
    /// It opened; whoever owns it runs it.
    Connected(Box<Connection>),
    /// It brought a message.
    Message { from: ConnectionId, message: M },
    /// The last word of the connection's task.
    Left { connection: ConnectionId, departure: Departure },
}
