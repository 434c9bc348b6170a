//! Several writers on a played API server, in every order, with crashes and lost answers between any two calls.

use std::sync::{Arc, Mutex};

use http::{Method, Uri};
use seaworthy_soak::{
    evidence::Evidence,
    record::{Gap, GapReason, InventoryPoint, Look, SlotRecord},
};
use serde_json::Value;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{
    super::{
        ledger::{Counts, Ledger, Outcome},
        played::{self, Played},
        room::Room,
    },
    *,
};

const SLOTS: u64 = 250;
const SEEDS: u64 = 24;

fn run() -> RunInfo {
    RunInfo { run: "uid".into(), start_unix_ms: 1_000_000, interval_ms: 1000 }
}

/// A slot as this writer saw it: no two see the same.
fn slot(slot: u64, who: usize) -> Outcome {
    let result = Err(Gap::new(GapReason::Timeout, format!("seen by {who}")));
    let look = Look { source: "s".into(), target: "p".into(), result };
    Outcome::Seen(SlotRecord { slot, unix_ms: 1_000_000, looks: vec![look], pods: None, inventories: vec![] })
}

/// What a run does with its ledger and its keeper.
async fn checkpoint(ledger: &mut Ledger, keeper: &mut Keeper) -> Result<(), StoreError> {
    for last in [false, true] {
        let checkpoint = ledger.checkpoint();
        match keeper.write(&checkpoint).await {
            Err(StoreError::Conflict) if !last => {
                let recorder = keeper.take_over(&run(), ledger.through()).await?;
                ledger.take_over(recorder);
            }
            Ok(()) => {
                ledger.committed(&checkpoint);
                return Ok(());
            }
            other => return other,
        }
    }
    Ok(())
}

/// A whole life of one operator, as far as it concerns the store. Nothing that it reads may ever be broken.
async fn life(store: Store, who: usize) {
    let mut keeper = Keeper::new(store, None);
    let stored = keeper.read().await.unwrap();
    let resumed = Recorder::resume(run(), stored.objects.clone(), None, 0).unwrap();
    let sealed = stored.objects.iter().filter(|o| o.sealed).count();
    keeper.goes_on(stored.head, sealed - resumed.discard.len());
    let mut ledger = Ledger::new(resumed.recorder, Counts::default(), Room::default().part());
    while ledger.next() < SLOTS {
        let next = ledger.next();
        ledger.close(slot(next, who), &[]);
        if next % 30 == 29 {
            // An inventory is a link, too.
            ledger.inventory(&format!("check-{}", next / 60), InventoryPoint::Before, Vec::new());
            settled(checkpoint(&mut ledger, &mut keeper).await);
        }
    }
    while ledger.dirty() {
        settled(checkpoint(&mut ledger, &mut keeper).await);
    }
}

fn settled(stored: Result<(), StoreError>) {
    if let Err(StoreError::Broken(what)) = stored {
        panic!("{what}");
    }
}

/// A request that waits for its turn.
struct Turn {
    who: usize,
    life: u32,
    method: Method,
    uri: Uri,
    body: Value,
    answer: oneshot::Sender<Result<(u16, Value), String>>,
}

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// Two operators on one API server, which does their requests in an order of its own.
struct Theatre {
    server: Played,
    dice: Dice,
    sender: mpsc::UnboundedSender<Turn>,
    lives: [u32; 2],
    playing: Vec<JoinHandle<()>>,
    /// Requests whose senders do not wait any more, and which may still be done.
    late: Vec<(Method, Uri, Value)>,
    reached: u64,
    taken_over: u32,
}

impl Theatre {
    fn begin(&mut self, who: usize) -> JoinHandle<()> {
        self.lives[who] += 1;
        let (sender, life_number) = (self.sender.clone(), self.lives[who]);
        let client = played::client(move |method, uri, body| {
            let (answer, answered) = oneshot::channel();
            let turn = Turn { who, life: life_number, method, uri, body, answer };
            let sent = sender.send(turn);
            async move {
                sent.map_err(|_| "over".to_owned())?;
                answered.await.map_err(|_| "lost".to_owned())?
            }
        });
        tokio::spawn(life(played::store(client), who))
    }

    /// Does a request, after which what a head names must be there.
    fn does(&mut self, method: &Method, uri: &Uri, body: Value) -> (u16, Value) {
        self.taken_over += u32::from(method == Method::DELETE);
        let answer = self.server.answer(method, uri, body);
        if method != Method::GET {
            let evidence = Evidence::decode(&run(), self.server.objects(), None);
            let slots = evidence.unwrap_or_else(|e| panic!("after {method} {uri}: {e}")).slots();
            assert!(slots >= self.reached, "after {method} {uri}: {slots} slots of {}", self.reached);
            self.reached = slots;
        }
        answer
    }

    async fn play(&mut self, mut turns: mpsc::UnboundedReceiver<Turn>) {
        let mut waiting: [Option<Turn>; 2] = [None, None];
        loop {
            // Until each waits for its turn, or is done.
            loop {
                let quiet = |who: usize| waiting[who].is_some() || self.playing[who].is_finished();
                if quiet(0) && quiet(1) {
                    break;
                }
                while let Ok(turn) = turns.try_recv() {
                    if turn.life == self.lives[turn.who] {
                        let who = turn.who;
                        waiting[who] = Some(turn);
                    }
                }
                tokio::task::yield_now().await;
            }
            if !self.late.is_empty() && self.dice.below(4) == 0 {
                let (method, uri, body) = self.late.swap_remove(0);
                self.does(&method, &uri, body);
            }
            let able: Vec<usize> = (0..2).filter(|who| waiting[*who].is_some()).collect();
            if able.is_empty() {
                return;
            }
            let who = able[self.dice.below(able.len())];
            let Some(Turn { method, uri, body, answer, .. }) = waiting[who].take() else { continue };
            let request = (method.clone(), uri.clone(), body.clone());
            let writes = method != Method::GET;
            match self.dice.below(24) {
                // It dies; what it asked for is done, or not, or later.
                0 if self.lives[who] < 6 => {
                    self.playing[who].abort();
                    match self.dice.below(3) {
                        0 => drop(self.does(&method, &uri, body)),
                        1 => self.late.push(request),
                        _ => {}
                    }
                    self.playing[who] = self.begin(who);
                }
                // The answer is lost; the same.
                1 if writes => {
                    match self.dice.below(3) {
                        0 => drop(self.does(&method, &uri, body)),
                        1 => self.late.push(request),
                        _ => {}
                    }
                    let _ = answer.send(Err("lost".to_owned()));
                }
                _ => {
                    let said = self.does(&method, &uri, body);
                    let _ = answer.send(Ok(said));
                }
            }
        }
    }
}

#[tokio::test]
async fn what_a_head_names_is_there_whoever_writes_beside_and_whoever_dies() {
    let mut taken_over = 0;
    for seed in 1..=SEEDS {
        let (sender, turns) = mpsc::unbounded_channel();
        let mut theatre = Theatre {
            server: Played::default(),
            dice: Dice(u64::wrapping_mul(seed, 0x9E37_79B9_7F4A_7C15)),
            sender,
            lives: [0, 0],
            playing: Vec::new(),
            late: Vec::new(),
            reached: 0,
            taken_over: 0,
        };
        theatre.playing = vec![theatre.begin(0), theatre.begin(1)];
        theatre.play(turns).await;
        for player in theatre.playing {
            player.await.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        }
        assert_eq!(theatre.reached, SLOTS, "seed {seed}");
        taken_over += theatre.taken_over;
    }
    assert!(u64::from(taken_over) > SEEDS, "links of one are met by the other: {taken_over}");
}

/// A keeper that has stored 3 slots, and its ledger.
async fn stored(server: &Arc<Mutex<Played>>) -> (Ledger, Keeper) {
    let mut keeper = Keeper::new(played::store(played::at_once(server)), None);
    let mut ledger = Ledger::new(Recorder::new(run()), Counts::default(), Room::default().part());
    for n in 0..3 {
        ledger.close(slot(n, 0), &[]);
        checkpoint(&mut ledger, &mut keeper).await.unwrap();
    }
    assert_eq!((ledger.through(), keeper.status().head.as_str()), (3, "soak-evidence-head"));
    (ledger, keeper)
}

#[tokio::test]
async fn a_head_that_is_gone_or_put_back_is_broken_and_not_a_hole() {
    let server = Arc::default();
    let (mut ledger, mut keeper) = stored(&server).await;
    server.lock().unwrap().remove("soak-evidence-head");
    ledger.close(slot(3, 0), &[]);
    let lost = checkpoint(&mut ledger, &mut keeper).await.unwrap_err();
    assert!(matches!(&lost, StoreError::Broken(what) if what.contains("head is missing")), "{lost}");

    let server: Arc<Mutex<Played>> = Arc::default();
    let mut keeper = Keeper::new(played::store(played::at_once(&server)), None);
    let mut ledger = Ledger::new(Recorder::new(run()), Counts::default(), Room::default().part());
    ledger.close(slot(0, 0), &[]);
    checkpoint(&mut ledger, &mut keeper).await.unwrap();
    let early = server.lock().unwrap().get("soak-evidence-head").cloned().unwrap();
    ledger.close(slot(1, 0), &[]);
    checkpoint(&mut ledger, &mut keeper).await.unwrap();
    server.lock().unwrap().put("soak-evidence-head", early);
    ledger.close(slot(2, 0), &[]);
    let back = checkpoint(&mut ledger, &mut keeper).await.unwrap_err();
    assert!(
        matches!(&back, StoreError::Broken(what) if what.contains("ends before slot 1, slots before 2 were stored")),
        "{back}"
    );
}

#[tokio::test]
async fn a_retry_does_not_take_its_own_links_for_somebody_elses() {
    let server: Arc<Mutex<Played>> = Arc::default();
    let (mut ledger, mut keeper) = stored(&server).await;
    ledger.inventory("check", InventoryPoint::Before, Vec::new());
    let mut left = 2;
    server.lock().unwrap().refuses = Some(Box::new(move |_, name| {
        let refused = name.ends_with("-head") && left > 0;
        left -= i32::from(refused);
        refused
    }));
    server.lock().unwrap().done.clear();
    for _ in 0..2 {
        checkpoint(&mut ledger, &mut keeper).await.unwrap_err();
    }
    checkpoint(&mut ledger, &mut keeper).await.unwrap();
    let done = server.lock().unwrap().done.clone();
    let want = [(Method::POST, "soak-evidence-000000".to_owned()), (Method::PUT, "soak-evidence-head".to_owned())];
    assert_eq!(done, want);
}
