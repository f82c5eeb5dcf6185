//! The graph beside a model that is slow and obviously right: a set of edges, and every question answered
//! by walking it afresh.

use super::super::*;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use std::collections::BTreeMap;

const SEED: u64 = 3;
const STEPS: usize = 20_000;
const ELEMENTS: usize = 8;
const HERE: PipelineId = PipelineId::new(1);

/// Who feeds each endpoint, by type.
type Feeders = BTreeMap<(MediaType, ElementId), ElementId>;

#[derive(Default)]
struct Model {
    elements: Vec<(ElementId, ElementKind)>,
    edges: BTreeSet<Edge>,
}

impl Model {
    fn kind(&self, element: ElementId) -> ElementKind {
        self.elements.iter().find(|(id, _)| *id == element).expect("the model knows its elements").1
    }

    fn source(&self, sink: ElementId, media: MediaType) -> Option<ElementId> {
        self.edges.iter().find(|edge| (edge.sink, edge.media) == (sink, media)).map(|edge| edge.source)
    }

    /// `Err` when the way up never ends.
    fn feeder(&self, element: ElementId, media: MediaType) -> Result<Option<ElementId>, EdgeError> {
        let mut below = element;
        for _ in 0..=ELEMENTS {
            match self.source(below, media) {
                Some(source) if self.kind(source) == ElementKind::PassThrough => below = source,
                found => return Ok(found),
            }
        }
        Err(EdgeError::Cycle)
    }

    fn feeders(&self) -> Result<Feeders, EdgeError> {
        let mut feeders = Feeders::new();
        for media in MediaType::ALL {
            for (element, kind) in &self.elements {
                let feeder = self.feeder(*element, media)?;
                if *kind == ElementKind::Endpoint {
                    feeders.extend(feeder.map(|feeder| ((media, *element), feeder)));
                }
            }
        }
        Ok(feeders)
    }

    fn connect(&mut self, edge: Edge) -> Result<(), EdgeError> {
        let before = self.edges.clone();
        self.edges.retain(|old| (old.sink, old.media) != (edge.sink, edge.media));
        self.edges.insert(edge);
        self.feeders().map(drop).inspect_err(|_| self.edges = before)
    }

    fn remove(&mut self, element: ElementId) {
        self.edges.retain(|edge| edge.source != element && edge.sink != element);
        self.elements.retain(|(id, _)| *id != element);
    }
}

fn differences(before: &Feeders, after: &Feeders) -> Vec<FeedChange> {
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
    keys.into_iter()
        .map(|(media, sink)| {
            let of = |feeders: &Feeders| feeders.get(&(media, sink)).copied();
            FeedChange { media, sink, before: of(before), after: of(after) }
        })
        .filter(|change| change.before != change.after)
        .collect()
}

#[test]
fn every_change_is_told_once_and_nothing_else() {
    let mut rng = StdRng::seed_from_u64(SEED);
    let (mut graph, mut model) = (Graph::default(), Model::default());
    graph.add_pipeline(HERE);
    let (mut next_id, mut changed, mut cycles) = (1, 0, 0);
    for step in 0..STEPS {
        while model.elements.len() < ELEMENTS {
            let kind = [ElementKind::Endpoint, ElementKind::PassThrough][(rng.next_u32() % 2) as usize];
            let id = ElementId::new(next_id);
            next_id += 1;
            graph.add_element(HERE, id, kind).expect("there is room");
            model.elements.push((id, kind));
        }
        let before = model.feeders().expect("the model has no circle");
        let mut any = || model.elements[rng.random_range(0..ELEMENTS)].0;
        let edge = Edge { source: any(), sink: any(), media: MediaType::ALL[step % 3] };
        let mut changes = match rng.random_range(0..20) {
            0 => {
                model.remove(edge.source);
                graph.remove_element(edge.source)
            }
            1..6 => {
                model.edges.remove(&edge);
                graph.disconnect(edge)
            }
            _ => {
                let preview = graph.preview(edge);
                let connected = graph.connect(edge);
                assert_eq!(preview, connected, "seed {SEED}, step {step}: {edge:?}");
                assert_eq!(connected.as_ref().err(), model.connect(edge).as_ref().err(), "step {step}");
                cycles += usize::from(connected.is_err());
                connected.unwrap_or_default()
            }
        };
        let after = model.feeders().expect("the model has no circle");
        changes.sort_by_key(|change| (change.media, change.sink));
        // A removed endpoint is told to lose its feeder, too: it is still there to be unrouted.
        assert_eq!(changes, differences(&before, &after), "seed {SEED}, step {step}: {edge:?}");
        changed += changes.len();
        check(&graph, &model, &after);
    }
    assert!(changed > STEPS / 4 && cycles > STEPS / 100, "{changed} changes, {cycles} circles refused");
}

/// Every question has the model's answer.
fn check(graph: &Graph, model: &Model, feeders: &Feeders) {
    let edges: BTreeSet<_> = model.elements.iter().flat_map(|(id, _)| graph.edges_from(*id)).collect();
    assert_eq!(edges, model.edges);
    for (element, kind) in &model.elements {
        for media in MediaType::ALL {
            assert_eq!(Ok(graph.feeder(*element, media)), model.feeder(*element, media));
        }
        if *kind == ElementKind::Endpoint {
            let mut feeds = graph.feeds_of(*element);
            feeds.sort();
            let mut expected: Vec<_> = feeders
                .iter()
                .map(|((media, sink), source)| Feed { source: *source, sink: *sink, media: *media })
                .filter(|feed| feed.source == *element || feed.sink == *element)
                .collect();
            expected.sort();
            assert_eq!(feeds, expected);
        }
    }
}
