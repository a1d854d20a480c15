//! One process that uses the folder: a runtime of one thread that goes on when it is told to, and whose disk works when
//! it is told to.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use downloadview::Optimizer;
use downloadview::backend::Apache;
use downloadview::optimize::Front;
use downloadview::spool::{Fill, Spool};
use tokio::runtime::{Builder, Runtime};

use crate::{BYTES, LEASE, MAX_AGE};

/// A process. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    // Dropped in this order: the gate opens, and the tasks end before the folder is let go.
    gate: Gate,
    pub(crate) runtime: Runtime,
    pub(crate) spool: Spool,
    pub(crate) front: Front,
}

/// Holds the one thread that works on the disk.
#[derive(Debug)]
struct Gate {
    open: Sender<()>,
}

impl Gate {
    /// Waits until everything before it is done, and holds what comes after it.
    fn behind(runtime: &Runtime) -> (Self, Receiver<()>) {
        let ((open, opened), (reached, is_reached)) = (channel(), channel());
        runtime.spawn_blocking(move || {
            let _ = reached.send(());
            let _ = opened.recv();
        });
        (Self { open }, is_reached)
    }
}

impl Process {
    pub(crate) fn start(folder: &Path, fill: Fill) -> Self {
        let mut builder = Builder::new_current_thread();
        let builder = builder.enable_time().start_paused(true);
        let runtime = builder
            .event_interval(1)
            .max_blocking_threads(1)
            .build()
            .unwrap();
        let (gate, reached) = Gate::behind(&runtime);
        reached.recv().unwrap();
        let _within = runtime.enter();
        let spool = Spool::builder(folder)
            .fill(fill)
            .max_bytes(BYTES)
            .min_free_bytes(0);
        let spool = spool
            .lease(LEASE)
            .max_age(MAX_AGE)
            .sync(false)
            .open()
            .unwrap();
        let rule = spool.rule().to_path(folder);
        let front = Optimizer::builder(Apache::new())
            .rule(rule)
            .spool(spool.clone());
        let front = front.build().unwrap().into();
        drop(_within);
        Self {
            gate,
            runtime,
            spool,
            front,
        }
    }

    /// Goes on by so many tasks.
    pub(crate) fn run(&self, tasks: usize) {
        self.runtime.block_on(async {
            for _ in 0..tasks {
                tokio::task::yield_now().await;
            }
        });
    }

    /// Everything that was asked of the disk until now is done.
    pub(crate) fn disk(&mut self) {
        let (gate, reached) = Gate::behind(&self.runtime);
        let _ = std::mem::replace(&mut self.gate, gate).open.send(());
        reached.recv().unwrap();
    }

    pub(crate) fn wait(&self, time: Duration) {
        self.runtime.block_on(tokio::time::advance(time));
    }
}
