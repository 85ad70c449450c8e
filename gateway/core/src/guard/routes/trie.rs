//! A trie of patterns: one node for each segment, so that a lookup visits a node at most once.

/// One step of a pattern, in the form the table compares.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum PatternStep {
    /// This segment.
    Literal(Box<[u8]>),
    /// One segment that is not empty.
    Param,
    /// All that follows, or nothing.
    Rest,
}

/// Patterns and the places of their routes.
#[derive(Debug, Default)]
pub(super) struct Trie {
    /// Sorted by segment.
    literals: Vec<(Box<[u8]>, Trie)>,
    param: Option<Box<Trie>>,
    /// Patterns that end here.
    end: Methods,
    /// Patterns that go on with whatever follows.
    rest: Methods,
}

/// The methods of one pattern and the places of their routes.
#[derive(Debug, Default)]
pub(super) struct Methods {
    exact: Vec<(Box<str>, usize)>,
    any: Option<usize>,
}

impl Trie {
    /// Adds a pattern; `None` is any method. An existing one is kept.
    pub(super) fn insert(&mut self, method: Option<&str>, steps: &[PatternStep], place: usize) {
        let Some((first, steps)) = steps.split_first() else {
            return self.end.insert(method, place);
        };
        match first {
            PatternStep::Rest => self.rest.insert(method, place),
            PatternStep::Param => self.param.get_or_insert_default().insert(method, steps, place),
            PatternStep::Literal(segment) => {
                let at = match self.literals.binary_search_by(|(known, _)| known.cmp(segment)) {
                    Ok(at) => at,
                    Err(at) => {
                        self.literals.insert(at, (segment.clone(), Self::default()));
                        at
                    }
                };
                if let Some((_, child)) = self.literals.get_mut(at) {
                    child.insert(method, steps, place);
                }
            }
        }
    }

    /// The best match among the patterns of this method: segment by segment a literal beats a
    /// parameter beats the rest, then the method itself beats any.
    ///
    /// `path` has no leading slash; `None` is a path without any segment.
    pub(super) fn find(&self, method: &str, path: Option<&[u8]>) -> Option<usize> {
        self.walk(path, &mut |methods| methods.find(method))
    }

    /// The methods of all patterns that match the path, sorted; `HEAD` with every `GET`.
    pub(super) fn methods(&self, path: Option<&[u8]>) -> Vec<&str> {
        let mut all = Vec::new();
        self.walk(path, &mut |methods| {
            for (method, _) in &methods.exact {
                all.push(&**method);
                if &**method == "GET" {
                    all.push("HEAD");
                }
            }
            None
        });
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Visits the patterns that match, best first, until `pick` takes one.
    ///
    /// A node stands at one depth, so it is visited at most once; the depth is the patterns'.
    fn walk<'t>(
        &'t self,
        path: Option<&[u8]>,
        pick: &mut dyn FnMut(&'t Methods) -> Option<usize>,
    ) -> Option<usize> {
        let Some(path) = path else {
            return pick(&self.end).or_else(|| pick(&self.rest));
        };
        let mut parts = path.splitn(2, |b| *b == b'/');
        let segment = parts.next().unwrap_or_default();
        let tail = parts.next();
        let literal = self.literals.binary_search_by(|(known, _)| (**known).cmp(segment)).ok();
        if let Some((_, child)) = literal.and_then(|at| self.literals.get(at))
            && let Some(place) = child.walk(tail, pick)
        {
            return Some(place);
        }
        if let Some(child) = &self.param
            && !segment.is_empty()
            && let Some(place) = child.walk(tail, pick)
        {
            return Some(place);
        }
        pick(&self.rest)
    }
}

/// The patterns that a lookup may still match after some segments.
#[derive(Clone, Copy, Debug)]
pub(super) enum Remaining<'t> {
    /// What stands at a node and below it.
    Node(&'t Trie),
    /// The methods of a pattern that takes whatever follows.
    Rest(&'t Methods),
}

impl<'t> Remaining<'t> {
    /// Goes on by one segment, in the order of [`Trie::find`].
    pub(super) fn step(&self, segment: &[u8], next: &mut Vec<Self>) {
        match self {
            Self::Rest(_) => next.push(*self),
            Self::Node(node) => {
                let literal = node.literals.binary_search_by(|(known, _)| (**known).cmp(segment)).ok();
                let literal = literal.and_then(|at| node.literals.get(at)).map(|(_, child)| child);
                let param = node.param.as_deref().filter(|_| !segment.is_empty());
                next.extend(literal.into_iter().chain(param).map(Self::Node));
                if !node.rest.is_empty() {
                    next.push(Self::Rest(&node.rest));
                }
            }
        }
    }

    /// The segments that are named next.
    pub(super) fn literals(&self) -> impl Iterator<Item = &'t [u8]> {
        let literals = match self {
            Self::Node(node) => node.literals.as_slice(),
            Self::Rest(_) => &[],
        };
        literals.iter().map(|(segment, _)| &**segment)
    }

    /// The place of `method` for a path that ends here.
    pub(super) fn find(&self, method: &str) -> Option<usize> {
        match self {
            Self::Node(node) => node.end.find(method).or_else(|| node.rest.find(method)),
            Self::Rest(methods) => methods.find(method),
        }
    }

    /// The methods that are named for a path that ends here.
    pub(super) fn methods(&self) -> impl Iterator<Item = &'t str> {
        let (end, rest) = match self {
            Self::Node(node) => (Some(&node.end), &node.rest),
            Self::Rest(methods) => (None, *methods),
        };
        end.into_iter().chain([rest]).flat_map(|methods| methods.exact.iter().map(|(method, _)| &**method))
    }

    /// Whether a further segment may find something else.
    pub(super) fn goes_on(&self) -> bool {
        match self {
            Self::Node(_) => true,
            Self::Rest(_) => false,
        }
    }
}

impl Methods {
    fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.any.is_none()
    }

    fn insert(&mut self, method: Option<&str>, place: usize) {
        match method {
            None => {
                self.any.get_or_insert(place);
            }
            Some(method) => {
                if self.exact(method).is_none() {
                    self.exact.push((method.into(), place));
                }
            }
        }
    }

    /// `GET` covers `HEAD` (RFC 9110 §9.3.2), unless `HEAD` is listed itself.
    fn find(&self, method: &str) -> Option<usize> {
        let covering = || if method == "HEAD" { self.exact("GET") } else { None };
        self.exact(method).or_else(covering).or(self.any)
    }

    fn exact(&self, method: &str) -> Option<usize> {
        self.exact.iter().find(|(known, _)| **known == *method).map(|(_, place)| *place)
    }
}
