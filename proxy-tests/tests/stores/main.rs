//! Files of buckets, from servers that speak S3: the library's storage in an application of its own, asked over HTTP.

mod conditions;
mod credentials;
mod keys;
mod links;
mod reading;
mod refusals;
mod served;
