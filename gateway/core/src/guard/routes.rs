//! Routing: finds the route of a method and a path.
//!
//! Protects a route from being bypassed by another spelling of its path. The path is looked up in every reading that an app
//! may have of it ([`readings`]), as it is written and in its folded form. It is refused if two of these match
//! different routes or name different owners. The path is the client's choice, but has no dot segments and no broken
//! encoding ([`Target`]).
//!
//! The app's own routes are tried before those of its profile: a route of the profile decides only about requests that no
//! route of the app matches.
//!
//! The tables are bounded by the configuration. A lookup visits each node of a table at most once and reads each byte of
//! the path a bounded number of times. A path in its folded form is found without allocating. Another path costs a few
//! buffers of its own length for each reading (most paths have one), and a 405 the list of its methods.
//!
//! RFC 9110 §9.1 and §15.5.6 (methods, 405), RFC 3986 §6.2.2 (equivalent paths).

mod layers;
pub(crate) mod pairs;
mod pattern;
mod route;
mod trie;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::denial::{Denial, PathFault};
use crate::guard::permission::OwnerPolicy;
use crate::guard::target::{PathFindings, PathPolicy, Target};
use crate::path;
use crate::path::readings::{Cause, fold, readings};

use layers::Layers;
use pattern::Sample;
pub use pattern::{METHODS, Pattern, PatternFault};
pub use route::{Layer, Route};
use trie::PatternStep;

/// The routes of one app.
#[derive(Debug)]
pub struct RoutesPolicy {
    /// Patterns as written.
    literal: Layers,
    /// Patterns folded as paths are.
    folded: Layers,
    /// Every pattern is its own folded form, so both tables are the same.
    patterns_are_folded: bool,
    /// Every route once, the app's own policy first. The tables hold positions in it.
    routes: Vec<Arc<Route>>,
    unlisted: Unlisted,
}

/// Evidence: every reading of the path matches this route.
#[derive(Clone, Debug)]
pub struct Found {
    /// The route; for an unlisted path the app's own policy.
    pub(crate) route: Arc<Route>,
}

/// How a path, or a method of a path, is treated that no `match` lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unlisted {
    /// It falls under the app's own policy.
    #[default]
    Inherit,
    /// 404, or 405 where other methods are listed.
    Deny,
}

/// A conflict of two patterns, or a pattern that no request can match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clash {
    /// Both match the same requests with the same precedence. Positions in the input.
    Tie {
        /// The earlier one.
        first: usize,
        /// The later one.
        second: usize,
    },
    /// No request can match it.
    NeverMet {
        /// Its position in the input.
        pattern: usize,
        /// Why not, for the operator.
        why: String,
        /// With case-sensitive paths it would differ from the other pattern.
        by_case: bool,
    },
}

impl RoutesPolicy {
    /// Builds the tables. `own` is the app's own policy, for unlisted paths.
    ///
    /// A route with several patterns is given once for each, as the same [`Arc`].
    ///
    /// # Errors
    /// Every pattern that ties with another or can never be met.
    pub fn build(
        patterns: Vec<(Pattern, Arc<Route>)>,
        own: Arc<Route>,
        unlisted: Unlisted,
        paths: PathPolicy,
    ) -> Result<Self, Vec<Clash>> {
        let mut policy = Self {
            literal: Layers::default(),
            folded: Layers::default(),
            patterns_are_folded: true,
            routes: vec![own],
            unlisted,
        };
        let mut clashes = Vec::new();
        let mut shapes = HashMap::new();
        let mut places: Vec<(Pattern, usize)> = Vec::with_capacity(patterns.len());
        for (second, (pattern, route)) in patterns.into_iter().enumerate() {
            let layer = route.layer;
            let place = policy.place(route);
            let steps: Vec<PatternStep> = pattern.literal_steps().collect();
            match shapes.get(&(layer, pattern.method().map(str::to_owned), steps.clone())) {
                Some((first, other)) if *other != place => clashes.push(Clash::Tie { first: *first, second }),
                Some(_) => {}
                None => {
                    let folded: Vec<PatternStep> = pattern.folded_steps(paths.exact_case).collect();
                    policy.patterns_are_folded &= steps == folded;
                    policy.literal.insert(layer, pattern.method(), &steps, place);
                    policy.folded.insert(layer, pattern.method(), &folded, place);
                    shapes.insert((layer, pattern.method().map(str::to_owned), steps), (second, place));
                }
            }
            places.push((pattern, place));
        }
        let sample = Sample::beside(places.iter().map(|(pattern, _)| pattern));
        for (position, (pattern, place)) in places.iter().enumerate() {
            let tied = clashes.iter().any(|c| matches!(c, Clash::Tie { second, .. } if *second == position));
            // The app's own routes may hide those of its profile.
            if tied || policy.is_overlaid(*place) {
                continue;
            }
            if let Err(Unmet { why, by_case }) = policy.meets(pattern, *place, &sample, paths, &places) {
                clashes.push(Clash::NeverMet { pattern: position, why, by_case });
            }
        }
        if clashes.is_empty() { Ok(policy) } else { Err(clashes) }
    }

    /// The route of this method and path. `paths` is the policy that the target was checked with and the tables were built
    /// with.
    ///
    /// `method` is taken as it is given. For a CORS preflight pass the method that
    /// `Access-Control-Request-Method` announces instead of `OPTIONS`: the preflight asks about that
    /// request, and a path listed for it must not answer 405 here.
    ///
    /// # Errors
    /// [`Denial::AmbiguousPath`] if a reading of the path matches another route or names another owner, if the route has
    /// to know an owner and the path is not UTF-8, or if the path holds an encoded slash
    /// that the route does not allow, or the app where none is listed; this goes before the others. Under [`Unlisted::Deny`]
    /// [`Denial::NotFound`], or [`Denial::MethodNotAllowed`] if other methods are listed.
    pub fn find(&self, method: &str, target: &Target<'_>, paths: PathPolicy) -> Result<Found, Denial> {
        let raw = target.raw_path();
        let place = self.agree(method, raw, paths, target.is_folded(), target.judged())?;
        match (place.and_then(|at| self.routes.get(at)), self.unlisted, self.routes.first()) {
            (Some(route), _, _) | (None, Unlisted::Inherit, Some(route)) => {
                Ok(Found { route: Arc::clone(route) })
            }
            (None, Unlisted::Deny | Unlisted::Inherit, _) => Err(self.unlisted(raw)),
        }
    }

    /// The route that matches a path as it is written; for an unlisted path the app's own policy. [`Self::find`] may still
    /// refuse the path.
    pub fn met(&self, method: &str, raw: &[u8]) -> Option<&Arc<Route>> {
        let met = self.literal.find(method, path::literal(raw).strip_prefix(b"/"));
        self.routes.get(met.unwrap_or_default())
    }

    /// The listed route that matches the folded form of a path; `paths` is the policy that the tables were built with.
    pub fn met_folded(&self, method: &str, raw: &[u8], paths: PathPolicy) -> Option<&Arc<Route>> {
        let path = fold(raw, paths.exact_case);
        self.routes.get(self.folded.find(method, unrooted(&path))?)
    }

    /// Every route once, the app's own policy first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.routes.iter()
    }

    /// The position of the listed route that every reading of the path matches.
    fn agree(
        &self,
        method: &str,
        raw: &[u8],
        paths: PathPolicy,
        folded: bool,
        judged: PathFindings,
    ) -> Result<Option<usize>, Denial> {
        let literal = path::literal(raw);
        let met = self.literal.find(method, literal.strip_prefix(b"/"));
        if folded {
            let other = if self.patterns_are_folded { met } else { self.folded.find(method, unrooted(raw)) };
            return if met == other { Ok(met) } else { Err(OTHER_ROUTE) };
        }
        if judged.encoded_slash && !self.allows_slash(met) {
            return Err(Denial::AmbiguousPath(PathFault::EncodedSlash));
        }
        let owner = self.owner(met);
        if owner.is_some() && !judged.text {
            return Err(Denial::AmbiguousPath(PathFault::OwnerNotText));
        }
        let named = owner.and_then(|segment| segment_of(raw, segment));
        for reading in readings(raw) {
            let mut listed = false;
            let literal = self.literal.find(method, reading.literal().strip_prefix(b"/"));
            let folded = self.folded.find(method, unrooted(&reading.folded(paths.exact_case)));
            let bare = reading.folded_with_bare_parameters(paths.exact_case);
            let bare = bare.map(|path| self.folded.find(method, unrooted(&path)));
            for found in [literal, folded].into_iter().chain(bare) {
                listed |= found.is_some();
                // The configuration says that the app keeps an encoded slash in its segment. The other reading is
                // still refused if it matches another listed route.
                let believed = found.is_none() && reading.parts_at_encoded_slash_alone();
                if found != met && !believed {
                    return Err(self.other_route(method, reading.cause(), raw, found));
                }
            }
            // Few decoders drop bytes that are not UTF-8, so this reading counts only if it matches a listed route.
            let cleaned = reading.folded_without_strays(paths.exact_case);
            let cleaned = cleaned.and_then(|path| self.folded.find(method, unrooted(&path)));
            if cleaned.is_some_and(|other| met != Some(other)) {
                return Err(OTHER_ROUTE);
            }
            if let Some(segment) = owner
                && listed
                && reading.segment(segment).as_deref() != named.as_deref()
            {
                return Err(Denial::AmbiguousPath(PathFault::OtherOwner));
            }
        }
        Ok(met)
    }

    /// The refusal of a path of which one reading matches `found`, and the path as written another route. `cause` is why the
    /// reading differs.
    fn other_route(&self, method: &str, cause: Cause, raw: &[u8], found: Option<usize>) -> Denial {
        // Whether the path is the same as written, once its slashes are merged.
        let once_merged = || match path::merged(raw) {
            Cow::Owned(path) => self.literal.find(method, path::literal(&path).strip_prefix(b"/")) == found,
            Cow::Borrowed(_) => false,
        };
        Denial::AmbiguousPath(match cause {
            Cause::Written if once_merged() => PathFault::OtherRouteMerged,
            Cause::Written | Cause::EncodedSlash => PathFault::OtherRoute,
            Cause::Backslash => PathFault::OtherRouteBackslash,
            Cause::Cut => PathFault::OtherRouteCut,
            Cause::Authority if raw.starts_with(b"//") => PathFault::OtherRouteHost,
            Cause::Authority => PathFault::OtherRouteAuthority,
        })
    }

    /// The segment that names the owner of what the route at `met` is about.
    fn owner(&self, met: Option<usize>) -> Option<usize> {
        match &self.routes.get(met?)?.permission.owner {
            OwnerPolicy::Segment { segment, or_role: _ } => Some(*segment),
            OwnerPolicy::Anyone => None,
        }
    }

    /// What the route says; for an unlisted path the app, whose own policy stands first.
    fn allows_slash(&self, met: Option<usize>) -> bool {
        self.routes.get(met.unwrap_or_default()).is_some_and(|route| route.encoded_slash)
    }

    fn unlisted(&self, raw: &[u8]) -> Denial {
        let methods = self.literal.methods(path::literal(raw).strip_prefix(b"/"));
        if methods.is_empty() {
            return Denial::NotFound;
        }
        Denial::MethodNotAllowed { allow: methods.join(", ").into() }
    }

    /// Whether the route is a profile's, in an app that has routes of its own.
    fn is_overlaid(&self, place: usize) -> bool {
        let of_profile = self.routes.get(place).is_some_and(|route| route.layer == Layer::Profile);
        of_profile && self.routes.iter().any(|route| route.layer == Layer::App && route.index > 0)
    }

    /// The position of `route`, which is added if it is new.
    fn place(&mut self, route: Arc<Route>) -> usize {
        if let Some(at) = self.routes.iter().position(|known| Arc::ptr_eq(known, &route)) {
            return at;
        }
        self.routes.push(route);
        self.routes.len() - 1
    }

    /// Tries requests that were made for `pattern`.
    ///
    /// # Errors
    /// Why none of them meets it.
    fn meets(
        &self,
        pattern: &Pattern,
        place: usize,
        sample: &Sample,
        paths: PathPolicy,
        places: &[(Pattern, usize)],
    ) -> Result<(), Unmet> {
        let method = pattern.method().unwrap_or_else(|| sample.method());
        crate::request::judge_method(method)
            .map_err(|_| Unmet::from(format!("no request of this method is let in: `{method}`")))?;
        let mut unmet = Unmet::from(String::new());
        for path in pattern.examples(sample) {
            let judged = match paths.judge(&path) {
                Ok(judged) => judged,
                Err(fault) => {
                    unmet = format!("every request for it is refused: {}", fault.text()).into();
                    continue;
                }
            };
            if judged.encoded_slash && !self.allows_slash(Some(place)) {
                unmet = "its `%2F` is refused without `encoded_slash = true`".to_owned().into();
                continue;
            }
            match self.agree(method, &path, paths, path::is_folded(&path, paths.exact_case), judged) {
                Ok(Some(met)) if met == place => return Ok(()),
                Ok(_) => unmet = "another route matches first".to_owned().into(),
                Err(_) => unmet = self.folded_clash(pattern, place, &path, paths, places),
            }
        }
        Err(unmet)
    }

    /// Names the pattern that takes the folded path of `pattern`.
    fn folded_clash(
        &self,
        pattern: &Pattern,
        place: usize,
        path: &[u8],
        paths: PathPolicy,
        places: &[(Pattern, usize)],
    ) -> Unmet {
        let method = pattern.method().unwrap_or("*");
        let met = readings(path)
            .into_iter()
            .map(|reading| self.folded.find(method, unrooted(&reading.folded(paths.exact_case))))
            .find(|met| *met != Some(place))
            .flatten();
        let other = places.iter().find(|(other, at)| {
            *at != place
                && Some(*at) == met
                && other.folded_steps(paths.exact_case).eq(pattern.folded_steps(paths.exact_case))
        });
        let other = other.or_else(|| places.iter().find(|(_, at)| *at != place && Some(*at) == met));
        let Some((other, _)) = other else {
            return "every request for it is ambiguous once its path is folded".to_owned().into();
        };
        let same = |exact_case| other.folded_steps(exact_case).eq(pattern.folded_steps(exact_case));
        Unmet {
            why: format!(
                "every request for it is ambiguous: once folded, its path is also that of `{}`",
                other.text()
            ),
            by_case: !paths.exact_case && same(false) && !same(true),
        }
    }
}

/// Why no request meets a pattern.
struct Unmet {
    why: String,
    by_case: bool,
}

impl From<String> for Unmet {
    fn from(why: String) -> Self {
        Self { why, by_case: false }
    }
}

/// A folded path as the tables take it: the root has no segment at all.
fn unrooted(path: &[u8]) -> Option<&[u8]> {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    if path.is_empty() { None } else { Some(path) }
}

/// The segment at this position as it is written, decoded once.
fn segment_of(raw: &[u8], index: usize) -> Option<Vec<u8>> {
    let segment = raw.split(|b| *b == b'/').nth(index.checked_add(1)?)?;
    Some(path::decode(segment).into_owned())
}

const OTHER_ROUTE: Denial = Denial::AmbiguousPath(PathFault::OtherRoute);

#[cfg(test)]
mod tests;
