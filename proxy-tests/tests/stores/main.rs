//! Files of buckets, from servers that speak S3: the library's storage in an application of its own, asked over HTTP.

#[allow(dead_code, unused_macros)] // The cases of Azure and Google are more.
#[path = "../buckets/mod.rs"]
mod buckets;
mod conditions;
mod credentials;
mod keys;
mod links;
mod reading;
mod refusals;
mod served;
