//! Content that no compression makes smaller.

/// Bytes of which no block is like another, the same in every run.
#[must_use]
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    });
    let bytes = words.flat_map(u64::to_le_bytes);
    bytes.take(length).collect()
}
