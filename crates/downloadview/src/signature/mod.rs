//! Links that are the permission themselves: signed, for a while, for one file. The format stands
//! in `docs/signed-links.md`, with examples for other languages.
//!
//! | type | what it is |
//! |---|---|
//! | [`Key`], [`Keys`] | a secret with an id; one key signs, all verify |
//! | [`Signer`] | makes links: `signer.link("/a.txt").expires_in(…).sign()` |
//! | [`Verifier`] | says what a link grants, or what is wrong with it |
//! | [`RequireSignature`] | a tower layer around views and handlers that asks for a good link |
//! | [`SignedStorage`] | a storage that knows the signed links of its files |
//! | [`DjangoKey`] | the links of django-downloadview, signed and verified |
//!
//! What is signed is the raw text of the target, byte by byte: nothing is decoded, sorted or
//! normalised before the signature was found good, so there is nothing to disagree about. Proxies
//! respell some targets (`%41`, `//`); the signer refuses to make links of these.
//!
//! ```
//! use std::time::Duration;
//! use downloadview::signature::{Key, Keys, Signer, Verifier};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = Keys::new(Key::new("2026a", "a secret of at least 32 bytes, kept apart")?);
//! let signer = Signer::new(keys.clone());
//! let link = signer.link("/media/a.txt").expires_in(Duration::from_secs(3600)).sign()?;
//!
//! let verifier = Verifier::new(keys);
//! assert!(verifier.verify(&link, |_| None).is_ok());
//! assert!(verifier.verify(&link.replace("a.txt", "b.txt"), |_| None).is_err());
//! # Ok(())
//! # }
//! ```

mod audience;
mod django;
mod form;
mod future;
mod issuer;
mod key;
mod layer;
mod link;
mod mac;
mod resume;
mod seconds;
mod signer;
mod storage;
mod target;
mod verifier;

pub use self::audience::{Audience, AudienceKind, AudienceUser};
pub use self::django::DjangoKey;
pub use self::form::is_signed;
pub use self::future::SignatureFuture;
pub use self::key::{Key, Keys, MIN_SECRET_LEN};
pub use self::layer::{RequireSignature, SignatureService};
pub use self::link::Link;
pub use self::signer::Signer;
pub use self::storage::SignedStorage;
pub use self::verifier::{Verified, Verifier};
