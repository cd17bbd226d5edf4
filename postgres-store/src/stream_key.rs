use annals_core::StreamId;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How many bytes of a key are from the entity's id.
const ORDERED: usize = 6;

/// What stands for a stream in tables and indexes: the beginning of the entity's id, then the beginning of the SHA-256
/// of the name. The function `stream_key` of the schema gives the same, and says why.
pub(crate) fn stream_key(stream: &StreamId) -> Uuid {
    let entity = stream.entity_id();
    let mut key = [0; 16];
    let (ordered, hashed) = key.split_at_mut(ORDERED);
    match from_hex(entity) {
        Some(bytes) => ordered.copy_from_slice(&bytes),
        None => ordered.iter_mut().zip(entity.bytes()).for_each(|(to, from)| *to = from),
    }
    hashed.iter_mut().zip(Sha256::digest(stream.as_str())).for_each(|(to, from)| *to = from);
    Uuid::from_bytes(key)
}

/// The first 12 lower-case hexadecimal digits of `entity`, if it begins with as many, in the form of a UUID or without its dash.
fn from_hex(entity: &str) -> Option<[u8; ORDERED]> {
    let (first, rest) = entity.split_at_checked(8)?;
    let mut digits = first.bytes().chain(rest.strip_prefix('-').unwrap_or(rest).bytes()).map(digit);
    let mut bytes = [0; ORDERED];
    for byte in &mut bytes {
        *byte = digits.next()?? << 4 | digits.next()??;
    }
    Some(bytes)
}

fn digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
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
            (
                "account-0193a2c4-7f3e-7b51-8d2a-5f0c9e1b2a3d",
                0x0193_a2c4_7f3e_832d_9508_4bb4_5ccf_7e8b,
            ),
            ("account-0193a2c47f3e", 0x0193_a2c4_7f3e_aec9_0bc8_f31c_05bd_bf7e),
            ("account-0193a2c4-7f3", 0x3031_3933_6132_802d_2647_7dc5_968d_575e),
            ("account-0193A2C4-7F3E-1", 0x3031_3933_4132_b664_2a16_94a2_226c_af46),
            ("account-01-93a2c47f3e9", 0x3031_2d39_3361_14ea_8a83_ffe2_6ab2_5d4d),
            ("account-0193a2c-47f3e9", 0x3031_3933_6132_e3fe_f99e_4d65_1f9a_93fc),
        ] {
            assert_eq!(stream_key(&name.parse().unwrap()), Uuid::from_u128(key), "{name}");
        }
    }
}
