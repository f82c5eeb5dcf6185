//! A user at a page: a name at the server, and a peer while a call is on.

use crate::peer::{Connection, Peer, PeerOptions};
use crate::signaling::{FromServer, SignalingClient, ToServer, Trust};
use anyhow::{Context, Result, bail};
use keel_media::IceCandidate;

/// Server candidates that wait for the answer; a server has one or two per address.
const EARLY_CANDIDATES_MAX: usize = 64;

/// One user. Each step does what a page does: candidates go both ways as they are found.
pub struct Seat {
    name: String,
    client: SignalingClient,
    call: Option<OngoingCall>,
}

struct OngoingCall {
    peer: Peer,
    gathering: bool,
    answered: bool,
    early_candidates: Vec<IceCandidate>,
}

impl Seat {
    /// Connects to the server and takes a name.
    ///
    /// # Errors
    /// When the server is not there or rejects the name; the message says why.
    pub async fn register(url: &str, trust: &Trust, name: &str) -> Result<Self> {
        let mut client = SignalingClient::connect(url, trust).await?;
        client.send(&ToServer::Register { name: name.to_owned(), secret: None }).await?;
        match client.next().await? {
            FromServer::RegisterResponse { response, .. } if response == "accepted" => {
                Ok(Self { name: name.to_owned(), client, call: None })
            }
            other => bail!("{name} was not registered: {other:?}"),
        }
    }

    /// Calls `to` and waits for the answer, which comes once the callee has accepted.
    ///
    /// # Errors
    /// When the call is rejected; the message says why.
    pub async fn call(&mut self, to: &str, options: PeerOptions) -> Result<()> {
        let sdp_offer = self.begin(options).await?;
        self.client.send(&ToServer::Call { from: self.name.clone(), to: to.to_owned(), sdp_offer }).await?;
        match self.next_message().await? {
            FromServer::CallResponse { response, sdp_answer: Some(answer), .. } if response == "accepted" => {
                self.take_answer(&answer).await
            }
            other => bail!("{} got no answer from {to}: {other:?}", self.name),
        }
    }

    /// Waits for a call and accepts it; returns who called.
    ///
    /// # Errors
    /// When no call comes, or it ends before it began.
    pub async fn accept(&mut self, options: PeerOptions) -> Result<String> {
        let from = self.ringing().await?;
        let sdp_offer = self.begin(options).await?;
        let accept = ToServer::IncomingCallResponse {
            from: from.clone(),
            call_response: "accept".to_owned(),
            sdp_offer: Some(sdp_offer),
            message: None,
        };
        self.client.send(&accept).await?;
        match self.next_message().await? {
            FromServer::StartCommunication { sdp_answer } => self.take_answer(&sdp_answer).await?,
            other => bail!("the call from {from} did not begin: {other:?}"),
        }
        Ok(from)
    }

    /// Waits for a call; returns who calls.
    ///
    /// # Errors
    /// When something else comes, or nothing.
    pub async fn ringing(&mut self) -> Result<String> {
        match self.next_message().await? {
            FromServer::IncomingCall { from } => Ok(from),
            other => bail!("{} expected a call: {other:?}", self.name),
        }
    }

    /// Goes on carrying candidates until media can flow, then starts sending.
    ///
    /// # Errors
    /// When the connection fails or the call ends.
    pub async fn connect(&mut self) -> Result<()> {
        let Self { client, call, name } = self;
        let call = call.as_mut().with_context(|| format!("{name} is in no call"))?;
        let mut reports = call.peer.reports();
        let decided = async { reports.wait_for(|r| r.connection != Connection::New).await.map(drop) };
        tokio::pin!(decided);
        loop {
            tokio::select! {
                _ = &mut decided => {
                    call.peer.connected().await?;
                    return call.peer.publish().await;
                }
                candidate = call.peer.next_candidate(), if call.gathering => {
                    call.gathering = send_candidate(client, candidate).await?;
                }
                message = client.next() => match message? {
                    FromServer::IceCandidate { candidate } => call.take_candidate(candidate.into()).await?,
                    other => bail!("the call of {name} ended: {other:?}"),
                }
            }
        }
    }

    /// Hangs up.
    ///
    /// # Errors
    /// When the connection to the server is closed.
    pub async fn hang_up(&mut self) -> Result<()> {
        self.client.send(&ToServer::Stop).await?;
        self.end().await
    }

    /// Waits until the other side has hung up; returns the reason, where one is given.
    ///
    /// # Errors
    /// When something else comes, or nothing.
    pub async fn hung_up(&mut self) -> Result<Option<String>> {
        match self.next_message().await? {
            FromServer::StopCommunication { message } => {
                self.end().await?;
                Ok(message)
            }
            other => bail!("{} expected the end of the call: {other:?}", self.name),
        }
    }

    /// The peer of the call that is on.
    ///
    /// # Errors
    /// When none is.
    pub fn peer(&mut self) -> Result<&mut Peer> {
        let name = &self.name;
        Ok(&mut self.call.as_mut().with_context(|| format!("{name} is in no call"))?.peer)
    }

    /// The connection to the server, for messages that no step sends.
    pub fn client(&mut self) -> &mut SignalingClient {
        &mut self.client
    }

    async fn begin(&mut self, options: PeerOptions) -> Result<String> {
        let peer = Peer::new(options).await?;
        let offer = peer.offer().await?;
        self.call =
            Some(OngoingCall { peer, gathering: true, answered: false, early_candidates: Vec::new() });
        Ok(offer)
    }

    async fn take_answer(&mut self, answer: &str) -> Result<()> {
        let call = self.call.as_mut().context("an answer without a call")?;
        call.peer.take_answer(answer).await?;
        call.answered = true;
        for candidate in std::mem::take(&mut call.early_candidates) {
            call.peer.add_candidate(&candidate).await?;
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<()> {
        match self.call.take() {
            Some(call) => call.peer.close().await,
            None => Ok(()),
        }
    }

    /// The server's next message that is not a candidate; candidates are carried meanwhile.
    async fn next_message(&mut self) -> Result<FromServer> {
        loop {
            let Self { client, call, .. } = self;
            let Some(call) = call else { return client.next().await };
            tokio::select! {
                candidate = call.peer.next_candidate(), if call.gathering => {
                    call.gathering = send_candidate(client, candidate).await?;
                }
                message = client.next() => match message? {
                    FromServer::IceCandidate { candidate } => call.take_candidate(candidate.into()).await?,
                    other => return Ok(other),
                }
            }
        }
    }
}

impl OngoingCall {
    /// Candidates may come before the answer; they wait for it.
    async fn take_candidate(&mut self, candidate: IceCandidate) -> Result<()> {
        if self.answered {
            return self.peer.add_candidate(&candidate).await;
        }
        if self.early_candidates.len() >= EARLY_CANDIDATES_MAX {
            bail!("the server sent more than {EARLY_CANDIDATES_MAX} candidates before its answer");
        }
        self.early_candidates.push(candidate);
        Ok(())
    }
}

/// Whether more candidates may follow.
async fn send_candidate(client: &mut SignalingClient, candidate: Option<IceCandidate>) -> Result<bool> {
    let Some(candidate) = candidate else { return Ok(false) };
    client.send(&ToServer::OnIceCandidate { candidate: candidate.into() }).await?;
    Ok(true)
}
