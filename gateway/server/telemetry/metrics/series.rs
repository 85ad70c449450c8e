//! Metrics without labels, and metrics with labels.
//!
//! The vectors of the crate `prometheus` find a series by a hash of its concatenated label values: `film` + `s-1` and
//! `films` + `-1` would be one series. Here they are two.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use prometheus::core::{Collector, Desc};
use prometheus::proto::{LabelPair, MetricFamily, MetricType};
use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, Registry};

use super::catalogue::{Metric, MetricKind};

/// Registers a counter without labels.
pub(super) fn counter(registry: &Registry, metric: &Metric) -> prometheus::Result<IntCounter> {
    let counter = IntCounter::new(metric.name, metric.help)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

/// Registers a gauge without labels.
pub(super) fn gauge(registry: &Registry, metric: &Metric) -> prometheus::Result<IntGauge> {
    let gauge = IntGauge::new(metric.name, metric.help)?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

/// All series of one metric.
#[derive(Clone)]
pub(super) struct Series<M>(Arc<Inner<M>>);

struct Inner<M> {
    desc: Desc,
    kind: MetricType,
    children: RwLock<BTreeMap<Vec<Arc<str>>, M>>,
    create: Box<dyn Fn() -> M + Send + Sync>,
}

impl Series<IntCounter> {
    /// Counters.
    pub(super) fn counters(r: &Registry, metric: &Metric) -> prometheus::Result<Self> {
        let opts = prometheus::Opts::new(metric.name, metric.help);
        Self::register(r, metric, MetricType::COUNTER, move || IntCounter::with_opts(opts.clone()))
    }
}

impl Series<IntGauge> {
    /// Gauges.
    pub(super) fn gauges(r: &Registry, metric: &Metric) -> prometheus::Result<Self> {
        let opts = prometheus::Opts::new(metric.name, metric.help);
        Self::register(r, metric, MetricType::GAUGE, move || IntGauge::with_opts(opts.clone()))
    }
}

impl Series<Histogram> {
    /// Histograms over the buckets of the metric.
    pub(super) fn histograms(r: &Registry, metric: &Metric) -> prometheus::Result<Self> {
        let buckets = match metric.kind {
            MetricKind::Histogram(buckets) => buckets.to_vec(),
            MetricKind::Counter | MetricKind::Gauge => Vec::new(),
        };
        let opts = HistogramOpts::new(metric.name, metric.help).buckets(buckets);
        Self::register(r, metric, MetricType::HISTOGRAM, move || Histogram::with_opts(opts.clone()))
    }
}

impl<M: prometheus::core::Metric + 'static> Series<M> {
    fn register(
        registry: &Registry,
        metric: &Metric,
        kind: MetricType,
        create: impl Fn() -> prometheus::Result<M> + Send + Sync + 'static,
    ) -> prometheus::Result<Self> {
        let labels = metric.labels.iter().map(|label| (*label).to_owned()).collect();
        let desc = Desc::new(metric.name.to_owned(), metric.help.to_owned(), labels, HashMap::new())?;
        create()?;
        #[allow(clippy::expect_used, reason = "it depends on nothing but the options that were tried above")]
        let create = Box::new(move || create().expect("the same options were good before"));
        let series = Self(Arc::new(Inner { desc, kind, children: RwLock::default(), create }));
        registry.register(Box::new(series.clone()))?;
        Ok(series)
    }

    /// The series with these label values, in the order of the labels. It is created if it is new.
    pub(super) fn of(&self, values: &[&str]) -> M {
        let key: Vec<Arc<str>> = values.iter().map(|v| Arc::from(*v)).collect();
        if let Some(child) = self.0.children.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return child.clone();
        }
        let mut children = self.0.children.write().unwrap_or_else(PoisonError::into_inner);
        children.entry(key).or_insert_with(|| (self.0.create)()).clone()
    }

    /// Removes every series whose label values do not pass.
    pub(super) fn retain(&self, passes: impl Fn(&[Arc<str>]) -> bool) {
        self.0.children.write().unwrap_or_else(PoisonError::into_inner).retain(|values, _| passes(values));
    }
}

impl<M: prometheus::core::Metric> Collector for Series<M> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let children = self.0.children.read().unwrap_or_else(PoisonError::into_inner);
        let metrics = children.iter().map(|(values, child)| {
            let mut metric = child.metric();
            metric.set_label(self.0.desc.variable_labels.iter().zip(values).map(pair).collect());
            metric
        });
        let mut family = MetricFamily::default();
        family.set_name(self.0.desc.fq_name.clone());
        family.set_help(self.0.desc.help.clone());
        family.set_field_type(self.0.kind);
        family.set_metric(metrics.collect());
        vec![family]
    }
}

fn pair((name, value): (&String, &Arc<str>)) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.clone());
    pair.set_value(value.to_string());
    pair
}

impl<M> std::fmt::Debug for Series<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Series").field(&self.0.desc.fq_name).finish()
    }
}
