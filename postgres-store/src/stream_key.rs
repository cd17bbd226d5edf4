use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What stands for a stream in tables and indexes: the first half of the SHA-256 of its name. The function
/// `stream_key` of the schema gives the same.
pub(crate) fn stream_key(name: &str) -> Uuid {
    let digest = Sha256::digest(name);
    let mut key = [0; 16];
    key.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    Uuid::from_bytes(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_first_half_of_the_digest() {
        // FIPS 180-2, appendix B.1: the SHA-256 of "abc".
        assert_eq!(stream_key("abc"), Uuid::from_u128(0xba78_16bf_8f01_cfea_4141_40de_5dae_2223));
    }
}
