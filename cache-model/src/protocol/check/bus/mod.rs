// SPDX-License-Identifier: MIT OR Apache-2.0
//! Exhaustive check of snooping tables: N private caches, one line, its home, memory, and a bus.
//!
//! A request's turn on the bus is one step: every cache observes it at once, and it is put behind what the
//! home has to work off. Everything else takes any time: data, the home, and a cache that holds a line it owns
//! for a locked access. Data of one cache reach the home in order. A home that is slow stands for one that reads
//! memory, too. Explored is every order of these steps, with evictions from the caches and from the slice.
//!
//! A slow home lets the others run ahead without end, and so does a reader whose data are slow; so a turn on
//! the bus is given only while no queue is longer than the options say. This is what a machine with queues of that
//! size does. More caches or longer queues are not covered: the usual small-scope argument, not a proof.
//!
//! Checked in every state: one writer or many readers; copies that may be read have the newest value; what the
//! home would answer with is the newest, and it knows whether somebody else has to answer; no impossible cell. A load whose
//! line is taken away behind its turn must get the value that was the newest just before the taker's first
//! store: no older one, and no newer. And from every state a quiescent one can be reached.

mod state;
#[cfg(test)]
mod tests;

use super::explore::{End, Model, explore};
use super::{CachesOutOfRange, Coverage, Fault, Report, Verdict, Violation};
use crate::protocol::cache::{CacheAction, CacheEvent, CacheState};
use crate::protocol::cell::Cell;
use crate::protocol::home::{HomeAction, HomeEvent, HomeState};
use crate::protocol::tables::Tables;
use state::{Names, Node, Queue, Request, Value, World};

/// What to explore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusOptions {
    /// Number of private caches, 1 to [`super::CACHES_MAX`].
    pub caches: usize,
    /// Most requests that wait at the home, or at a cache, when another has its turn on the bus: 1 to 5.
    pub queue: usize,
    /// Count states that differ only in the names of the caches once.
    pub symmetry: bool,
    /// Give up when this many states are known.
    pub states_max: usize,
}

/// Explores a snooping protocol exhaustively. [`Report::forward_queue_max`] is the longest queue at the home.
///
/// # Errors
/// [`CachesOutOfRange`]; a violation is not an error but a [`Verdict`].
///
/// # Panics
/// If [`BusOptions::queue`] is out of range.
pub fn check_bus(tables: &Tables, options: &BusOptions) -> Result<Report, CachesOutOfRange> {
    assert!((1..Queue::ROOM).contains(&options.queue), "queues of 1 to 5 can be explored");
    match options.caches {
        1 => Ok(run::<1>(tables, options)),
        2 => Ok(run::<2>(tables, options)),
        3 => Ok(run::<3>(tables, options)),
        4 => Ok(run::<4>(tables, options)),
        5 => Ok(run::<5>(tables, options)),
        other => Err(CachesOutOfRange(other)),
    }
}

fn run<const N: usize>(tables: &Tables, options: &BusOptions) -> Report {
    let mut bus = Bus::<N> {
        tables,
        options: *options,
        names: names(if options.symmetry { N } else { 1 }),
        coverage: Coverage::EMPTY,
        longest: 0,
    };
    let graph = explore(&mut bus, options.states_max);
    let (coverage, forward_queue_max) = (bus.coverage.clone(), bus.longest);
    let verdict = match &graph.end {
        End::Complete => Verdict::Holds,
        End::Limit => Verdict::LimitReached,
        End::Fault(id, fault) => {
            let path = graph.path_to(*id);
            let trace = bus.narrate(&path);
            Verdict::Violated(Violation { fault: fault.clone(), depth: path.len() as u32 - 1, trace })
        }
    };
    let (states, transitions) = (graph.states.len(), graph.targets.len());
    Report { verdict, states, transitions, depth: graph.depth, forward_queue_max, coverage }
}

/// All ways to name the first `n` caches.
fn names(n: usize) -> Vec<Names> {
    let mut all: Vec<Names> = vec![std::array::from_fn(|i| i as u8)];
    for i in 1..n {
        let swapped = |p: &Names, j: usize| {
            let mut q = *p;
            q.swap(i, j);
            q
        };
        all = all.iter().flat_map(|p| (0..=i).map(move |j| swapped(p, j))).collect();
    }
    all
}

/// One way in which a state can be left.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The core or the cache itself wants something.
    Local(usize, CacheEvent),
    /// A cache's request has its turn; the cache that owns the line for good lets it wait, or not.
    Turn(usize, bool),
    /// Data arrive at a cache; it lets what it has observed wait, or not.
    Data(usize, bool),
    /// A cache stops holding the line.
    Release(usize),
    /// The data the home waits for arrive.
    HomeData,
    /// The home works off the first request that waits.
    HomeRequest,
    /// The slice drops its copy.
    Drop,
}

/// The machine with its tables, and what was noticed while it was explored.
struct Bus<'a, const N: usize> {
    tables: &'a Tables,
    options: BusOptions,
    names: Vec<Names>,
    coverage: Coverage,
    longest: usize,
}

impl<const N: usize> Bus<'_, N> {
    fn canonical(&self, world: &World<N>) -> World<N> {
        let names = self.names.as_slice();
        if names.len() == 1 {
            return *world;
        }
        let keys = world.nameless();
        let sorts = |name: &&Names| {
            let mut by_name = [0; N];
            keys.iter().enumerate().for_each(|(i, key)| by_name[name[i] as usize] = *key);
            by_name.is_sorted()
        };
        names.iter().filter(sorts).map(|n| world.renamed(n)).min().unwrap_or(*world)
    }

    fn steps(&self, world: &World<N>) -> Vec<Step> {
        let mut steps = Vec::with_capacity(8 * N);
        let full =
            world.nodes.iter().map(|n| &n.queue).chain([&world.home.queue]).any(|q| q.len() > self.options.queue - 1);
        for (c, node) in world.nodes.iter().enumerate() {
            steps.extend([CacheEvent::Load, CacheEvent::Store].map(|e| Step::Local(c, e)));
            if node.state != CacheState::I {
                steps.push(Step::Local(c, CacheEvent::Evict));
            }
            if node.request.is_some() && !full {
                steps.push(Step::Turn(c, false));
                if world.nodes.iter().any(|n| n.state == CacheState::M) {
                    steps.push(Step::Turn(c, true));
                }
            }
            if node.data.is_some() {
                steps.push(Step::Data(c, false));
                if node.queue.len() > 0 {
                    steps.push(Step::Data(c, true));
                }
            }
            if node.queue.len() > 0 {
                steps.push(Step::Release(c));
            }
        }
        steps.extend([Step::HomeData, Step::HomeRequest]);
        if world.home.slice.is_some() {
            steps.push(Step::Drop);
        }
        steps
    }

    /// Takes a step: `None` if it is stalled or changes nothing.
    fn take(&mut self, world: &World<N>, step: Step) -> Result<Option<World<N>>, Fault> {
        let mut after = *world;
        match step {
            Step::Local(c, event) => {
                self.at_cache(&mut after, c, event, c, None)?;
                self.drain(&mut after, c)?;
            }
            Step::Turn(c, held) => self.turn(&mut after, c, held)?,
            Step::Data(c, held) => {
                let data = after.nodes[c].data.take();
                let event = match data {
                    Some((_, true)) => CacheEvent::DataExclusive,
                    _ => CacheEvent::DataNoAcks,
                };
                self.at_cache(&mut after, c, event, c, data.map(|d| d.0))?;
                if !(held && after.nodes[c].state.can_write()) {
                    self.release(&mut after, c)?;
                }
            }
            Step::Release(c) => self.release(&mut after, c)?,
            Step::HomeData => self.home_data(&mut after)?,
            Step::HomeRequest => self.home_request(&mut after)?,
            Step::Drop => {
                if let Some((value, true)) = after.home.slice {
                    after.home.memory = value;
                }
                after.home.slice = None;
            }
        }
        Ok((after != *world).then_some(after))
    }

    /// A request has its turn: everybody observes it.
    fn turn(&mut self, world: &mut World<N>, c: usize, held: bool) -> Result<(), Fault> {
        let request = match world.nodes[c].request.take() {
            // What the sender says on its wire.
            Some(Request::Upgr) if world.nodes[c].state != CacheState::SM_A => Request::GetM,
            Some(request) => request,
            None => return Ok(()),
        };
        let put = matches!(request, Request::PutE | Request::PutM);
        for other in (0..N).filter(|&o| o != c && !put) {
            let node = &world.nodes[other];
            let owns = held && node.state == CacheState::M;
            let stalls = matches!(self.tables.cache_cell(node.state, on_bus(request, false)), Cell::Stall);
            if owns || stalls || node.queue.len() > 0 {
                world.nodes[other].queue.push(request, c);
            } else {
                self.at_cache(world, other, on_bus(request, false), c, None)?;
            }
        }
        world.home.queue.push(request, c);
        self.longest = self.longest.max(world.home.queue.len());
        self.at_cache(world, c, on_bus(request, true), c, None).map(|_| ())
    }

    /// What a cache has let wait, as far as its state stalls it no more; an owner lets it wait longer.
    fn drain(&mut self, world: &mut World<N>, c: usize) -> Result<(), Fault> {
        if world.nodes[c].state.can_write() { Ok(()) } else { self.release(world, c) }
    }

    fn release(&mut self, world: &mut World<N>, c: usize) -> Result<(), Fault> {
        while let Some((request, from)) = world.nodes[c].queue.front() {
            if !self.at_cache(world, c, on_bus(request, false), from as usize, None)? {
                break;
            }
            world.nodes[c].queue.pop();
        }
        Ok(())
    }

    /// Offers an event to a cache; `false` is a stall.
    fn at_cache(
        &mut self,
        world: &mut World<N>,
        c: usize,
        event: CacheEvent,
        requester: usize,
        data: Option<Value>,
    ) -> Result<bool, Fault> {
        let state = world.nodes[c].state;
        self.coverage.cache[state as usize][event as usize] += 1;
        match self.tables.cache_cell(state, event) {
            Cell::Stall => Ok(false),
            Cell::Impossible(why) => Err(Fault::Cache { cache: c, state, event, why }),
            Cell::Go(actions, next) => {
                for &action in actions {
                    cache_action(world, c, action, event, requester, data)?;
                }
                world.nodes[c].state = next;
                Ok(true)
            }
        }
    }

    fn home_data(&mut self, world: &mut World<N>) -> Result<(), Fault> {
        let Some(sender) = world.home.awaited.map(usize::from) else { return Ok(()) };
        let data = world.nodes[sender].to_home[0];
        if data.is_some() && self.at_home(world, HomeEvent::Data, sender, data)? {
            world.nodes[sender].to_home.rotate_left(1);
            world.nodes[sender].to_home[Queue::ROOM] = None;
            world.home.awaited = None;
        }
        Ok(())
    }

    fn home_request(&mut self, world: &mut World<N>) -> Result<(), Fault> {
        let Some((request, from)) = world.home.queue.front() else { return Ok(()) };
        let from_owner = world.home.owner == Some(from);
        let event = match request {
            Request::GetS => HomeEvent::GetS,
            Request::GetM => HomeEvent::GetM,
            Request::Upgr => HomeEvent::Upgr,
            Request::PutE => HomeEvent::of_put_e(from_owner, false),
            Request::PutM => HomeEvent::of_put_m(from_owner, false),
        };
        if self.at_home(world, event, from as usize, None)? {
            world.home.queue.pop();
        }
        Ok(())
    }

    /// Offers an event to the home; `false` is a stall.
    fn at_home(
        &mut self,
        world: &mut World<N>,
        event: HomeEvent,
        sender: usize,
        data: Option<(Value, bool)>,
    ) -> Result<bool, Fault> {
        let state = world.home.state;
        self.coverage.home[state as usize][event as usize] += 1;
        match self.tables.home_cell(state, event) {
            Cell::Stall => Ok(false),
            Cell::Impossible(why) => Err(Fault::Home { state, event, why }),
            Cell::Go(actions, next) => {
                for &action in actions {
                    home_action(world, action, sender, data)?;
                }
                world.home.state = next;
                Ok(true)
            }
        }
    }

    fn properties(&self, world: &World<N>) -> Result<(), Fault> {
        let (nodes, home) = (&world.nodes, &world.home);
        let readers = nodes.iter().filter(|n| n.state.can_read()).count();
        if nodes.iter().any(|n| n.state.can_read() && !n.copy.is_some_and(|v| v.newest)) {
            return Err(Fault::Property("a copy that may be read is not the newest"));
        }
        if readers > 1 && nodes.iter().any(|n| n.state.can_write()) {
            return Err(Fault::Property("one cache may write while another may read"));
        }
        if nodes.iter().any(|n| n.state.holds_data() != n.copy.is_some()) {
            return Err(Fault::Property("a state that stands for data has none, or the reverse"));
        }
        if home.queue.len() > 0 {
            return Ok(()); // It will know better.
        }
        let answers = matches!(home.state, HomeState::I | HomeState::S);
        if answers && !home.slice.map_or(home.memory, |s| s.0).newest {
            return Err(Fault::Property("the home would answer with old data"));
        }
        // A cache that lets a request wait has been relieved as far as the home can know.
        let owns = |n: &Node| n.state.answers() && n.queue.len() == 0;
        let unknown = |(c, n): (usize, &Node)| owns(n) && home.owner != Some(c as u8);
        let alone = home.state == HomeState::I && readers > 0;
        if alone || nodes.iter().enumerate().any(unknown) {
            return Err(Fault::Property("the home does not know of a copy"));
        }
        Ok(())
    }

    /// The steps along a path, and its end.
    fn narrate(&mut self, path: &[World<N>]) -> Vec<String> {
        let mut lines = Vec::new();
        for pair in path.windows(2) {
            let steps = self.steps(&pair[0]);
            let leads = |s: &Step, bus: &mut Self| {
                bus.take(&pair[0], *s).ok().flatten().is_some_and(|w| bus.canonical(&w) == pair[1])
            };
            let step = steps.into_iter().find(|s| leads(s, self));
            let states: Vec<&str> = pair[1].nodes.iter().map(|n| n.state.name()).collect();
            lines.extend(step.map(|s| format!("{s:?}: caches {}, home {}", states.join(" "), pair[1].home.state)));
        }
        lines.extend(path.last().map(|w| format!("in the end: {w:?}")));
        lines
    }
}

/// What a cache sees in a request.
fn on_bus(request: Request, own: bool) -> CacheEvent {
    match (request, own) {
        (Request::GetS, true) => CacheEvent::OwnGetS,
        (Request::GetM, true) => CacheEvent::OwnGetM,
        (Request::Upgr, true) => CacheEvent::OwnUpgr,
        (Request::PutE | Request::PutM, _) => CacheEvent::OwnPut,
        (Request::GetS, false) => CacheEvent::OtherGetS,
        (Request::GetM, false) => CacheEvent::OtherGetM,
        (Request::Upgr, false) => CacheEvent::OtherUpgr,
    }
}

fn cache_action<const N: usize>(
    world: &mut World<N>,
    c: usize,
    action: CacheAction,
    event: CacheEvent,
    requester: usize,
    data: Option<Value>,
) -> Result<(), Fault> {
    use CacheAction as A;
    let node = &mut world.nodes[c];
    let copy = node.copy.ok_or(Fault::Action("data are sent without a copy"));
    let request = match action {
        A::SendGetS => Request::GetS,
        A::SendGetM => Request::GetM,
        A::SendUpgr => Request::Upgr,
        A::SendPutE => Request::PutE,
        A::SendPutM => Request::PutM,
        A::Alloc | A::Free => return Ok(()),
        A::Hit | A::Complete if node.state == CacheState::IS_D => return load(world, c),
        A::Hit if event != CacheEvent::Store => return Ok(()),
        A::Hit | A::Complete => return store(world, c),
        A::Fill => {
            node.copy = Some(data.ok_or(Fault::Action("Fill without data"))?);
            return Ok(());
        }
        A::DropCopy => {
            node.copy = None;
            return Ok(());
        }
        A::DataToReq => return answer(world, requester, (copy?, false)),
        A::DataToHome => {
            let dirty = node.state.is_dirty();
            let end = node.to_home.iter().flatten().count();
            let place = node.to_home.get_mut(end).ok_or(Fault::Action("too many data on their way to the home"))?;
            *place = Some((copy?, dirty));
            return Ok(());
        }
        _ => return Err(Fault::Action("an action for directories")),
    };
    match node.request.replace(request) {
        None => Ok(()),
        Some(_) => Err(Fault::Action("a second request of one cache at once")),
    }
}

fn answer<const N: usize>(world: &mut World<N>, c: usize, data: (Value, bool)) -> Result<(), Fault> {
    match world.nodes[c].data.replace(data) {
        None => Ok(()),
        Some(_) => Err(Fault::Action("a second answer to one cache at once")),
    }
}

/// The load that waited in cache `c` uses the data that have come.
fn load<const N: usize>(world: &mut World<N>, c: usize) -> Result<(), Fault> {
    let node = &mut world.nodes[c];
    let value = node.copy.ok_or(Fault::Action("a load without data"))?;
    let right = if node.late { value.right_for >> c & 1 == 1 } else { value.newest };
    node.late = false;
    world.values().for_each(|v| v.right_for &= !(1 << c));
    if right { Ok(()) } else { Err(Fault::Property("a load got a value of before or after its turn")) }
}

/// Cache `c` writes: what was the newest value is right from now on only for loads that were promised it.
fn store<const N: usize>(world: &mut World<N>, c: usize) -> Result<(), Fault> {
    if !world.nodes[c].copy.is_some_and(|v| v.newest) {
        return Err(Fault::Action("a store into an old copy"));
    }
    let takes = |(request, from): (Request, u8)| request != Request::GetS && usize::from(from) == c;
    let mut promised = 0;
    for (i, node) in world.nodes.iter_mut().enumerate() {
        if node.state == CacheState::IS_D && !node.late && node.queue.iter().any(takes) {
            node.late = true;
            promised |= 1 << i;
        }
    }
    for value in world.values() {
        if value.newest {
            value.right_for |= promised;
        }
        value.newest = false;
    }
    world.nodes[c].copy = Some(Value::NEWEST);
    Ok(())
}

fn home_action<const N: usize>(
    world: &mut World<N>,
    action: HomeAction,
    sender: usize,
    data: Option<(Value, bool)>,
) -> Result<(), Fault> {
    use HomeAction as A;
    let home = &mut world.home;
    match action {
        A::DataToReq | A::DataExclusiveToReq => {
            let (value, _) = *home.slice.get_or_insert((home.memory, false));
            return answer(world, sender, (value, action == A::DataExclusiveToReq));
        }
        A::SetOwner => home.owner = Some(sender as u8),
        A::ClearOwner => home.owner = None,
        A::AwaitOwner => home.awaited = home.owner.take(),
        A::DropSlice => home.slice = None,
        A::TakeData => {
            let (value, dirty) = data.ok_or(Fault::Action("TakeData without data"))?;
            home.slice = Some((value, dirty || home.slice.is_some_and(|s| s.1)));
        }
        _ => return Err(Fault::Action("an action for directories")),
    }
    Ok(())
}

impl<const N: usize> Model for Bus<'_, N> {
    type State = World<N>;

    fn initial(&self) -> World<N> {
        World::initial()
    }

    fn fingerprint(state: &World<N>) -> u64 {
        state.fingerprint()
    }

    fn expand(&mut self, state: &World<N>, out: &mut Vec<(World<N>, bool)>) -> Result<(), Fault> {
        self.properties(state)?;
        for step in self.steps(state) {
            if let Some(after) = self.take(state, step)? {
                // A wish need not come.
                let wish = matches!(step, Step::Local(..) | Step::Drop);
                out.push((self.canonical(&after), wish));
            }
        }
        Ok(())
    }

    fn is_quiescent(&self, state: &World<N>) -> bool {
        let home = &state.home;
        home.queue.len() == 0
            && home.awaited.is_none()
            && state.nodes.iter().all(|n| n.state.is_stable() && n.queue.len() == 0 && n.data.is_none())
    }
}
