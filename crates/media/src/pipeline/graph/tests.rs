use super::*;

mod model;

const A: ElementId = ElementId::new(1);
const B: ElementId = ElementId::new(2);
const C: ElementId = ElementId::new(3);
/// Pass-throughs.
const P: ElementId = ElementId::new(11);
const Q: ElementId = ElementId::new(12);
const R: ElementId = ElementId::new(13);

const HERE: PipelineId = PipelineId::new(1);

fn video(source: ElementId, sink: ElementId) -> Edge {
    Edge { source, sink, media: MediaType::Video }
}

fn change(
    sink: ElementId,
    before: impl Into<Option<ElementId>>,
    after: impl Into<Option<ElementId>>,
) -> FeedChange {
    FeedChange { media: MediaType::Video, sink, before: before.into(), after: after.into() }
}

/// A pipeline with three endpoints and three pass-throughs, connected so.
fn graph_with(edges: &[Edge]) -> Graph {
    let mut graph = Graph::default();
    graph.add_pipeline(HERE);
    for (elements, kind) in [([A, B, C], ElementKind::Endpoint), ([P, Q, R], ElementKind::PassThrough)] {
        for element in elements {
            graph.add_element(HERE, element, kind).expect("there is room");
        }
    }
    for edge in edges {
        graph.connect(*edge).expect("the story's edges are possible");
    }
    graph
}

#[test]
fn a_sink_takes_one_source_per_type() {
    let mut graph = graph_with(&[]);
    assert_eq!(graph.connect(video(A, C)), Ok(vec![change(C, None, A)]));
    let audio = Edge { media: MediaType::Audio, ..video(B, C) };
    assert_eq!(graph.connect(audio), Ok(vec![FeedChange { media: MediaType::Audio, ..change(C, None, B) }]));
    assert_eq!(graph.connect(video(B, C)), Ok(vec![change(C, A, B)]));
    assert_eq!(graph.edges_from(A).count(), 0);
    assert_eq!(graph.edges_from(B).collect::<Vec<_>>(), [audio, video(B, C)]);
}

#[test]
fn connecting_a_connected_pair_again_changes_nothing() {
    let mut graph = graph_with(&[video(A, B), video(A, P), video(P, C)]);
    for edge in [video(A, B), video(A, P), video(P, C)] {
        assert_eq!(graph.connect(edge), Ok(vec![]));
    }
    assert_eq!(graph.edges_from(A).count(), 2);
}

#[test]
fn media_reaches_every_endpoint_behind_pass_throughs_in_any_order_of_connecting() {
    let mut graph = graph_with(&[video(Q, C), video(P, B), video(P, Q)]);
    assert_eq!(graph.feeds_of(C), []);
    assert_eq!(graph.connect(video(A, P)), Ok(vec![change(B, None, A), change(C, None, A)]));
    let feeds = [B, C].map(|sink| Feed { source: A, sink, media: MediaType::Video });
    assert_eq!(graph.feeds_of(A), feeds);
    assert_eq!(graph.feeds_of(C), feeds[1..]);
    assert_eq!(graph.disconnect(video(P, Q)), [change(C, A, None)]);
}

#[test]
fn another_way_from_the_same_endpoint_interrupts_nothing() {
    let mut graph = graph_with(&[video(A, P), video(A, Q), video(P, B)]);
    assert_eq!(graph.connect(video(Q, B)), Ok(vec![]));
    assert_eq!(graph.disconnect(video(P, B)), [], "that edge has given way");
    assert_eq!(graph.disconnect(video(A, Q)), [change(B, A, None)]);
}

#[test]
fn a_switched_pass_through_switches_all_behind_it_at_once() {
    let mut graph = graph_with(&[video(A, P), video(P, B), video(P, Q), video(Q, C)]);
    assert_eq!(graph.connect(video(C, P)), Ok(vec![change(B, A, C), change(C, A, C)]));
    assert_eq!(graph.remove_element(C), [change(C, C, None), change(B, C, None)]);
}

#[test]
fn a_removed_pass_through_ends_what_it_carried_and_leaves_the_rest_connected() {
    let mut graph = graph_with(&[video(A, P), video(P, B), video(P, Q), video(Q, C)]);
    assert_eq!(graph.remove_element(P), [change(B, A, None), change(C, A, None)]);
    assert_eq!(graph.connect(video(B, Q)), Ok(vec![change(C, None, B)]));
    assert_eq!(graph.remove_element(P), []);
}

#[test]
fn pass_throughs_do_not_form_a_circle_but_endpoints_may() {
    let mut graph = graph_with(&[video(P, Q), video(Q, R)]);
    assert_eq!(graph.connect(video(R, P)), Err(EdgeError::Cycle));
    assert_eq!(graph.connect(video(Q, Q)), Err(EdgeError::Cycle));
    assert!(graph.connect(Edge { media: MediaType::Data, ..video(R, P) }).is_ok(), "types are separate");
    // With an endpoint in between it is a loopback through pass-throughs.
    assert_eq!(graph.connect(video(A, P)), Ok(vec![]));
    assert_eq!(graph.connect(video(R, A)), Ok(vec![change(A, None, A)]));
    assert_eq!(graph.feeds_of(A), [Feed { source: A, sink: A, media: MediaType::Video }]);
}

#[test]
fn a_loop_is_one_edge_and_goes_with_its_element() {
    let mut graph = graph_with(&[]);
    assert_eq!(graph.connect(video(A, A)), Ok(vec![change(A, None, A)]));
    assert_eq!(graph.remove_element(A), [change(A, A, None)]);
    assert_eq!(graph.remove_element(A), []);
}

#[test]
fn elements_of_different_pipelines_do_not_connect() {
    let mut graph = graph_with(&[]);
    let (there, stranger) = (PipelineId::new(2), ElementId::new(21));
    graph.add_pipeline(there);
    assert_eq!(graph.add_element(there, stranger, ElementKind::Endpoint), Ok(()));
    assert_eq!(graph.connect(video(A, stranger)), Err(EdgeError::ForeignPipeline));
    assert_eq!(graph.connect(video(A, ElementId::new(99))), Err(EdgeError::UnknownElement));
}

#[test]
fn a_released_pipeline_gives_up_its_elements_exactly_once() {
    let mut graph = graph_with(&[]);
    assert_eq!(graph.remove_pipeline(HERE), Some(vec![R, Q, P, C, B, A]));
    assert_eq!(graph.remove_pipeline(HERE), None);
    let late = graph.add_element(HERE, ElementId::new(99), ElementKind::PassThrough);
    assert_eq!(late, Err(CreateError::Released));
}

#[test]
fn a_full_pipeline_refuses_one_more_element_until_one_goes() {
    let mut graph = Graph::default();
    graph.add_pipeline(HERE);
    let ids: Vec<_> = (0..=ELEMENTS_PER_PIPELINE_MAX as u64).map(ElementId::new).collect();
    let (last, fitting) = ids.split_last().expect("there is at least one");
    for id in fitting {
        assert_eq!(graph.add_element(HERE, *id, ElementKind::PassThrough), Ok(()));
    }
    assert_eq!(graph.add_element(HERE, *last, ElementKind::Endpoint), Err(CreateError::Full));
    graph.remove_element(fitting[0]);
    assert_eq!(graph.add_element(HERE, *last, ElementKind::Endpoint), Ok(()));
}

/// The longest chain a pipeline can hold, with an endpoint at each end: no recursion, no circle missed.
#[test]
fn media_goes_through_as_many_pass_throughs_as_fit() {
    let mut graph = Graph::default();
    graph.add_pipeline(HERE);
    let ids: Vec<_> = (0..ELEMENTS_PER_PIPELINE_MAX as u64).map(ElementId::new).collect();
    let (first, last) = (ids[0], ids[ids.len() - 1]);
    for id in &ids {
        let kind = if [first, last].contains(id) { ElementKind::Endpoint } else { ElementKind::PassThrough };
        graph.add_element(HERE, *id, kind).expect("there is room");
    }
    // From the far end, so that the circle check has one step each.
    for pair in ids.windows(2).skip(1).rev() {
        assert_eq!(graph.connect(video(pair[0], pair[1])), Ok(vec![]));
    }
    assert_eq!(graph.connect(video(ids[ids.len() - 2], ids[1])), Err(EdgeError::Cycle));
    assert_eq!(graph.connect(video(first, ids[1])), Ok(vec![change(last, None, first)]));
    assert_eq!(graph.remove_element(ids[ids.len() / 2]), [change(last, first, None)]);
}
