//! One controller for every kind: watch, observe, decide, record, execute, report.
//!
//! A visit begins with a live read of the object and goes round until `decide` has nothing more to say. The status is written whole, under
//! the resourceVersion that was observed; on a conflict the visit begins again. Effects come after the write and rely only on what was
//! *observed* to be recorded, so a crash between any two lines here is harmless.

use std::{
    fmt::Debug,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        batch::v1::Job,
        core::v1::{ObjectReference, Pod},
    },
};
use kube::{
    Api, Resource, ResourceExt as _,
    api::PostParams,
    core::{PartialObjectMeta, object::HasStatus},
    runtime::{
        Controller, Predicate as _, PredicateConfig, WatchStreamExt as _,
        controller::{self, Action},
        events::{Event, EventType},
        predicates,
        reflector::{ObjectRef, Store},
        watcher,
    },
};
use seaworthy_api::labels;
use seaworthy_core::{
    plan::{Note, NoteKind, Plan, Wake},
    presence::Presence,
    time::Timestamp,
};
use serde::{Serialize, de::DeserializeOwned};
use tracing::{Instrument as _, debug, error, info, warn};

use crate::{
    admin::Ready,
    backoff::{self, Failing},
    budget::Budget,
    client::{Error, get_live, timed},
    context::Context,
    metrics::{EffectLabels, ErrorLabels, KindLabels, Metrics},
    watching,
};

/// The most rounds of observe, decide, record, execute in one visit; the rest follows in the next.
const ROUNDS: u32 = 32;
/// Every object is looked at at least this often, whatever events were lost.
const RESYNC: Duration = Duration::from_secs(300);

/// A kind of object that is decided about.
pub trait Kind: Send + Sync + Sized + 'static {
    /// The custom resource.
    type Object: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + HasStatus<Status = Self::Status>
        + Clone
        + Debug
        + DeserializeOwned
        + Serialize
        + Send
        + Sync
        + 'static;
    /// Its status.
    type Status: Clone + PartialEq + Default + Debug + Send + Sync;
    /// What `decide` sees.
    type Observed: Send + Sync;
    /// What `decide` can ask for.
    type Effect: Debug + Send + Sync;
    /// The kind's name.
    const NAME: &'static str;
    /// How long it waits for more news after each before it looks: for kinds that only sum up, so that they do not compete with what they sum.
    const DEBOUNCE: Duration = Duration::ZERO;

    /// Reads everything that a decision needs; live, and without judgement.
    fn observe(ctx: &Context, object: &Self::Object) -> impl Future<Output = Result<Self::Observed, Error>> + Send;
    /// The pure decision.
    fn decide(observed: &Self::Observed, now: Timestamp) -> Plan<Self::Status, Self::Effect>;
    /// Carries out one effect.
    fn execute(
        ctx: &Context,
        object: &Self::Object,
        effect: &Self::Effect,
    ) -> impl Future<Output = Result<(), Error>> + Send;
    /// Takes from an object what nobody asks the store for: visits read theirs live, so what is kept of each is for [`Self::triggers`] and
    /// [`Self::gauges`] alone.
    fn lighten(_object: &mut Self::Object) {}
    /// Whether an effect changes the object itself, so that it is to be read again.
    fn changes_itself(effect: &Self::Effect) -> bool;
    /// Gauges that are made of the objects that are there.
    fn gauges(_metrics: &Metrics, _store: Store<Self::Object>) {}
    /// What else wakes an object of this kind, beside itself, its Jobs and their pods: streams that pause themselves after an error.
    fn triggers(
        controller: Controller<Self::Object>,
        _ctx: &Context,
        _store: &Store<Self::Object>,
    ) -> Controller<Self::Object> {
        controller
    }
}

/// Runs a kind's controller until `stop` resolves; running visits finish first.
pub async fn run<K: Kind>(ctx: Context, ready: Ready, stop: impl Future<Output = ()> + Send + Sync + 'static) {
    let (reader, writer) = kube::runtime::reflector::store();
    let changes = predicates::generation.combine(predicates::finalizers).combine(predicates::annotations);
    let stream = watching::whole::<K::Object>(&ctx, watcher::Config::default().any_semantic())
        .modify(|object| {
            object.meta_mut().managed_fields = None;
            K::lighten(object);
        })
        .reflect(writer)
        // Not by `wait_until_ready` of the store: it wakes one waiter only, and the controller itself waits.
        .inspect_ok(move |event| {
            if matches!(event, watcher::Event::InitDone) {
                ready.store(true, Ordering::Release);
            }
        })
        .touched_objects()
        .predicate_filter(changes, PredicateConfig::default());
    let mine = watcher::Config::default().labels(&format!("{}={}", labels::OWNER_KIND, K::NAME));
    let (known, names) = kube::runtime::reflector::store();
    ctx.pods.add(known);
    let pods = watcher(ctx.watched::<PartialObjectMeta<Pod>>(), mine.clone())
        .default_backoff()
        .modify(|pod| {
            pod.metadata.managed_fields = None;
            pod.metadata.annotations = None;
        })
        .reflect(names)
        .touched_objects();
    let controller = Controller::for_stream(stream, reader.clone())
        .trigger_backoff(watching::AtOnce)
        .owns_stream(watching::touched::<Job>(&ctx, mine))
        .watches_stream(pods, |pod| {
            let name = pod.labels().get(labels::OWNER)?;
            Some(ObjectRef::<K::Object>::new(name).within(pod.metadata.namespace.as_deref()?))
        })
        .with_config(controller::Config::default().debounce(K::DEBOUNCE))
        .graceful_shutdown_on(stop);
    let controller = K::triggers(controller, &ctx, &reader);
    K::gauges(&ctx.metrics, reader);
    let kind = KindLabels { kind: K::NAME };
    let (queue, running) =
        (ctx.metrics.queue.get_or_create_owned(&kind), ctx.metrics.running.get_or_create_owned(&kind));
    let budget = Budget::new(ctx.config.concurrency.into(), queue, running);
    let state = Arc::new(State { ctx, failing: Failing::default(), budget });
    controller
        .run(reconcile::<K>, |_, failed: &Failed, _| Action::requeue(failed.pause), state)
        .for_each(|result| async move {
            if let Err(kube::runtime::controller::Error::QueueError(e)) = result {
                warn!(kind = K::NAME, error = %e, "watch failed, it is tried again");
            }
        })
        .await;
    info!(kind = K::NAME, "controller stopped");
}

/// What the visits of one controller share.
struct State {
    ctx: Context,
    failing: Failing,
    /// Whose visit may begin.
    budget: Budget,
}

/// A visit that failed, and when the next one begins.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
struct Failed {
    #[source]
    error: Error,
    pause: Duration,
}

async fn reconcile<K: Kind>(object: Arc<K::Object>, state: Arc<State>) -> Result<Action, Failed> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let key = format!("{namespace}/{name}");
    if let Some(left) = state.failing.paused(&key, Instant::now()) {
        return Ok(Action::requeue(left));
    }
    let kind = KindLabels { kind: K::NAME };
    let failing = state.failing.has_failed(&key);
    let Some(place) = state.budget.enter(&namespace, failing).await else { return Ok(Action::await_change()) };
    let began = Instant::now();
    if failing {
        state.ctx.metrics.retries.get_or_create(&kind).inc();
    }
    let span = tracing::info_span!("visit", kind = K::NAME, %namespace, %name, generation = object.meta().generation);
    state.ctx.metrics.reconciles.get_or_create(&kind).inc();
    let mut told = Vec::new();
    // On the heap: what a visit holds of all its reads is too much for a thread's stack.
    let visit = Box::pin(visit::<K>(&state.ctx, &namespace, &name, &mut told)).instrument(span.clone());
    let (result, requests) = backoff::counted(state.failing.repeats(&key, began), visit).await;
    drop(place);
    tell(&state.ctx, told);
    state.ctx.metrics.duration.get_or_create(&kind).observe(began.elapsed().as_secs_f64());
    let failed = |error: &Error| {
        state.failing.failed(&key, object.uid().as_deref().unwrap_or_default(), error, requests, Instant::now())
    };
    match result {
        Ok(wake) => {
            state.failing.succeeded(&key);
            Ok(match wake {
                Some(Wake::At(at)) => {
                    let left = u64::try_from(at.as_millis() - state.ctx.now().as_millis()).unwrap_or(0);
                    Action::requeue(Duration::from_millis(left.max(10)).min(RESYNC))
                }
                Some(Wake::OnChange) => Action::requeue(RESYNC),
                None => Action::await_change(),
            })
        }
        Err(e) if e.is_conflict() => {
            debug!(parent: &span, error = %e, "somebody was faster: observe again");
            Ok(Action::requeue(failed(&e)))
        }
        Err(e) => {
            let labels = ErrorLabels { kind: K::NAME, category: e.category() };
            state.ctx.metrics.errors.get_or_create(&labels).inc();
            error!(parent: &span, error = %e, category = e.category(), requests, "visit failed");
            Err(Failed { pause: failed(&e), error: e })
        }
    }
}

/// Goes round until there is nothing more to do; None when the object is gone. `told`: the events of what was recorded.
async fn visit<K: Kind>(
    ctx: &Context,
    namespace: &str,
    name: &str,
    told: &mut Vec<(Event, ObjectReference)>,
) -> Result<Option<Wake>, Error> {
    let api: Api<K::Object> = Api::namespaced(ctx.client.clone(), namespace);
    let mut known: Option<K::Object> = None;
    for _ in 0..ROUNDS {
        let object = match known.take() {
            Some(object) => object,
            None => match get_live(&api, name).await? {
                Presence::Present(object) => object,
                Presence::AbsentLive | Presence::Unknown => return Ok(None),
            },
        };
        let observed = K::observe(ctx, &object).await?;
        let plan = K::decide(&observed, ctx.now());
        let status = object.status().cloned().unwrap_or_default();
        // An object without a status gets one, but not for its own sake where there is something to do first.
        let changed = status != plan.status || object.status().is_none() && plan.effects.is_empty();
        let object = if changed { record::<K>(ctx, &api, object, plan.status).await? } else { object };
        told.extend(plan.notes.into_iter().map(|note| (event(note), object.object_ref(&()))));
        if plan.effects.is_empty() {
            if !changed {
                return Ok(Some(plan.wake));
            }
            known = Some(object);
            continue;
        }
        for effect in &plan.effects {
            info!(?effect, "execute");
            K::execute(ctx, &object, effect).await?;
            let effect = format!("{effect:?}").split([' ', '{', '(']).next().unwrap_or_default().to_owned();
            ctx.metrics.effects.get_or_create(&EffectLabels { kind: K::NAME, effect }).inc();
        }
        // What others change meanwhile is a conflict at the next write of the status, and wakes the next visit.
        known = (!plan.effects.iter().any(K::changes_itself)).then_some(object);
    }
    Ok(Some(Wake::At(ctx.now())))
}

/// Writes the whole status under the observed resourceVersion.
async fn record<K: Kind>(
    ctx: &Context,
    api: &Api<K::Object>,
    mut object: K::Object,
    status: K::Status,
) -> Result<K::Object, Error> {
    let name = object.name_any();
    *object.status_mut() = Some(status);
    let params = PostParams { field_manager: Some("seaworthy".into()), ..PostParams::default() };
    let written =
        timed(|| format!("write status of {} {name}", K::NAME), api.replace_status(&name, &params, &object)).await?;
    ctx.metrics.status_writes.get_or_create(&KindLabels { kind: K::NAME }).inc();
    Ok(written)
}

/// What an event says.
fn event(note: Note) -> Event {
    Event {
        type_: match note.kind {
            NoteKind::Normal => EventType::Normal,
            NoteKind::Warning => EventType::Warning,
        },
        reason: note.reason.as_str(),
        // Events of one object with the same type, reason and action are merged into one, whatever they say: a fact of its own needs
        // an action of its own.
        action: format!("Reconcile-{}", &seaworthy_api::hash::digest(note.message.as_bytes())[7..15]),
        note: Some(seaworthy_core::condition::cut(note.message, 1000)),
        secondary: None,
    }
}

/// Sends events once their visit is over, so that they take no time from it, in their order; that one could not be sent changes nothing.
fn tell(ctx: &Context, told: Vec<(Event, ObjectReference)>) {
    if told.is_empty() {
        return;
    }
    let events = Arc::clone(&ctx.events);
    tokio::spawn(async move {
        for (event, about) in told {
            let sent = tokio::time::timeout(Duration::from_secs(5), events.publish(&event, &about)).await;
            if !matches!(sent, Ok(Ok(()))) {
                debug!(reason = event.reason, "an event could not be sent");
            }
        }
    });
}

#[cfg(test)]
mod tests;
