// SPDX-License-Identifier: MIT OR Apache-2.0
//! The explored machine: which steps are possible in a state, and what must hold in it.

use super::super::cache::{CacheEvent, CacheState};
use super::super::cell::Cell;
use super::super::home::{HomeEvent, HomeState};
use super::super::tables::Tables;
use super::explore::Model;
use super::state::{
    CACHES_MAX, DataToCache, DataToHome, Fifo, Forward, ForwardKind, HOME, Home, Node, Packed, Request, With, World,
};
use super::step::{ToCache, ToHome, Track};
use super::{Coverage, Fault, HomeModel, Options};

/// One way in which a state can be left.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// The core or the cache itself wants something.
    Local(usize, CacheEvent),
    /// A forward arrives, the one at this position in the queue.
    Forward(usize, usize),
    /// Data arrive at a cache.
    Data(usize),
    /// An acknowledgement arrives at a cache.
    Ack(usize),
    /// The request of a cache arrives at the home.
    Request(usize),
    /// An owner's data arrive at the home.
    HomeData,
    /// An acknowledgement arrives at the home.
    HomeAck,
    /// Memory's data arrive at the home.
    Fetched,
    /// The slice wants the way, or the directory the entry.
    Recall,
    /// The slice wants the way of the data alone.
    EvictData,
}

impl Step {
    /// It need not come: nothing that is under way may depend on it.
    pub(super) const fn is_wish(self) -> bool {
        matches!(self, Self::Local(..) | Self::Recall | Self::EvictData)
    }
}

/// The machine with its tables, and what was noticed while it was explored.
pub(super) struct Machine<'a, const N: usize> {
    tables: &'a Tables,
    options: Options,
    track: Track,
    /// Every way to name the caches, the present one included; the home keeps its name.
    names: Vec<[u8; CACHES_MAX + 1]>,
    coverage: Coverage,
    forward_queue_max: usize,
}

/// Every cache empty; the home in `I` with the newest data, or not present (`slice`).
pub(super) fn initial<const N: usize>(slice: bool) -> World<N> {
    let node = Node {
        state: CacheState::I,
        copy: None,
        missing: 0,
        request: None,
        data: None,
        acks: 0,
        forward: Fifo::default(),
    };
    let home = Home {
        state: if slice { HomeState::NP } else { HomeState::I },
        owner: None,
        sharers: 0,
        missing: 0,
        acks: 0,
        slice_present: false,
        slice_newest: !slice,
        slice_dirty: false,
        memory_newest: slice,
        data: None,
        fetch: None,
    };
    World { nodes: [node; N], home }
}

/// All permutations of the first `n` names.
fn permutations(n: usize) -> Vec<[u8; CACHES_MAX + 1]> {
    let mut all = vec![std::array::from_fn(|i| i as u8)];
    for i in 1..n {
        // Every permutation of the names below i, with name i swapped into each place.
        all = all
            .iter()
            .flat_map(|p: &[u8; CACHES_MAX + 1]| {
                (0..=i).map(|j| {
                    let mut q = *p;
                    q.swap(i, j);
                    q
                })
            })
            .collect();
    }
    all
}

impl<'a, const N: usize> Machine<'a, N> {
    pub(super) fn new(tables: &'a Tables, options: Options) -> Self {
        let names = permutations(if options.symmetry { N } else { 1 });
        // Where the directory is memory, data that reach it are where they belong.
        let track = Track { newest: options.data, dirty: options.home != HomeModel::Textbook };
        Self { tables, options, track, names, coverage: Coverage::EMPTY, forward_queue_max: 0 }
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    pub(super) fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    pub(super) fn forward_queue_max(&self) -> usize {
        self.forward_queue_max
    }

    /// The representative of all states that differ from this one in the names of caches only.
    pub(super) fn canonical(&self, world: &World<N>) -> Packed<N> {
        match self.names.as_slice() {
            [_] => world.pack(),
            // Only the namings that sort the caches by what does not depend on names: mostly one.
            names => {
                let keys = world.nameless();
                let sorts = |name: &&[u8; CACHES_MAX + 1]| {
                    let mut by_name = [0; N];
                    keys.iter().enumerate().for_each(|(i, key)| by_name[name[i] as usize] = *key);
                    by_name.is_sorted()
                };
                let packed = names.iter().filter(sorts).map(|n| world.renamed(n).pack());
                packed.min().unwrap_or(world.pack())
            }
        }
    }

    /// Every step that the state offers, stalled or not.
    pub(super) fn steps(&self, world: &World<N>) -> Vec<Step> {
        let mut steps = Vec::with_capacity(8 * N);
        for (c, node) in world.nodes.iter().enumerate() {
            steps.extend([CacheEvent::Load, CacheEvent::Store].map(|e| Step::Local(c, e)));
            steps.extend(self.tables.far.then_some(Step::Local(c, CacheEvent::Atomic)));
            if node.state != CacheState::I {
                steps.push(Step::Local(c, CacheEvent::Evict));
            }
            let deliverable = if self.options.forward_ordered { 1 } else { usize::MAX };
            steps.extend((0..node.forward.len().min(deliverable)).map(|p| Step::Forward(c, p)));
            steps.extend(node.data.map(|_| Step::Data(c)));
            steps.extend((node.acks > 0).then_some(Step::Ack(c)));
            steps.extend(node.request.map(|_| Step::Request(c)));
        }
        let home = &world.home;
        steps.extend(home.data.map(|_| Step::HomeData));
        steps.extend((home.acks > 0).then_some(Step::HomeAck));
        steps.extend(home.fetch.map(|_| Step::Fetched));
        if self.options.home == (HomeModel::Slice { recall: true }) {
            let absent = home.state == HomeState::NP || self.tables.noninclusive && home.state == HomeState::I;
            steps.extend((!absent).then_some(Step::Recall));
            steps.extend(home.slice_present.then_some(Step::EvictData));
        }
        steps
    }

    /// Takes a step: `None` if it is stalled or changes nothing by its nature (a load that hits,
    /// and a store that hits in `M` if no data bits are kept).
    pub(super) fn take(&mut self, world: &World<N>, step: Step) -> Result<Option<World<N>>, Fault> {
        let mut after = *world;
        match step {
            Step::Local(c, event) => {
                let went = self.at_cache(&mut after, c, ToCache::plain(event))?;
                let still = after.nodes[c].state == world.nodes[c].state;
                let writes = matches!(event, CacheEvent::Store | CacheEvent::Atomic) && self.options.data;
                return Ok((went && (writes || !still)).then_some(after));
            }
            Step::Forward(c, position) => {
                let Forward { kind, requester, acks } = world.nodes[c].forward.get(position);
                let missing = i32::from(world.nodes[c].missing);
                after.nodes[c].forward = world.nodes[c].forward.without(position);
                let event = match kind {
                    ForwardKind::GetS => CacheEvent::FwdGetS,
                    ForwardKind::GetM => CacheEvent::FwdGetM,
                    ForwardKind::Inv => CacheEvent::Inv,
                    ForwardKind::PutAck => CacheEvent::PutAck,
                    ForwardKind::Grant => CacheEvent::of_grant(i32::from(acks) + missing),
                };
                self.at_cache(&mut after, c, ToCache { event, requester, acks, data: None })
            }
            Step::Data(c) => {
                let data = after.nodes[c].data.take();
                let missing = i32::from(world.nodes[c].missing);
                let acks = data.map_or(0, DataToCache::acks);
                let event = match data.map(|d| d.with) {
                    None | Some(With::Exclusive) => CacheEvent::DataExclusive,
                    Some(With::Forward) => CacheEvent::DataForward,
                    Some(With::Value) => CacheEvent::AtomicData,
                    Some(With::Acks(_)) => CacheEvent::of_data(i32::from(acks) + missing),
                };
                self.at_cache(&mut after, c, ToCache { acks, data, ..ToCache::plain(event) })
            }
            Step::Ack(c) => {
                after.nodes[c].acks -= 1;
                let event = CacheEvent::of_inv_ack(i32::from(world.nodes[c].missing));
                self.at_cache(&mut after, c, ToCache::plain(event))
            }
            home_step => self.at_home(&mut after, home_step),
        }
        .map(|went| went.then_some(after))
    }

    /// Offers an event to a cache; `false` is a stall. The message is off its network already.
    fn at_cache(&mut self, world: &mut World<N>, c: usize, message: ToCache) -> Result<bool, Fault> {
        let (state, event) = (world.nodes[c].state, message.event);
        self.coverage.cache[state as usize][event as usize] += 1;
        match self.tables.cache_cell(state, event) {
            Cell::Stall => Ok(false),
            Cell::Impossible(why) => Err(Fault::Cache { cache: c, state, event, why }),
            Cell::Go(actions, next) => {
                for &action in actions {
                    world.cache_action(c, state, action, message, self.track)?;
                }
                world.nodes[c].state = next;
                Ok(true)
            }
        }
    }

    /// Takes a step of the home; `false` is a stall.
    fn at_home(&mut self, world: &mut World<N>, step: Step) -> Result<bool, Fault> {
        let home = world.home;
        let mut message = ToHome { sender: None, request: None, data: None };
        let event = match step {
            Step::Request(c) => {
                message.sender = Some(c);
                message.request = world.nodes[c].request.take();
                let Some((request, newest)) = message.request else {
                    return Ok(false);
                };
                let data = DataToHome { newest, dirty: self.track.dirty };
                message.data = (request == Request::PutM).then_some(data);
                let from_owner = home.owner == Some(c as u8);
                let others = home.sharers & !(1 << c) != 0;
                let has_data = home.slice_present || !self.tables.noninclusive;
                match request {
                    Request::GetS => HomeEvent::of_get_s(home.state, has_data),
                    Request::GetM => HomeEvent::of_get_m(home.state, from_owner, has_data),
                    Request::Atomic => HomeEvent::of_atomic(home.owner.is_some(), home.sharers != 0),
                    Request::Upgrade => {
                        HomeEvent::of_upgrade(home.state, from_owner, home.sharers >> c & 1 == 1, has_data)
                    }
                    Request::PutS => HomeEvent::of_put_s(from_owner, others),
                    Request::PutE => HomeEvent::of_put_e(from_owner, others),
                    Request::PutM => HomeEvent::of_put_m(from_owner, others),
                }
            }
            Step::HomeAck => {
                world.home.acks -= 1;
                HomeEvent::of_inv_ack(u32::from(home.missing))
            }
            Step::Fetched => {
                let fetched = world.home.fetch.take();
                message.data = fetched.map(|newest| DataToHome { newest, dirty: false });
                HomeEvent::MemData
            }
            Step::Recall => HomeEvent::of_evict(home.owner.is_some(), home.sharers != 0),
            Step::EvictData => HomeEvent::EvictData,
            _ => {
                message.data = world.home.data.take();
                HomeEvent::Data
            }
        };
        self.coverage.home[home.state as usize][event as usize] += 1;
        match self.tables.home_cell(home.state, event) {
            Cell::Stall => Ok(false),
            Cell::Impossible(why) => Err(Fault::Home { state: home.state, event, why }),
            Cell::Go(actions, next) => {
                for &action in actions {
                    world.home_action(action, message, self.tables.noninclusive, self.track)?;
                }
                let gone = self.tables.noninclusive && !world.home.slice_present;
                world.home.state = if next == HomeState::I && gone { HomeState::NP } else { next };
                Ok(true)
            }
        }
    }

    /// The properties of a single state.
    pub(super) fn properties(&self, world: &World<N>) -> Result<(), Fault> {
        let (nodes, home) = (&world.nodes, &world.home);
        let writers = nodes.iter().filter(|n| n.state.can_write()).count();
        let readers = nodes.iter().filter(|n| n.state.can_read()).count();
        if nodes.iter().any(|n| n.state.can_read() && n.copy == Some(false)) {
            return Err(Fault::Property("a copy that may be read is not the newest"));
        }
        if writers > 0 && readers > 1 {
            return Err(Fault::Property("one cache may write while another may read"));
        }
        if nodes.iter().any(|n| n.state.holds_data() != n.copy.is_some()) {
            return Err(Fault::Property("a state that stands for data has none, or the reverse"));
        }
        let absent = self.tables.noninclusive && !home.slice_present;
        if home.state.slice_is_newest() && absent && !home.memory_newest {
            return Err(Fault::Property("the slice has no data, and memory would answer with old ones"));
        }
        if home.state.slice_is_newest() && !absent && !home.slice_newest {
            return Err(Fault::Property("the slice would answer with old data"));
        }
        if matches!(home.state, HomeState::NP | HomeState::F | HomeState::S_F) && !home.memory_newest {
            return Err(Fault::Property("memory would answer with old data"));
        }
        for (c, node) in nodes.iter().enumerate() {
            let known = home.sharers >> c & 1 == 1 || home.owner == Some(c as u8);
            let goes = node.forward.iter().any(|f| matches!(f.kind, ForwardKind::Inv | ForwardKind::GetM));
            if node.state.can_read() && !known && !goes {
                return Err(Fault::Property("the home has forgotten a copy"));
            }
            if home.sharers >> c & 1 == 1 && home.owner == Some(c as u8) {
                return Err(Fault::Property("the home lists the owner as a sharer"));
            }
            let announced = i32::from(node.data.map_or(0, DataToCache::acks)) + promised(nodes, c as u8);
            if i32::from(node.missing) + announced != coming(nodes, c as u8, node.acks) {
                return Err(Fault::Property("a cache expects other acknowledgements than come"));
            }
        }
        if i32::from(home.missing) != coming(nodes, HOME, home.acks) {
            return Err(Fault::Property("the home expects other acknowledgements than come"));
        }
        Ok(())
    }
}

/// The acknowledgements that forwards under way announce to `requester`.
fn promised<const N: usize>(nodes: &[Node; N], requester: u8) -> i32 {
    let all = nodes.iter().enumerate().flat_map(|(c, n)| n.forward.iter().map(move |f| (c as u8, f)));
    let to_it = all.filter(|(c, f)| if f.kind == ForwardKind::Grant { *c } else { f.requester } == requester);
    to_it.map(|(_, f)| i32::from(f.acks)).sum()
}

/// The acknowledgements that will still reach `requester`, where `acks` are in flight already.
fn coming<const N: usize>(nodes: &[Node; N], requester: u8, acks: u8) -> i32 {
    let asked = nodes
        .iter()
        .flat_map(|n| n.forward.iter())
        .filter(|f| f.kind == ForwardKind::Inv && f.requester == requester)
        .count();
    i32::from(acks) + asked as i32
}

impl<const N: usize> Model for Machine<'_, N> {
    type State = Packed<N>;

    fn initial(&self) -> Packed<N> {
        self.canonical(&initial(self.options.home != HomeModel::Textbook))
    }

    fn fingerprint(state: &Packed<N>) -> u64 {
        state.fingerprint()
    }

    fn expand(&mut self, state: &Packed<N>, out: &mut Vec<(Packed<N>, bool)>) -> Result<(), Fault> {
        let world = World::unpack(state);
        let longest = world.nodes.iter().map(|n| n.forward.len()).max().unwrap_or(0);
        self.forward_queue_max = self.forward_queue_max.max(longest);
        self.properties(&world)?;
        for step in self.steps(&world) {
            if let Some(after) = self.take(&world, step)? {
                out.push((self.canonical(&after), step.is_wish()));
            }
        }
        Ok(())
    }

    fn is_quiescent(&self, state: &Packed<N>) -> bool {
        let World { nodes, home } = World::<N>::unpack(state);
        let at_rest = |n: &Node| {
            n.state.is_stable() && n.request.is_none() && n.data.is_none() && n.acks == 0 && n.forward.len() == 0
        };
        nodes.iter().all(at_rest)
            && home.state.is_stable()
            && home.data.is_none()
            && home.acks == 0
            && home.fetch.is_none()
    }
}
