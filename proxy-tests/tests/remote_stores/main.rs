//! Files of buckets and of HTTP servers through the gateway and the proxies: fetched by the proxy, by the client, or sent by
//! the gateway.

mod buckets;
mod large;
mod redirects;
mod rows;
mod stand;
mod streams;
