//! Downloads through real proxies: starts the gateway and a proxy before it, and shows what crossed the wire.
//!
//! Files that rows name are downloaded from real databases too: a [`Database`] is one test's PostgreSQL, MariaDB or SQLite.
//!
//! A test makes a [`World`] (a [`Site`] with files and a `downloadview.toml`, the gateway, one [`Proxy`] before it), or
//! starts servers on a site one by one, and talks to any of them with [`Request`]. Everything listens on loopback, runs
//! unprivileged and ends with the test.
//!
//! The harness panics where something is missing or fails to start, and a panicking test shows the output of
//! all its servers: a missing proxy is a failure that names its package, never a skipped test.

mod app;
mod application;
mod carriage;
mod certificates;
mod chromium;
mod commands;
mod configuration;
mod database;
mod demo;
mod fetcher;
mod gateway;
mod http;
mod hung;
mod names;
mod noise;
mod origin;
mod patience;
mod picture;
mod port;
mod program;
mod proxy;
mod python;
mod relay;
mod server;
mod site;
mod spooled;
mod stores;
mod tmpfs;
mod world;

pub use app::ScriptedApp;
pub use application::Application;
pub use carriage::{Carriage, carry};
pub use certificates::Certificates;
pub use chromium::{Chromium, Saved};
pub use configuration::{ANNOUNCEMENT, announced, announcement, configuration};
pub use database::Database;
pub use demo::Demo;
pub use fetcher::Fetcher;
pub use http::{Exchange, Request, Response};
pub use hung::HungMount;
pub use names::{CLIENT_NAMES, NAMES, shown, strict};
pub use noise::noise;
pub use origin::{Answer, Asked, Origin};
pub use patience::{patiently, until};
pub use picture::Picture;
pub use program::{Ended, Program, installed};
pub use proxy::{Backend, Proxy};
pub use relay::Relay;
pub use server::{Server, User};
pub use site::Site;
pub use spooled::spooled;
pub use stores::{
    ACCESS_KEY_ID, Azurite, BUCKET, FakeGcs, Moto, S3s, SECRET_ACCESS_KEY, ServiceAccount,
};
pub use tmpfs::Tmpfs;
pub use world::World;
