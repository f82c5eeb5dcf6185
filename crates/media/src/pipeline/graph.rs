//! Elements and their connections, as plain data: who feeds whom, and what goes with a released parent.

use super::MediaType;
use crate::id::{ElementId, PipelineId};
use std::collections::BTreeMap;

/// One connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Edge {
    pub(crate) source: ElementId,
    pub(crate) sink: ElementId,
    pub(crate) media: MediaType,
}

/// Why an edge cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum EdgeError {
    UnknownElement,
    ForeignPipeline,
}

/// All pipelines of one worker. Ordered maps: the order of releases can be seen from outside.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    elements_by_pipeline: BTreeMap<PipelineId, Vec<ElementId>>,
    elements: BTreeMap<ElementId, Element>,
}

#[derive(Debug)]
struct Element {
    pipeline: PipelineId,
    /// By type: a sink takes one source.
    source: [Option<ElementId>; MediaType::ALL.len()],
    sinks: [Vec<ElementId>; MediaType::ALL.len()],
}

impl Graph {
    pub(crate) fn add_pipeline(&mut self, pipeline: PipelineId) {
        self.elements_by_pipeline.entry(pipeline).or_default();
    }

    /// Adds an element; `false` when its pipeline is gone.
    pub(crate) fn add_element(&mut self, pipeline: PipelineId, element: ElementId) -> bool {
        let Some(siblings) = self.elements_by_pipeline.get_mut(&pipeline) else { return false };
        siblings.push(element);
        self.elements.insert(element, Element { pipeline, source: [None; 3], sinks: Default::default() });
        true
    }

    /// Connects and returns the edge that had to give way, if the sink had another source. Connecting a
    /// connected pair again changes nothing.
    pub(crate) fn connect(&mut self, edge: Edge) -> Result<Option<Edge>, EdgeError> {
        let pipeline_of = |id| self.elements.get(&id).map(|e| e.pipeline).ok_or(EdgeError::UnknownElement);
        if pipeline_of(edge.source)? != pipeline_of(edge.sink)? {
            return Err(EdgeError::ForeignPipeline);
        }
        if self.source_of(edge.sink, edge.media) == Some(edge.source) {
            return Ok(None);
        }
        let replaced = self
            .source_of(edge.sink, edge.media)
            .map(|source| Edge { source, ..edge })
            .filter(|old| self.disconnect(*old));
        if let Some(sink) = self.elements.get_mut(&edge.sink) {
            sink.source[edge.media as usize] = Some(edge.source);
        }
        if let Some(source) = self.elements.get_mut(&edge.source) {
            source.sinks[edge.media as usize].push(edge.sink);
        }
        Ok(replaced)
    }

    /// Removes an edge; says whether it was there.
    pub(crate) fn disconnect(&mut self, edge: Edge) -> bool {
        if self.source_of(edge.sink, edge.media) != Some(edge.source) {
            return false;
        }
        if let Some(sink) = self.elements.get_mut(&edge.sink) {
            sink.source[edge.media as usize] = None;
        }
        if let Some(source) = self.elements.get_mut(&edge.source) {
            source.sinks[edge.media as usize].retain(|sink| *sink != edge.sink);
        }
        true
    }

    /// Removes an element with its edges, which are returned. Nothing happens the second time.
    pub(crate) fn remove_element(&mut self, element: ElementId) -> Vec<Edge> {
        let edges = self.edges_of(element);
        for edge in &edges {
            self.disconnect(*edge);
        }
        if let Some(removed) = self.elements.remove(&element)
            && let Some(siblings) = self.elements_by_pipeline.get_mut(&removed.pipeline)
        {
            siblings.retain(|sibling| *sibling != element);
        }
        edges
    }

    /// Forgets a pipeline and returns its elements, newest first, for the caller to remove; `None` when
    /// there is no such pipeline (any more).
    pub(crate) fn remove_pipeline(&mut self, pipeline: PipelineId) -> Option<Vec<ElementId>> {
        let mut elements = self.elements_by_pipeline.remove(&pipeline)?;
        elements.reverse();
        Some(elements)
    }

    /// Every edge that begins or ends at `element`, each once.
    pub(crate) fn edges_of(&self, element: ElementId) -> Vec<Edge> {
        let mut edges = Vec::new();
        let Some(node) = self.elements.get(&element) else { return edges };
        for media in MediaType::ALL {
            edges.extend(node.sinks[media as usize].iter().map(|&sink| Edge {
                source: element,
                sink,
                media,
            }));
            if let Some(source) = node.source[media as usize].filter(|source| *source != element) {
                edges.push(Edge { source, sink: element, media });
            }
        }
        edges
    }

    pub(crate) fn has_element(&self, element: ElementId) -> bool {
        self.elements.contains_key(&element)
    }

    pub(crate) fn pipelines(&self) -> impl Iterator<Item = PipelineId> + '_ {
        self.elements_by_pipeline.keys().copied()
    }

    fn source_of(&self, sink: ElementId, media: MediaType) -> Option<ElementId> {
        self.elements.get(&sink)?.source[media as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ElementId = ElementId::new(1);
    const B: ElementId = ElementId::new(2);
    const C: ElementId = ElementId::new(3);

    fn video(source: ElementId, sink: ElementId) -> Edge {
        Edge { source, sink, media: MediaType::Video }
    }

    fn graph_of(elements: &[ElementId]) -> Graph {
        let mut graph = Graph::default();
        graph.add_pipeline(PipelineId::new(1));
        for element in elements {
            assert!(graph.add_element(PipelineId::new(1), *element));
        }
        graph
    }

    #[test]
    fn a_sink_takes_one_source_per_type() {
        let mut graph = graph_of(&[A, B, C]);
        assert_eq!(graph.connect(video(A, C)), Ok(None));
        assert_eq!(graph.connect(Edge { media: MediaType::Audio, ..video(B, C) }), Ok(None));
        assert_eq!(graph.connect(video(B, C)), Ok(Some(video(A, C))));
        assert_eq!(graph.edges_of(A), []);
        assert_eq!(graph.edges_of(C).len(), 2);
    }

    #[test]
    fn connecting_a_connected_pair_again_changes_nothing() {
        let mut graph = graph_of(&[A, B]);
        assert_eq!(graph.connect(video(A, B)), Ok(None));
        assert_eq!(graph.connect(video(A, B)), Ok(None));
        assert_eq!(graph.edges_of(A), [video(A, B)]);
    }

    #[test]
    fn a_loop_is_one_edge_and_goes_with_its_element() {
        let mut graph = graph_of(&[A]);
        assert_eq!(graph.connect(video(A, A)), Ok(None));
        assert_eq!(graph.remove_element(A), [video(A, A)]);
        assert_eq!(graph.remove_element(A), []);
    }

    #[test]
    fn elements_of_different_pipelines_do_not_connect() {
        let mut graph = graph_of(&[A]);
        graph.add_pipeline(PipelineId::new(2));
        assert!(graph.add_element(PipelineId::new(2), B));
        assert_eq!(graph.connect(video(A, B)), Err(EdgeError::ForeignPipeline));
        assert_eq!(graph.connect(video(A, C)), Err(EdgeError::UnknownElement));
    }

    #[test]
    fn a_released_pipeline_gives_up_its_elements_exactly_once() {
        let mut graph = graph_of(&[A, B]);
        assert_eq!(graph.remove_pipeline(PipelineId::new(1)), Some(vec![B, A]));
        assert_eq!(graph.remove_pipeline(PipelineId::new(1)), None);
        assert!(!graph.add_element(PipelineId::new(1), C));
    }
}
