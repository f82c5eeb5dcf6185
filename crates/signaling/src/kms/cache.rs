//! Answers that may be asked for again (PROTOCOL.md §9).

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// KMS: how long an answer is kept.
const AGE_MAX: Duration = Duration::from_secs(20);

/// Answers of one socket that are kept; the oldest go first. A client that retries has few requests open.
const ANSWERS_MAX: usize = 512;

/// Bytes of one socket's answers; the oldest go first.
const BYTES_MAX: usize = 1 << 20;

/// The latest answers on one socket. A client that gave up waiting sends the same text with the same id again
/// (`max_retries`) and gets the answer that it missed; nothing is done twice.
/// KMS deviation: KMS looks at session and id alone and so gives a client that reuses an id for something else
/// a stale answer. Here socket, session and text must be the same.
#[derive(Debug)]
pub(crate) struct AnswerCache {
    /// Keyed anew for each socket, so that no client can make two requests look the same.
    hasher: RandomState,
    answers: BTreeMap<RequestDigest, Arc<str>>,
    /// The oldest first.
    ages: VecDeque<(Instant, RequestDigest)>,
    bytes: usize,
}

/// A request's text and session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RequestDigest(u64);

impl AnswerCache {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), answers: BTreeMap::new(), ages: VecDeque::new(), bytes: 0 }
    }

    /// What a request is known by; `session` is the socket's at that time.
    pub(crate) fn digest(&self, session: Option<&str>, text: &str) -> RequestDigest {
        RequestDigest(self.hasher.hash_one((session, text)))
    }

    /// The answer that was given to this request.
    pub(crate) fn find(&mut self, now: Instant, request: RequestDigest) -> Option<Arc<str>> {
        self.forget(|age, _| now.saturating_duration_since(age) > AGE_MAX);
        self.answers.get(&request).cloned()
    }

    /// Keeps an answer. One that alone is more than all may have is not kept.
    pub(crate) fn keep(&mut self, now: Instant, request: RequestDigest, answer: Arc<str>) {
        let length = answer.len();
        if length > BYTES_MAX || self.answers.contains_key(&request) {
            return;
        }
        self.forget(|_, cache| cache.ages.len() >= ANSWERS_MAX || cache.bytes + length > BYTES_MAX);
        self.bytes += length;
        self.answers.insert(request, answer);
        self.ages.push_back((now, request));
    }

    /// Forgets the oldest answers as long as `is_due`.
    fn forget(&mut self, is_due: impl Fn(Instant, &Self) -> bool) {
        while let Some(&(age, request)) = self.ages.front()
            && is_due(age, self)
        {
            self.ages.pop_front();
            if let Some(answer) = self.answers.remove(&request) {
                self.bytes -= answer.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_request_has_the_same_answer_for_twenty_seconds() {
        let start = Instant::now();
        let mut cache = AnswerCache::new();
        let request = cache.digest(Some("s"), r#"{"id":1}"#);
        assert_eq!(cache.find(start, request), None);
        cache.keep(start, request, "done".into());
        let almost = start + AGE_MAX;
        assert_eq!(cache.find(almost, request).as_deref(), Some("done"));
        assert_eq!(cache.find(almost + Duration::from_millis(1), request), None);
        assert_eq!((cache.answers.len(), cache.ages.len(), cache.bytes), (0, 0, 0));
    }

    #[test]
    fn another_text_or_session_is_another_request() {
        let cache = AnswerCache::new();
        let request = cache.digest(Some("s"), r#"{"id":1}"#);
        for other in [cache.digest(Some("s"), r#"{"id":2}"#), cache.digest(None, r#"{"id":1}"#)] {
            assert_ne!(request, other);
        }
    }

    #[test]
    fn the_oldest_answers_make_room() {
        let now = Instant::now();
        let mut cache = AnswerCache::new();
        let requests: Vec<_> =
            (0..=ANSWERS_MAX).map(|number| cache.digest(None, &number.to_string())).collect();
        for &request in &requests {
            cache.keep(now, request, "x".into());
        }
        assert_eq!(cache.find(now, requests[0]), None);
        assert!(requests[1..].iter().all(|&request| cache.find(now, request).is_some()));

        let big = cache.digest(None, "big");
        cache.keep(now, big, "x".repeat(BYTES_MAX).into());
        assert!(cache.find(now, big).is_some());
        assert_eq!((cache.answers.len(), cache.bytes), (1, BYTES_MAX));
        let bigger = cache.digest(None, "bigger");
        cache.keep(now, bigger, "x".repeat(BYTES_MAX + 1).into());
        assert!(cache.find(now, bigger).is_none() && cache.find(now, big).is_some());
    }
}
