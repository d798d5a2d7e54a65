//! The shape of a document. Every field may be absent: a later layer sets it, or the built-in default does. All groups
//! are maps, never lists of things with names, so that layers are laid over each other field by field.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::capacity::CapacityBody;
use super::events::EventBody;
use super::vertical::VerticalBody;
use crate::spec::{SelectPolicy, SignalKind, Strategy};
use crate::unit::Span;

/// A file: exactly one of the four.
#[derive(Debug, JsonSchema)]
#[schemars(title = "Tenantry configuration", deny_unknown_fields)]
#[expect(dead_code, reason = "its schema is what it is for")]
pub(crate) struct File {
    /// What a tenant gets.
    tenant_config: Option<Body>,
    /// What tenants of a tier get.
    tier_config: Option<Body>,
    /// What tenants in a region get.
    region_config: Option<Body>,
    /// What every tenant gets.
    default_config: Option<Body>,
}

/// What is declared.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Body {
    /// The tenant's id; the name of the file where it is absent. Only in `tenant_config`.
    #[schemars(extend("format" = "name"))]
    #[expect(dead_code, reason = "taken out when the document is read; here for the schema")]
    pub(crate) tenant: Option<String>,
    /// Name of the tier or region; the name of the file where it is absent.
    #[schemars(extend("format" = "name"))]
    #[expect(dead_code, reason = "taken out when the document is read; here for the schema")]
    pub(crate) name: Option<String>,
    /// The tenant's tier.
    #[schemars(extend("format" = "name"))]
    pub(crate) tier: Option<String>,
    /// The tenant's region.
    #[schemars(extend("format" = "name"))]
    pub(crate) region: Option<String>,
    /// Whether the tenant is served; only an active one is scaled.
    pub(crate) lifecycle: Option<Lifecycle>,
    /// Anything you want to find the tenant by.
    pub(crate) labels: Option<BTreeMap<String, String>>,
    /// How its workloads are sized.
    pub(crate) autoscaling: Option<Autoscaling>,
    /// Days by name, for schedules and holidays.
    pub(crate) calendars: Option<BTreeMap<String, Vec<DateText>>>,
    /// Times in which nothing is changed.
    pub(crate) freeze_windows: Option<BTreeMap<String, FreezeWindow>>,
    /// What must be held.
    pub(crate) objective: Option<ObjectiveBody>,
    /// What may be spent. Shared evenly by the tenant's workloads.
    pub(crate) budget: Option<Budget>,
    /// The most that it may have. Said by the platform.
    pub(crate) quota: Option<Quota>,
    /// What can be sized, by a name of yours.
    pub(crate) workloads: Option<BTreeMap<String, Workload>>,
    /// How it is watched.
    pub(crate) monitoring: Option<Monitoring>,
    /// How it is kept apart and protected.
    pub(crate) security: Option<Security>,
    /// How fast it is.
    pub(crate) performance: Option<Performance>,
}

/// Where a tenant stands in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// Served and scaled.
    #[default]
    Active,
    /// Left as it is.
    Suspended,
    /// Gone, with its records kept.
    Archived,
}

/// How workloads are sized.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Autoscaling {
    /// Whether Tenantry scales them at all. Default: true.
    pub(crate) enabled: Option<bool>,
    /// Which way of scaling rules. Default: reactive.
    pub(crate) strategy: Option<Strategy>,
    /// Least replicas. Default: 1.
    #[schemars(range(min = 0, max = 100_000))]
    pub(crate) min_replicas: Option<u32>,
    /// Most replicas. Default: 10.
    #[schemars(range(min = 0, max = 100_000))]
    pub(crate) max_replicas: Option<u32>,
    /// The size of the fixed strategy. Default: the minimum.
    #[schemars(range(min = 0, max = 100_000))]
    pub(crate) replicas: Option<u32>,
    /// Common signals and their targets. Default: cpu at 80 percent of request when there is no signal at all.
    pub(crate) metrics: Option<Metrics>,
    /// Further signals by name.
    pub(crate) signals: Option<BTreeMap<String, Signal>>,
    /// How fast sizes change, with the meaning of HPA's `behavior`.
    pub(crate) behavior: Option<BehaviorBody>,
    /// Limits by time, by name.
    pub(crate) schedules: Option<BTreeMap<String, ScheduleBody>>,
    /// Time zone that their load lives by, such as `Europe/Paris`. Default: UTC.
    #[schemars(extend("format" = "time-zone"))]
    pub(crate) time_zone: Option<String>,
    /// Name of the calendar of days on which load is unlike their weekday.
    pub(crate) holidays: Option<String>,
    /// Events that are known in advance, by name. The predictive strategy has the capacity ready.
    pub(crate) events: Option<BTreeMap<String, EventBody>>,
    /// How long a started replica takes to serve. Default: learned.
    pub(crate) startup_delay: Option<SpanText>,
    /// A measurement older than this is not acted on. Default: 2m.
    pub(crate) stale_after: Option<SpanText>,
    /// Take over from an HPA or ScaledObject on the same object. Default: false.
    pub(crate) take_over: Option<bool>,
    /// What containers request: recommended from what they use, and changed where you allow it.
    pub(crate) vertical: Option<VerticalBody>,
}

/// Common signals.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Metrics {
    /// Percent of requested cpu that ready replicas should use.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) cpu_threshold: Option<u32>,
    /// Percent of requested memory that ready replicas should use.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) memory_threshold: Option<u32>,
    /// Response time at the objective's quantile, such as `500ms`. Needs `latency_query`.
    pub(crate) latency_threshold: Option<SpanText>,
    /// PromQL of the response time in seconds.
    #[schemars(extend("format" = "promql"))]
    pub(crate) latency_query: Option<String>,
    /// Requests per second for each replica. Needs `request_rate_query`.
    #[schemars(range(min = 0.001, max = 1e12))]
    pub(crate) request_rate_threshold: Option<f64>,
    /// PromQL of requests per second.
    #[schemars(extend("format" = "promql"))]
    pub(crate) request_rate_query: Option<String>,
    /// Bytes per second of traffic for each replica. Needs `network_query`.
    #[schemars(range(min = 0.001, max = 1e15))]
    pub(crate) network_threshold: Option<f64>,
    /// PromQL of bytes per second.
    #[schemars(extend("format" = "promql"))]
    pub(crate) network_query: Option<String>,
    /// Bytes per second of disk traffic for each replica. Needs `storage_query`.
    #[schemars(range(min = 0.001, max = 1e15))]
    pub(crate) storage_threshold: Option<f64>,
    /// PromQL of bytes per second.
    #[schemars(extend("format" = "promql"))]
    pub(crate) storage_query: Option<String>,
}

/// A signal of your own: exactly one of `utilization`, `per_replica` and `value`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Signal {
    /// What it measures. Default: promql.
    #[serde(rename = "type")]
    pub(crate) kind: Option<SignalKind>,
    /// The PromQL that gives it; cpu and memory need none.
    #[schemars(extend("format" = "promql"))]
    pub(crate) query: Option<String>,
    /// Percent of request that ready replicas should use.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) utilization: Option<u32>,
    /// The value for each replica.
    #[schemars(range(min = 0.001, max = 1e15))]
    pub(crate) per_replica: Option<f64>,
    /// The value for the whole workload, to which size is proportional.
    #[schemars(range(min = 0.001, max = 1e15))]
    pub(crate) value: Option<f64>,
    /// What a ready replica carries at the service level, in the target's unit; at least the target. With it, the
    /// predictive strategy plans for the error budget of `objective.availability` instead of the target's headroom.
    pub(crate) capacity: Option<CapacityBody>,
    /// Whether it can be measured with no replica running, so that it may wake a workload from zero. Default: false.
    pub(crate) measures_at_zero: Option<bool>,
    /// Whether it moves the size by itself. One that does not is shown, and learned from where a capacity is. Default: true.
    pub(crate) scales: Option<bool>,
}

/// How fast sizes change.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(crate) struct BehaviorBody {
    /// Growing. Default: at once, by the larger of 4 pods and 100 percent in 15 s.
    pub(crate) scale_up: Option<Rules>,
    /// Shrinking. Default: after 300 s in which nothing larger was asked for.
    pub(crate) scale_down: Option<Rules>,
}

/// The rules of one direction.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Rules {
    /// How long past recommendations still count.
    pub(crate) stabilization_window: Option<SpanText>,
    /// Which policy binds. Default: max.
    pub(crate) select_policy: Option<SelectPolicy>,
    /// How much a size may change in a period. As a whole later layers replace it.
    pub(crate) policies: Option<Vec<PolicyBody>>,
    /// How far, in percent, a measurement may be off before anything changes. Default: 10.
    #[schemars(range(min = 0, max = 100))]
    pub(crate) tolerance: Option<f64>,
}

/// How much a size may change in a period.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(crate) struct PolicyBody {
    /// What `value` counts.
    #[serde(rename = "type")]
    pub(crate) kind: PolicyKind,
    /// How much.
    #[schemars(range(min = 1, max = 100_000))]
    pub(crate) value: u32,
    /// In how long; up to half an hour.
    pub(crate) period: SpanText,
}

/// What a policy counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PolicyKind {
    /// Replicas.
    Pods,
    /// Percent of the size at the period's start.
    Percent,
}

/// A time: either `start` and `end`, or `from` and `until` on days.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ScheduleBody {
    /// At least so many replicas.
    #[schemars(range(min = 0, max = 100_000))]
    pub(crate) min_replicas: Option<u32>,
    /// At most so many replicas.
    #[schemars(range(min = 0, max = 100_000))]
    pub(crate) max_replicas: Option<u32>,
    /// Time zone, such as `Europe/Paris`. Default: UTC.
    #[schemars(extend("format" = "time-zone"))]
    pub(crate) time_zone: Option<String>,
    /// Days of the week on which it begins. Default: all.
    pub(crate) days: Option<Vec<Day>>,
    /// Time of day at which it begins, such as `08:30`.
    #[schemars(extend("format" = "time-of-day"))]
    pub(crate) from: Option<String>,
    /// Time of day at which it ends; one that is not after `from` lies on the next day.
    #[schemars(extend("format" = "time-of-day"))]
    pub(crate) until: Option<String>,
    /// It begins only on this calendar's days.
    pub(crate) calendar: Option<String>,
    /// It never begins on this calendar's days.
    pub(crate) except_calendar: Option<String>,
    /// First instant, such as `2026-11-27T00:00:00Z`.
    #[schemars(extend("format" = "instant"))]
    pub(crate) start: Option<String>,
    /// First instant after.
    #[schemars(extend("format" = "instant"))]
    pub(crate) end: Option<String>,
}

/// A time in which nothing is changed.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(crate) struct FreezeWindow {
    /// Whether growing is still allowed, so that a freeze cannot starve a workload. Default: true.
    pub(crate) allow_scale_up: Option<bool>,
    /// Time zone, such as `Europe/Paris`. Default: UTC.
    #[schemars(extend("format" = "time-zone"))]
    pub(crate) time_zone: Option<String>,
    /// Days of the week on which it begins. Default: all.
    pub(crate) days: Option<Vec<Day>>,
    /// Time of day at which it begins, such as `08:30`.
    #[schemars(extend("format" = "time-of-day"))]
    pub(crate) from: Option<String>,
    /// Time of day at which it ends.
    #[schemars(extend("format" = "time-of-day"))]
    pub(crate) until: Option<String>,
    /// It begins only on this calendar's days.
    pub(crate) calendar: Option<String>,
    /// It never begins on this calendar's days.
    pub(crate) except_calendar: Option<String>,
    /// First instant, such as `2026-11-27T00:00:00Z`.
    #[schemars(extend("format" = "instant"))]
    pub(crate) start: Option<String>,
    /// First instant after.
    #[schemars(extend("format" = "instant"))]
    pub(crate) end: Option<String>,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// What must be held.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ObjectiveBody {
    /// Percent of time with enough ready capacity. Default: 99. At most 99.9: beyond that a forecast's
    /// quantile would only be the largest error that it has seen.
    #[schemars(range(min = 50, max = 99.9))]
    pub(crate) availability: Option<f64>,
    /// Percentile of response time that `latency_threshold` speaks of. Default: 95. At most 99.9, as `availability`.
    #[schemars(range(min = 1, max = 99.9))]
    pub(crate) latency_percentile: Option<f64>,
}

/// What may be spent.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Budget {
    /// What one replica costs in an hour, dollars.
    #[schemars(range(min = 0, max = 1e6))]
    pub(crate) replica_hour_usd: Option<f64>,
    /// The most in an hour, dollars.
    #[schemars(range(min = 0, max = 1e9))]
    pub(crate) hourly_usd: Option<f64>,
    /// The most in a month of 730 hours, dollars.
    #[schemars(range(min = 0, max = 1e9))]
    pub(crate) monthly_usd: Option<f64>,
    /// What a requested core costs in an hour, dollars; for the saving that `tenantry recommend` shows.
    #[schemars(range(min = 0, max = 1e6))]
    pub(crate) core_hour_usd: Option<f64>,
    /// What a requested gibibyte of memory costs in an hour, dollars; as `core_hour_usd`.
    #[schemars(range(min = 0, max = 1e6))]
    pub(crate) gib_hour_usd: Option<f64>,
}

/// The most that all workloads may have together.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Quota {
    /// Replicas of all its workloads together.
    #[schemars(range(min = 0, max = 100_000))]
    pub(crate) max_replicas: Option<u32>,
    /// Workloads. Default: 1000.
    #[schemars(range(min = 0, max = 100_000))]
    pub(crate) max_workloads: Option<u32>,
    /// Different queries of all its workloads together: each is asked of the metrics source in each cycle. Default: 100.
    #[schemars(range(min = 0, max = 100_000))]
    pub(crate) max_queries: Option<u32>,
}

/// Something that can be sized: a Kubernetes object with a scale subresource.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Workload {
    /// Group and version. Default: apps/v1.
    pub(crate) api_version: Option<String>,
    /// Kind. Default: Deployment.
    pub(crate) kind: Option<String>,
    /// Namespace. Default: the tenant's id.
    pub(crate) namespace: Option<String>,
    /// Name of the object. Default: the workload's name here.
    pub(crate) name: Option<String>,
    /// Labels that exactly one object of the kind has, in place of its name.
    pub(crate) selector: Option<BTreeMap<String, String>>,
    /// What is different for this workload.
    pub(crate) autoscaling: Option<Autoscaling>,
}

/// How a tenant is watched.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub struct Monitoring {
    /// Whether changes are shown as they happen.
    pub real_time: Option<bool>,
    /// How long its metrics are kept.
    pub metrics_retention: Option<SpanText>,
    /// Where alerts go.
    pub alert_channels: Option<Vec<AlertChannel>>,
}

/// A way to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertChannel {
    /// Slack.
    Slack,
    /// Mail.
    Email,
    /// An HTTP request.
    Webhook,
}

/// How a tenant is kept apart and protected.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub struct Security {
    /// Cipher for what is stored.
    pub encryption: Option<Encryption>,
    /// How far apart it is kept.
    pub isolation_level: Option<IsolationLevel>,
    /// Whether what is done for it is recorded.
    pub audit_logging: Option<bool>,
}

/// A cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Encryption {
    /// AES with a key of 256 bits.
    #[serde(rename = "AES-256")]
    Aes256,
}

/// How far apart a tenant is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IsolationLevel {
    /// Its work waits its fair turn among that of others.
    #[default]
    Shared,
    /// Its queries and changes wait for no other tenant's, and its data is sealed with a key-encryption key of its own: where
    /// the keys' provider has one for all, this is refused.
    Strict,
    /// As strict, and the store holds no other tenant.
    Dedicated,
}

/// How fast a tenant is.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub struct Performance {
    /// How long answers are kept, as seconds or a length of time.
    pub cache_ttl: Option<SpanText>,
    /// Connections that are held open.
    #[schemars(range(min = 0, max = 100_000))]
    pub connection_pool: Option<u32>,
    /// Whether calls stop when they keep failing.
    pub circuit_breaker: Option<bool>,
}

/// A length of time: text such as `90s`, or a whole number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanText(pub Span);

impl<'de> Deserialize<'de> for SpanText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Seconds(u64),
            Text(Span),
        }
        Ok(Self(match Either::deserialize(from)? {
            Either::Seconds(secs) => Span::from_secs(secs),
            Either::Text(span) => span,
        }))
    }
}

impl JsonSchema for SpanText {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A length of time such as `500ms`, `90s`, `1h30m` or `30d`, or a whole number of seconds.",
            "type": ["string", "integer"],
            "format": "span",
            "minimum": 0
        })
    }
}

/// A day such as `2026-12-25`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct DateText(pub(crate) jiff::civil::Date);

impl JsonSchema for DateText {
    fn schema_name() -> Cow<'static, str> {
        "Date".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "A day such as `2026-12-25`.", "type": "string", "format": "date" })
    }
}
