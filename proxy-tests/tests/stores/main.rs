//! Files of buckets, from servers that speak S3: the library's storage in an application of its own, asked over HTTP.

#[path = "../buckets/mod.rs"]
mod buckets;
mod cases;
mod credentials;
mod keys;
mod links;
mod refusals;
mod served;
