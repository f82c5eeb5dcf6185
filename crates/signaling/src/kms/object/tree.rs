//! One pipeline with all its objects, and the task that owns it.

use super::census::Place;
use super::connection::Connections;
use super::endpoint::Endpoint;
use super::event::now_ms;
use super::flow::Flows;
use super::stream::Attachment;
use super::subscription::Subscriptions;
use super::{Body, Notice, ObjectId, Surroundings, TreeRequest};
use crate::kms::failure::Failure;
use crate::kms::model::class::MEDIA_PIPELINE;
use crate::kms::model::{Class, Get, Property, Value};
use crate::kms::session_id::SessionId;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use keel_media::{Pipeline, PipelineEvent, PipelineEvents};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::mpsc;
use uuid::Uuid;

/// Requests that may wait for one tree; a connection that finds no room waits.
const INBOX_MAX: usize = 64;

/// A pipeline with everything below it, or the server's own object.
pub(crate) struct Tree {
    pub(super) surroundings: Arc<Surroundings>,
    pub(super) root: ObjectId,
    /// `None` for the manager's tree alone.
    media: Option<Pipeline>,
    pub(super) objects: BTreeMap<ObjectId, Object>,
    pub(crate) connections: Connections,
    pub(super) flows: Flows,
}

/// One object: what every class has, and its body.
pub(crate) struct Object {
    pub(crate) id: ObjectId,
    pub(crate) parent: Option<ObjectId>,
    /// Unix time in seconds.
    pub(crate) created_s: i64,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) body: Body,
    /// Its places in livestreams, by its role there.
    pub(super) attachments: BTreeMap<&'static str, Attachment>,
    /// Properties that have been set; the others have the value of their declaration.
    pub(super) stored: BTreeMap<&'static str, Value>,
    pub(super) holders: BTreeSet<SessionId>,
    pub(super) subscriptions: Subscriptions,
    /// Its entry in the census, as long as it lives.
    _place: Place,
}

/// A tree that is to run: whoever starts it spawns `task` and keeps `inbox` under the root's id.
pub(crate) struct NewTree {
    pub(crate) root: ObjectId,
    pub(crate) inbox: mpsc::Sender<TreeRequest>,
    /// Ends when the root is released, or when every clone of `inbox` is gone; everything is released then.
    pub(crate) task: BoxFuture<'static, ()>,
}

/// What reaches a tree beside requests.
enum Feed {
    Pipeline(PipelineEvents),
    Manager(mpsc::Receiver<Notice>),
}

enum News {
    Media(PipelineEvent),
    Notice(Notice),
}

impl Feed {
    async fn recv(&mut self) -> Option<News> {
        match self {
            Self::Pipeline(events) => events.recv().await.map(News::Media),
            Self::Manager(notices) => notices.recv().await.map(News::Notice),
        }
    }
}

impl Tree {
    /// Makes a `MediaPipeline` for `session`.
    ///
    /// # Errors
    /// 40009 when the media server or the census is full.
    pub(crate) async fn create_pipeline(
        surroundings: Arc<Surroundings>,
        session: &SessionId,
    ) -> Result<NewTree, Failure> {
        let root = ObjectId::new(None, Uuid::new_v4(), &MEDIA_PIPELINE);
        let place = surroundings.census.enter(&root, Some(session))?;
        let (media, events) = surroundings.media.create_pipeline().await.map_err(Failure::from)?;
        let notices = surroundings.manager.clone();
        let mut tree =
            Self::new(surroundings, Some(media), Object::new(root.clone(), None, Body::Pipeline, place));
        tree.hold(&root, session);
        let created = Notice::Created(root);
        Ok(tree.start(Feed::Pipeline(events), async move {
            // The manager ends last; if it is gone, nobody is left to be told.
            let _ = notices.send(created).await;
        }))
    }

    /// Makes the `ServerManager`, which hears from the other trees by `notices`.
    ///
    /// # Errors
    /// 40009 when the census takes no objects at all.
    pub(crate) fn create_manager(
        surroundings: Arc<Surroundings>,
        notices: mpsc::Receiver<Notice>,
    ) -> Result<NewTree, Failure> {
        let root = ObjectId::manager();
        let place = surroundings.census.enter(&root, None)?;
        let tree = Self::new(surroundings, None, Object::new(root, None, Body::Manager, place));
        Ok(tree.start(Feed::Manager(notices), async {}))
    }

    fn new(surroundings: Arc<Surroundings>, media: Option<Pipeline>, root: Object) -> Self {
        Self {
            surroundings,
            root: root.id.clone(),
            media,
            objects: BTreeMap::from([(root.id.clone(), root)]),
            connections: Connections::default(),
            flows: Flows::default(),
        }
    }

    fn start(self, feed: Feed, first: impl Future<Output = ()> + Send + 'static) -> NewTree {
        let (inbox, requests) = mpsc::channel(INBOX_MAX);
        let root = self.root.clone();
        let task = async move {
            first.await;
            self.run(requests, feed).await;
        };
        NewTree { root, inbox, task: task.boxed() }
    }

    async fn run(mut self, mut requests: mpsc::Receiver<TreeRequest>, mut feed: Feed) {
        let mut has_news = true;
        while self.objects.contains_key(&self.root) {
            tokio::select! {
                request = requests.recv() => match request {
                    Some(request) => {
                        self.handle_request(request).await;
                        self.renew_flows().await;
                    }
                    None => self.release(&self.root.clone()).await,
                },
                news = feed.recv(), if has_news => match news {
                    Some(News::Media(event)) => {
                        self.handle_media(event.endpoint, event.event);
                        self.renew_flows().await;
                    }
                    Some(News::Notice(notice)) => self.handle_notice(notice),
                    None => has_news = false,
                },
            }
        }
        if let Some(media) = self.media.take() {
            media.release().await;
        }
    }

    /// The media server's side of the pipeline. Only for classes of objects that live in one.
    pub(crate) fn media(&self) -> &Pipeline {
        self.media.as_ref().expect("only the manager's tree has no media, and no elements")
    }

    pub(crate) fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// The pipeline, or the manager.
    pub(crate) fn root(&self) -> &ObjectId {
        &self.root
    }

    /// An object of this tree, if it lives.
    pub(crate) fn find(&self, id: &ObjectId) -> Option<&Object> {
        self.objects.get(id)
    }

    /// The object of a call or one of its arguments, which are known to live in this tree.
    pub(crate) fn object(&self, id: &ObjectId) -> &Object {
        self.objects.get(id).expect("a call's object was found before the call")
    }

    pub(crate) fn object_mut(&mut self, id: &ObjectId) -> &mut Object {
        self.objects.get_mut(id).expect("a call's object was found before the call")
    }

    /// The body of a call's object that is a `WebRtcEndpoint`.
    pub(crate) fn endpoint(&self, id: &ObjectId) -> &Endpoint {
        match &self.object(id).body {
            Body::WebRtc(endpoint) => endpoint,
            _ => unreachable!("the class says that it is an endpoint"),
        }
    }

    pub(crate) fn endpoint_mut(&mut self, id: &ObjectId) -> &mut Endpoint {
        match &mut self.object_mut(id).body {
            Body::WebRtc(endpoint) => endpoint,
            _ => unreachable!("the class says that it is an endpoint"),
        }
    }

    /// The objects, parents before their children.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.values()
    }

    /// The direct children of an object.
    pub(crate) fn children<'a>(&'a self, parent: &'a ObjectId) -> impl Iterator<Item = &'a Object> + 'a {
        let below = self.objects.range(parent..).map(|(_, object)| object);
        below
            .take_while(|object| parent.contains(&object.id))
            .filter(move |object| object.parent.as_ref() == Some(parent))
    }

    /// The value of a property that is kept with the object.
    pub(crate) fn stored(&self, id: &ObjectId, property: &Property) -> Value {
        match (self.object(id).stored(property.name), property.get) {
            (Some(value), _) => value.clone(),
            (None, Get::Stored(literal)) => literal.into(),
            (None, Get::Run(_)) => Value::Null,
        }
    }
}

impl Object {
    pub(super) fn new(id: ObjectId, parent: Option<ObjectId>, body: Body, place: Place) -> Self {
        Self {
            id,
            parent,
            created_s: now_ms() / 1000,
            tags: BTreeMap::new(),
            body,
            attachments: BTreeMap::new(),
            stored: BTreeMap::new(),
            holders: BTreeSet::new(),
            subscriptions: Subscriptions::default(),
            _place: place,
        }
    }

    /// A property that has been set.
    pub(crate) fn stored(&self, property: &str) -> Option<&Value> {
        self.stored.get(property)
    }

    pub(crate) fn class(&self) -> &'static Class {
        self.id.class()
    }
}
