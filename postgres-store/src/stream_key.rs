use annals_core::StreamId;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How many bytes of a key are from the entity's id.
const ORDERED: usize = 6;

/// What stands for a stream in tables and indexes: the beginning of the entity's id, then the beginning of the SHA-256
/// of the name. The function `stream_key` of the schema gives the same, and says why.
pub(crate) fn stream_key(stream: &StreamId) -> Uuid {
    let mut key = [0; 16];
    let (ordered, hashed) = key.split_at_mut(ORDERED);
    ordered.iter_mut().zip(stream.entity_id().bytes()).for_each(|(to, from)| *to = from);
    hashed.iter_mut().zip(Sha256::digest(stream.as_str())).for_each(|(to, from)| *to = from);
    Uuid::from_bytes(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digests are those of `sha256sum`.
    #[test]
    fn the_key_is_the_beginning_of_the_entity_and_of_the_digest() {
        for (name, key) in [
            ("a-b", 0x6200_0000_0000_d443_62d6_7d92_1091_c7b9),
            ("account-anna-1", 0x616e_6e61_2d31_19f1_7e5c_b2f6_c0a3_c5b9),
            ("account-ülkü", 0xc3bc_6c6b_c3bc_b058_3d6e_ac64_37d1_2231),
        ] {
            assert_eq!(stream_key(&name.parse().unwrap()), Uuid::from_u128(key), "{name}");
        }
    }
}
