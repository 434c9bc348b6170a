//! CEL rules that several types share, as texts for the schema.
//!
//! What: one function a family of rules, each with a message that names the field, the value that is wrong, and the remedy.
//! Why texts: only the API server evaluates them, so its answer is the only test (`tests/tests/api_rules.rs`). They are written for
//! its cost estimate, which knows the bounds of the schema only along plain paths: `has()` instead of optionals, and offenders named by
//! their index (`first`) instead of by `filter()`, whose result it takes for unbounded.
//! Deliberately absent: what needs a second object (a plan and its Release); the operator says that with `Accepted=False`.

use kube::core::{Message, Rule};

fn rule(rule: impl Into<String>, message: impl Into<String>) -> Rule {
    Rule::new(rule).message(Message::Expression(message.into()))
}

/// A value deep in an object: a path in which `?` stands before whatever may be absent.
struct At {
    /// CEL: false when a part of the path is absent.
    there: String,
    /// CEL: the value, if it is there.
    value: String,
}

fn at(from: &str, path: &str) -> At {
    let mut value = from.to_owned();
    let mut there = Vec::new();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        // Escaped, because the word is reserved in CEL.
        let name = if part.ends_with("namespace") { "__namespace__" } else { part.trim_start_matches('?') };
        value = format!("{value}.{name}");
        if part.starts_with('?') {
            there.push(format!("has({value})"));
        }
    }
    At { there: if there.is_empty() { "true".to_owned() } else { there.join(" && ") }, value }
}

/// A path as people write it.
fn plain(path: &str) -> String {
    path.replace('?', "")
}

/// CEL: the index of the first element `e` of `list` for which `wrong` is true.
fn first(list: &str, wrong: &str) -> String {
    format!("{list}.transformList(i, e, {wrong}, i)[0]")
}

/// CEL: `body`, in which `name` stands for `value`; the language has no other way to name a value.
fn with(name: &str, value: &str, body: &str) -> String {
    format!("[{value}].map({name}, {body})[0]")
}

/// Every element `e` of the list at `list` is `right`; `found` is CEL for what is wrong with the element `e`.
fn each(list: &str, right: &str, found: impl Fn(&str) -> String, remedy: &str) -> Rule {
    let At { there, value } = at("self", list);
    let (name, element) = (plain(list), format!("{value}[x]"));
    let prefix = if name.is_empty() { String::new() } else { format!("{name}: ") };
    let message = format!("'{prefix}' + {element}.name + ': ' + {} + ' {remedy}'", found(&element));
    rule(format!("!({there}) || {value}.all(e, {right})"), with("x", &first(&value, &format!("!({right})")), &message))
}

/// Every element of the list `field` has a `name` of its own.
pub(crate) fn unique_names(field: &str) -> Rule {
    let once = "self.exists_one(t, t.name == e.name)";
    rule(
        format!("self.all(e, {once})"),
        format!(
            "'{field}: the name ' + self[{}].name + ' is there more than once: rename one'",
            first("self", &format!("!{once}"))
        ),
    )
}

/// The name of a variable is not one of ours.
pub(crate) fn not_ours() -> Rule {
    rule(
        "!self.startsWith('SEAWORTHY_')",
        "'env: ' + self + ' is set by Seaworthy itself, as all that begin with SEAWORTHY_: choose another name'",
    )
}

/// A path inside a volume.
pub(crate) fn inside_volume() -> Rule {
    rule("!self.contains('..')", "'subPath ' + self + ' leaves the volume: remove the dots'")
}

/// Every key of the map `field` matches the pattern.
pub(crate) fn keys(field: &str, pattern: &str) -> Rule {
    Rule::new(format!("self.all(k, k.matches('^{pattern}$'))"))
        .message(format!("{field}: every name must match {pattern}").as_str())
}

/// `self` is a duration from `min` to `max` seconds; `words` says these two for people.
pub(crate) fn duration(field: &str, min: u64, max: u64, words: &str) -> Rule {
    rule(
        format!("duration(self).getSeconds() >= {min} && duration(self).getSeconds() <= {max}"),
        format!("'{field} ' + self + ' is out of bounds: it must be {words}'"),
    )
}

/// On the whole plan: commits are counted where a version comes from them, and a Release that waits for more is one that another replaces.
pub(crate) fn minimum_commits() -> Rule {
    Rule::new("!has(self.batching.minimumCommits) || self.batching.minimumCommits <= 1 || (self.version.policy == 'ConventionalCommits' && self.concurrencyPolicy != 'Queue')")
        .message("batching.minimumCommits above 1 needs version.policy ConventionalCommits, which counts commits, and concurrencyPolicy Latest or Supersede, under which a later Release takes the place of one that waits")
        .field_path(".batching.minimumCommits")
}

/// Exactly one of `members` is there.
pub(crate) fn one_of(field: &str, members: &[&str]) -> Rule {
    let has = members.iter().map(|m| format!("has(self.{m})")).collect::<Vec<_>>();
    let expression = match has.as_slice() {
        [one, other] => format!("{one} != {other}"),
        _ => format!("[{}].exists_one(x, x)", has.join(", ")),
    };
    let words = match members {
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
        [] => String::new(),
    };
    Rule::new(expression).message(format!("{field}: give exactly one of {words}").as_str())
}

/// The field `name` of a spec is as it was when the object was created.
pub(crate) fn fixed(name: &str) -> Rule {
    Rule::new(format!(
        "has(self.{name}) == has(oldSelf.{name}) && (!has(self.{name}) || self.{name} == oldSelf.{name})"
    ))
    .message(format!("{name} cannot be changed after creation: create a new object instead").as_str())
    .field_path(format!(".{name}"))
}

/// The field `name` of a spec does not change once it is there.
pub(crate) fn fixed_once(name: &str) -> Rule {
    Rule::new(format!("!has(oldSelf.{name}) || (has(self.{name}) && self.{name} == oldSelf.{name})"))
        .message(
            format!("{name} is given once and cannot be changed or taken back: create a new object instead").as_str(),
        )
        .field_path(format!(".{name}"))
}

/// `spec.approval`: a word stands, unless another one says for what else it is.
pub(crate) fn approval_once() -> Rule {
    let other = "has(self.approval.digest) && (!has(oldSelf.approval.digest) || self.approval.digest != oldSelf.approval.digest)";
    Rule::new(format!("!has(oldSelf.approval) || (has(self.approval) && (self.approval == oldSelf.approval || ({other})))"))
        .message("approval is given once for what it is for: it can be replaced by one with another digest, and not be taken back")
        .field_path(".approval")
}

/// `spec.resolution`, on the whole Release: only where it ended as `PublishUnknown`, which is recorded in `status.ending` for ever.
pub(crate) fn resolves_the_unknown() -> Rule {
    Rule::new(
        "!has(self.spec.resolution) || (has(self.status) && has(self.status.ending) && self.status.ending.phase == 'PublishUnknown')",
    )
    .message("resolution: only a Release that ended as PublishUnknown is resolved: leave it out, or look at status.phase")
    .field_path(".spec.resolution")
}

/// The list `name` of a spec grows at its end and is never changed otherwise.
pub(crate) fn append_only(name: &str) -> Rule {
    Rule::new(format!(
        "!has(oldSelf.{name}) || (has(self.{name}) && oldSelf.{name}.all(i, e, i < size(self.{name}) && self.{name}[i] == e))"
    ))
    .message(format!("{name} are only added, at the end of the list: put back what is there").as_str())
    .field_path(format!(".{name}"))
}

/// `spec.waivers`, on the whole Release: added only while they can still count.
pub(crate) fn waives_in_time() -> Rule {
    Rule::new(
        "!has(self.spec.waivers) || (has(oldSelf.spec.waivers) && size(self.spec.waivers) == size(oldSelf.spec.waivers)) || !has(self.status) || (!has(self.status.ending) && !has(self.status.publish))",
    )
    .message("waivers: too late: the outcome is decided, or publishing has begun; create a new Release with them")
    .field_path(".spec.waivers")
}

const REPORT: &str = "externalPublish: no report is waited for: leave it out until status.publish.state is External";

/// `spec.externalPublish`, on the whole Release: given while the report is waited for.
pub(crate) fn reports_when_asked() -> Rule {
    Rule::new(
        "has(self.spec.externalPublish) == has(oldSelf.spec.externalPublish) || (has(self.status) && has(self.status.publish) && self.status.publish.state == 'External')",
    )
    .message(REPORT)
    .field_path(".spec.externalPublish")
}

/// The same at creation, where there is no old object to compare with.
pub(crate) fn reports_not_at_once() -> Rule {
    Rule::new("!has(self.spec.externalPublish) || has(self.status)").message(REPORT).field_path(".spec.externalPublish")
}

/// Once `spec.abort` is true it stays so.
pub(crate) fn latch_abort() -> Rule {
    Rule::new("!has(oldSelf.abort) || !oldSelf.abort || (has(self.abort) && self.abort)")
        .message("abort cannot be taken back: create a new object instead")
        .field_path(".abort")
}

/// `gates`: every `runAfter` names a gate that stands before its own in the list.
///
/// Only the comprehension with two variables knows positions.
pub(crate) fn run_after() -> Rule {
    let known = "!has(e.runAfter) || e.runAfter.all(n, self.exists(j, h, j < i && h.name == n))";
    rule(
        format!("self.all(i, e, {known})"),
        format!(
            "'gates: runAfter of ' + self[{}].name + ' names a gate that does not stand before it: correct the name or the order'",
            first("self", &format!("!({known})"))
        ),
    )
}

/// At the top of a plan: every soak can end within the plan's deadline.
pub(crate) fn soaks_fit_deadline() -> Rule {
    let fits = "!has(e.soak) || duration(e.soak.warmUp) + duration(e.soak.measure) + (has(e.soak.maxExtension) ? duration(e.soak.maxExtension) : duration('0s')) + duration(e.soak.settle) <= duration(self.deadline)";
    rule(
        format!("self.gates.all(e, {fits})"),
        format!(
            "'deadline ' + self.deadline + ' is shorter than warmUp + measure + maxExtension + settle of gate ' + self.gates[{}].name + ': lengthen the deadline or shorten the soak'",
            first("self.gates", &format!("!({fits})"))
        ),
    )
    .field_path(".deadline")
}

/// `maxExtension` is there with `onInconclusive: Extend`, and only there.
pub(crate) fn extension_is_wanted() -> Rule {
    Rule::new("(has(self.onInconclusive) && self.onInconclusive == 'Extend') == has(self.maxExtension)")
        .message("maxExtension goes with onInconclusive: Extend only, which needs it: add the one that is missing or remove the other")
        .field_path(".maxExtension")
}

/// A soak has at least 20 slots to judge.
pub(crate) fn enough_samples() -> Rule {
    rule(
        "duration(self.interval).getSeconds() * 20 <= duration(self.measure).getSeconds()",
        "'interval ' + self.interval + ' x 20 exceeds measure ' + self.measure + ': fewer samples prove nothing; shorten interval or lengthen measure'",
    )
    .field_path(".interval")
}

/// A check with its own warm-up still has at least 20 slots to judge before the judged time ends.
pub(crate) fn enough_samples_of_checks() -> Rule {
    let slots = "duration(self.interval).getSeconds() * 20";
    let end = "duration(self.warmUp).getSeconds() + duration(self.measure).getSeconds()";
    each(
        "checks",
        &format!("!has(e.warmUp) || duration(e.warmUp).getSeconds() + {slots} <= {end}"),
        |e| format!("'warmUp ' + {e}.warmUp"),
        "leaves less than 20 intervals of the soak, which ends after warmUp + measure: shorten it",
    )
    .field_path(".checks")
}

/// Growth has something to compare with its baseline: a window of its own ends before the judged time does.
pub(crate) fn baseline_ends_early() -> Rule {
    let begin = "(has(e.warmUp) ? duration(e.warmUp).getSeconds() : duration(self.warmUp).getSeconds())";
    let end = "duration(self.warmUp).getSeconds() + duration(self.measure).getSeconds()";
    let window = "duration(e.growth.baselineWindow).getSeconds()";
    each(
        "checks",
        &format!("!has(e.growth) || !has(e.growth.baselineWindow) || {begin} + {window} < {end}"),
        |e| format!("'growth.baselineWindow ' + {e}.growth.baselineWindow"),
        "leaves nothing to compare with the baseline before the soak ends, after warmUp + measure: shorten it",
    )
    .field_path(".checks")
}

/// Checks of the given kind name one of `sources`.
pub(crate) fn known_source(kind: &str) -> Rule {
    each(
        "checks",
        &format!("!has(e.{kind}) || (has(self.sources) && self.sources.exists(s, s.name == e.{kind}.source))"),
        |e| format!("'{kind}.source ' + {e}.{kind}.source"),
        "is none of sources: correct the name or add the source",
    )
    .field_path(".checks")
}

/// What a `kubelet` source measures.
const KUBELET_METRICS: [&str; 3] =
    ["container_cpu_usage_seconds_total", "container_memory_working_set_bytes", "container_memory_rss_bytes"];

/// Checks of the given kind ask a kubelet source only for what kubelets measure.
pub(crate) fn kubelet_metric(kind: &str) -> Rule {
    let names = KUBELET_METRICS.map(|m| format!("'{m}'")).join(", ");
    each(
        "checks",
        &format!(
            "!has(e.{kind}) || e.{kind}.metric in [{names}] || !has(self.sources) || !self.sources.exists(s, s.name == e.{kind}.source && has(s.kubelet))"
        ),
        |e| format!("'{kind}.metric ' + {e}.{kind}.metric"),
        &format!("is nothing that a kubelet measures: use {}", KUBELET_METRICS.join(" or ")),
    )
    .field_path(".checks")
}

/// `label` is there with `aggregate: LabelSum`, and only there.
pub(crate) fn label_of_label_sum() -> Rule {
    Rule::new("(has(self.aggregate) && self.aggregate == 'LabelSum') == has(self.label)")
        .message("label goes with aggregate: LabelSum only, and LabelSum needs it: add the one that is missing or remove the other")
}

/// In a rule of the given kind, where it is over counters (CEL): what they gained is added or compared. Which of them comes last, and what
/// their labels say, has nothing to do with it.
pub(crate) fn aggregate_of_counters(kind: &str, over_counters: &str) -> Rule {
    rule(
        format!("!({over_counters}) || !has(self.aggregate) || !(self.aggregate in ['Last', 'LabelSum'])"),
        format!(
            "'{kind}.aggregate is ' + self.aggregate + ': counters take Sum, Max or Min: use one of these, or leave it out'"
        ),
    )
}

/// In a trend: `unacceptablePerHour` exceeds `tolerablePerHour`. Only whole numbers: how long a quantity in text may be is nothing that the
/// server's cost estimate knows, so those are compared when the object is accepted.
pub(crate) fn unacceptable_is_more() -> Rule {
    Rule::new(
        "!has(self.tolerablePerHour) || !has(self.unacceptablePerHour) || type(self.tolerablePerHour) != int || type(self.unacceptablePerHour) != int || self.unacceptablePerHour > self.tolerablePerHour",
    )
    .message("trend: unacceptablePerHour must be more than tolerablePerHour: raise the one or lower the other")
}

/// In a task: every mount names a volume.
pub(crate) fn mounts_name_volumes() -> Rule {
    let known = "has(self.volumes) && self.volumes.exists(v, v.name == e.name)";
    rule(
        format!("!has(self.volumeMounts) || self.volumeMounts.all(e, {known})"),
        format!(
            "'volumeMounts: ' + self.volumeMounts[{}].name + ' is none of volumes: add the volume or remove the mount'",
            first("self.volumeMounts", &format!("!({known})"))
        ),
    )
}

/// Where a name is that the lists at the top of a spec must hold. Paths are CEL, with `?` before what may be absent.
#[derive(Clone, Copy)]
pub(crate) enum Listed<'a> {
    /// A service account's name.
    Account(&'a str),
    /// A namespace.
    Namespace(&'a str),
    /// A list of namespaces.
    Namespaces(&'a str),
}

impl Listed<'_> {
    const fn path(&self) -> &str {
        match self {
            Self::Account(path) | Self::Namespace(path) | Self::Namespaces(path) => path,
        }
    }

    /// CEL: whether it holds, for the object `from`.
    fn holds(self, from: &str) -> String {
        let At { there, value } = at(from, self.path());
        match self {
            Self::Account(_) => format!("!({there}) || (has(self.serviceAccounts) && {value} in self.serviceAccounts)"),
            Self::Namespace(_) => format!("!({there}) || (has(self.namespaces) && {value} in self.namespaces)"),
            Self::Namespaces(_) => {
                format!("!({there}) || {value}.all(n, has(self.namespaces) && n in self.namespaces)")
            }
        }
    }

    /// CEL: the path and what was found there, for the object `from`, which does not hold.
    fn found(self, from: &str) -> String {
        let value = at(from, self.path()).value;
        let path = plain(self.path());
        match self {
            Self::Account(_) | Self::Namespace(_) => format!("'{path} ' + {value}"),
            Self::Namespaces(_) => {
                let wrong =
                    format!("{value}.transformList(k, n, !has(self.namespaces) || !(n in self.namespaces), k)[0]");
                format!("'{path} ' + {value}[{wrong}]")
            }
        }
    }

    const fn remedy(self) -> &'static str {
        match self {
            Self::Account(_) => "is not in spec.serviceAccounts: add it there, or name one of those",
            Self::Namespace(_) => {
                "is not in spec.namespaces: add it there, or leave it out where the own namespace is meant"
            }
            Self::Namespaces(_) => "is not in spec.namespaces: add it there",
        }
    }

    /// At the top of a spec.
    pub(crate) fn at_top(self) -> Rule {
        rule(self.holds("self"), format!("{} + ' {}'", self.found("self"), self.remedy()))
            .field_path(format!(".{}", plain(self.path())))
    }

    /// In every element of the list `list` at the top of a spec.
    pub(crate) fn in_list(self, list: &str) -> Rule {
        each(list, &self.holds("e"), |e| self.found(e), self.remedy()).field_path(format!(".{}", plain(list)))
    }

    /// In every gate.
    pub(crate) fn in_gates(self) -> Rule {
        self.in_list("gates")
    }

    /// In every element of the list `list` of every gate.
    pub(crate) fn in_lists_of_gates(self, list: &str) -> Rule {
        let right = self.holds("e");
        let inside = |gate: &str| {
            let At { there, value } = at(gate, list);
            format!("!({there}) || {value}.all(e, {right})")
        };
        let wrong_gate = format!("self.gates.transformList(i, g, !({}), i)[0]", inside("g"));
        let elements = at("self.gates[x]", list).value;
        let element = format!("{elements}[y]");
        let message = format!(
            "'gates: ' + self.gates[x].name + ': {}: ' + {element}.name + ': ' + {} + ' {}'",
            plain(list),
            self.found(&element),
            self.remedy()
        );
        let message = with("x", &wrong_gate, &with("y", &first(&elements, &format!("!({right})")), &message));
        rule(format!("self.gates.all(g, {})", inside("g")), message).field_path(".gates")
    }
}
