//! Random steps on a disk that crashes at random operations, against a naive oracle.

use proptest::prelude::*;

use super::*;
use crate::checkpoint::testing::SimulatedDisk;
use crate::state::version_of;

#[derive(Clone, Debug)]
enum Action {
    /// A step with these records; whether it is waited for.
    Step(Vec<(u8, i64)>, bool),
    /// Back by one step.
    Undo,
    Forget,
}

/// One life of a process.
#[derive(Clone, Debug)]
struct Life {
    actions: Vec<Action>,
    /// At which operation of its own the disk crashes.
    operations: u64,
    /// What of that which was not synced is there afterwards; none if only the process dies.
    crash: Option<u64>,
    /// Whether the next life takes all that it finds, or only what was waited for.
    takes_all: bool,
    partitions: usize,
    first: bool,
}

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let records = prop::collection::vec((0u8..9, -3i64..4), 0..6);
    let action = prop_oneof![
        6 => (records, any::<bool>()).prop_map(|(records, waits)| Action::Step(records, waits)),
        1 => Just(Action::Undo),
        2 => Just(Action::Forget),
    ];
    let actions = prop::collection::vec(action, 0..20);
    let life =
        (actions, prop_oneof![Just(1 << 40), 0u64..500], any::<Option<u64>>(), any::<bool>(), 1usize..4, any::<bool>());
    let life = life.prop_map(|(actions, operations, crash, takes_all, partitions, first)| Life {
        actions,
        operations,
        crash,
        takes_all,
        partitions,
        first,
    });
    prop::collection::vec(life, 1..6)
}

/// What each version was.
type Truth = BTreeMap<u64, Sums>;

/// How far the lives have come.
#[derive(Default)]
struct Reached {
    /// The newest version that was waited for.
    durable: u64,
    /// That which a life went on from: none goes on from an older one on purpose.
    loaded: u64,
}

/// Lives one life; whether it went back, so that more may be found than what counts.
fn live(
    context: &Context,
    disk: &SimulatedDisk,
    life: &Life,
    truth: &mut Truth,
    reached: &mut Reached,
    least: u64,
) -> bool {
    let mut went_back = false;
    disk.crash_at(disk.operations() + life.operations);
    let Ok(storage) = disk.open() else { return false };
    let storage: Arc<dyn Storage> = Arc::new(storage);
    let (writer, shards) = (StateWriter::start().unwrap(), sums(context, life.partitions));
    let opened = StateLog::open(&writer, Arc::clone(&storage), "sums", Arc::new(shards.clone()), options(least));
    let Ok(log) = opened else { return false }; // it died at once
    let newest = || survey(&*storage, "sums", false).map(|kept| kept.newest.map_or(Version::START, version_of));
    let at_most = if life.takes_all { newest() } else { Ok(Version(reached.durable.max(reached.loaded))) };
    let Ok(at_most) = at_most else { return false };
    let found = match log.load(at_most) {
        Ok(found) => found.unwrap_or_default().0,
        Err(_) if disk.is_crashed() => return false,
        Err(error) => panic!("{error}"),
    };
    assert!(found >= reached.durable, "{found} is older than {}", reached.durable);
    reached.loaded = found;
    assert_eq!(read_sums(&shards), truth[&found], "version {found}");
    went_back |= truth.keys().any(|version| *version > found);
    truth.retain(|version, _| *version <= found);
    if found == 0 && life.first {
        let first = context.parallelize(vec![(100u8, 1i64)], 1).partition_by_hash(life.partitions);
        shards.seed(&first, Version(1)).unwrap();
        truth.insert(1, Sums::from([(100, 1)]));
    }
    for action in &life.actions {
        match action {
            Action::Step(records, waits) => {
                let to = shards.version().0 + 10;
                step(context, &shards, to, records);
                let mut sums = truth.values().next_back().unwrap().clone();
                for (key, value) in records {
                    *sums.entry(*key).or_default() += value;
                }
                sums.retain(|_, sum| *sum != 0);
                truth.insert(to, sums);
                if *waits && log.await_durable(Version(to)).is_ok() {
                    reached.durable = to;
                }
            }
            // The driver never goes back behind what is durable.
            Action::Undo => {
                let back = truth.keys().rev().nth(1).copied();
                if let Some(back) = back.filter(|back| *back >= reached.durable && shards.undo(Version(*back)).is_ok())
                {
                    truth.split_off(&(back + 1));
                    went_back = true;
                }
            }
            Action::Forget => {
                log.forget(Version(reached.durable));
                shards.forget(shards.version());
            }
        }
    }
    went_back
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_version_is_lost_or_wrong(lives in lives(), least in prop_oneof![Just(0u64), Just(60), Just(1 << 20)]) {
        let context = Context::local(1).unwrap();
        let (disk, mut reached, mut went_back) = (SimulatedDisk::new(), Reached::default(), false);
        let mut truth = Truth::from([(0, Sums::new())]);
        for mut life in lives {
            life.takes_all &= !went_back;
            went_back |= live(&context, &disk, &life, &mut truth, &mut reached, least);
            match life.crash {
                Some(seed) => disk.crash(seed),
                None => disk.kill(),
            }
        }
        let last = Life { actions: vec![], operations: 1 << 40, crash: None, takes_all: false, partitions: 2, first: false };
        live(&context, &disk, &last, &mut truth, &mut reached, least);
    }
}
