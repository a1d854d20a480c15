//! Single flight: of all who want the same missing copy, one fill makes it, and the others wait for
//! that one or follow it.
//!
//! The first who [joins](Flights::join) starts the fill, which is a task of its own: it goes on when
//! that client leaves. Each has a seat; the fill sees how many seats are taken. A fill that ends
//! takes itself out of the table first, so whoever comes then finds the copy, or begins anew.

use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use super::name::Id;
use super::why::NotSpooled;
use crate::content::Metadata;

/// How far a fill has come.
#[derive(Debug, Clone)]
pub(super) enum Progress {
    /// Nothing is there yet.
    Opening,
    /// This many bytes are in the file.
    Growing(Growing, u64),
    /// The copy is complete, with this many bytes.
    Filled(u64),
    /// There will be no copy.
    Failed(NotSpooled),
}

impl Progress {
    /// Whether nothing comes after it.
    pub(super) fn is_end(&self) -> bool {
        matches!(self, Self::Filled(_) | Self::Failed(_))
    }
}

/// A copy that grows, for those who follow it.
#[derive(Debug, Clone)]
pub(super) struct Growing {
    pub(super) file: Arc<File>,
    /// What the source said of it.
    pub(super) metadata: Arc<Metadata>,
}

/// The fills that are under way.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<Id, Arc<Flight>>>);

/// One fill.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) id: Id,
    pub(super) begun: Instant,
    /// How many joined it after the first.
    joined: AtomicU64,
    /// Until when a seat is kept for those who were told to ask again, if one is.
    kept: Mutex<Option<Instant>>,
    progress: watch::Sender<Progress>,
}

/// Somebody's part in a fill.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) flight: Arc<Flight>,
    /// Whether it is the one who must start the fill.
    pub(super) is_first: bool,
    pub(super) progress: watch::Receiver<Progress>,
}

impl Flights {
    /// A seat in the fill of `id`, which begins with the first seat.
    pub(super) fn join(&self, id: Id) -> Seat {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&id) {
            return flight.seat();
        }
        let (sender, progress) = watch::channel(Progress::Opening);
        let flight = Arc::new(Flight {
            id,
            begun: Instant::now(),
            joined: AtomicU64::new(0),
            kept: Mutex::default(),
            progress: sender,
        });
        flights.insert(id, Arc::clone(&flight));
        Seat {
            flight,
            is_first: true,
            progress,
        }
    }

    /// A seat in the fill of `id`, if one is under way.
    pub(super) fn join_running(&self, id: Id) -> Option<Seat> {
        let flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        flights.get(&id).map(Flight::seat)
    }

    /// Whether a fill of `id` is under way, and how far it has come.
    pub(super) fn progress(&self, id: Id) -> Option<Progress> {
        let flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(flights.get(&id)?.progress.borrow().clone())
    }

    /// Ends a fill, and tells everybody how.
    pub(super) fn end(&self, flight: &Arc<Flight>, progress: Progress) {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        remove(&mut flights, flight);
        drop(flights);
        flight.progress.send_replace(progress);
    }

    /// Ends a fill if nobody has a seat in it. Nobody can take one meanwhile.
    pub(super) fn end_unless_wanted(&self, flight: &Arc<Flight>) -> bool {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unwanted = !flight.is_wanted();
        if unwanted {
            remove(&mut flights, flight);
        }
        unwanted
    }
}

fn remove(flights: &mut HashMap<Id, Arc<Flight>>, flight: &Arc<Flight>) {
    if flights
        .get(&flight.id)
        .is_some_and(|it| Arc::ptr_eq(it, flight))
    {
        flights.remove(&flight.id);
    }
}

impl Flight {
    /// A further seat.
    fn seat(self: &Arc<Self>) -> Seat {
        self.joined.fetch_add(1, Ordering::Relaxed);
        Seat {
            flight: Arc::clone(self),
            is_first: false,
            progress: self.progress.subscribe(),
        }
    }

    /// How many joined it after the first.
    pub(super) fn joined(&self) -> u64 {
        self.joined.load(Ordering::Relaxed)
    }

    pub(super) fn tell(&self, progress: Progress) {
        self.progress.send_replace(progress);
    }

    /// Whether somebody has a seat.
    pub(super) fn is_wanted(&self) -> bool {
        self.progress.receiver_count() > 0
    }

    /// Keeps a seat until then, at least: whether the caller must keep it, because nobody does yet.
    pub(super) fn keep(&self, until: Instant) -> bool {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *kept;
        *kept = before.max(Some(until));
        before.is_none()
    }

    /// Until when a seat is to be kept. From the first `None` on, nobody keeps it.
    pub(super) fn kept_after(&self, now: Instant) -> Option<Instant> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = kept.filter(|until| *until > now);
        *kept
    }

    /// Waits until nobody has a seat.
    pub(super) async fn left_alone(&self) {
        self.progress.closed().await;
    }
}

/// Waits for the end of a fill, or until there is something to follow.
pub(super) async fn wait(seat: &mut Seat, follow: bool) -> Progress {
    let is_it = |progress: &Progress| match progress {
        Progress::Opening => false,
        Progress::Growing(..) => follow,
        Progress::Filled(_) | Progress::Failed(_) => true,
    };
    match seat.progress.wait_for(is_it).await {
        Ok(progress) => progress.clone(),
        // It was given up in the very moment.
        Err(_) => Progress::Failed(NotSpooled::Busy),
    }
}
