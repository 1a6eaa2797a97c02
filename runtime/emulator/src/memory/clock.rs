//! Vector clocks of the warps of a block.
//!
//! A warp's own clock advances whenever it synchronises; another's entry says up to which of that warp's clocks its
//! accesses happened before. Asynchronous copies are one more member, behind the warps.

/// What one member knows of every member's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clock(Box<[u32]>);

impl Clock {
    pub(crate) fn new(members: usize) -> Self {
        Self(vec![0; members].into())
    }

    pub(crate) fn get(&self, member: usize) -> u32 {
        self.0.get(member).copied().unwrap_or(0)
    }

    pub(crate) fn raise(&mut self, member: usize, to: u32) {
        if let Some(entry) = self.0.get_mut(member) {
            *entry = (*entry).max(to);
        }
    }

    pub(crate) fn join(&mut self, other: &Self) {
        for (own, theirs) in self.0.iter_mut().zip(&other.0) {
            *own = (*own).max(*theirs);
        }
    }
}

/// The clocks of all members of a block.
#[derive(Debug)]
pub(crate) struct Clocks {
    known: Vec<Clock>,
    now: Vec<u32>,
}

impl Clocks {
    pub(crate) fn new(warps: usize) -> Self {
        let members = warps + 1;
        Self { known: vec![Clock::new(members); members], now: vec![1; members] }
    }

    /// The member that asynchronous copies are.
    pub(crate) fn async_member(&self) -> usize {
        self.now.len() - 1
    }

    pub(crate) fn now(&self, member: usize) -> u32 {
        self.now.get(member).copied().unwrap_or(0)
    }

    pub(crate) fn known(&self, member: usize) -> Option<&Clock> {
        self.known.get(member)
    }

    /// What the member has done so far, for others to acquire; its later accesses are not part of it.
    pub(crate) fn release(&mut self, member: usize) -> Clock {
        let now = self.now(member);
        if let Some(next) = self.now.get_mut(member) {
            *next += 1;
        }
        match self.known.get_mut(member) {
            Some(known) => {
                known.raise(member, now);
                known.clone()
            }
            None => Clock::new(0),
        }
    }

    pub(crate) fn acquire(&mut self, member: usize, released: &Clock) {
        if let Some(known) = self.known.get_mut(member) {
            known.join(released);
        }
    }
}
