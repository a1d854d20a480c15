//! What a process costs, as the kernel counts it.

use std::fmt;
use std::fs;

use anyhow::{Context, Result};

/// At one moment.
pub(crate) struct Figures {
    /// Resident memory in KiB.
    pub(crate) resident: u64,
    pub(crate) threads: usize,
    pub(crate) descriptors: usize,
}

impl Figures {
    pub(crate) fn of(process: u32) -> Result<Self> {
        let folder = format!("/proc/{process}");
        let count = |name: &str| -> Result<usize> {
            let entries = fs::read_dir(format!("{folder}/{name}"));
            Ok(entries.context("the gateway is gone")?.count())
        };
        let status = fs::read_to_string(format!("{folder}/status"))?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok());
        Ok(Self {
            resident: resident.context("the kernel does not tell VmRSS")?,
            threads: count("task")?,
            descriptors: count("fd")?,
        })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "VmRSS {} KiB, {} threads, {} descriptors",
            self.resident, self.threads, self.descriptors
        )
    }
}
