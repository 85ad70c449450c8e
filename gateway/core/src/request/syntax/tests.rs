use super::*;

/// Every byte at every place of the words that are looked at together, with a tab before it and without.
#[test]
fn a_value_ends_at_its_first_control_byte() {
    for length in 0..=26_usize {
        for place in 0..length {
            for byte in 0..=u8::MAX {
                for tab in [None, place.checked_sub(1), Some(place / 2)] {
                    let mut value = vec![b'\xFF'; length];
                    for (at, byte) in tab.map(|tab| (tab, b'\t')).into_iter().chain([(place, byte)]) {
                        value.splice(at..=at, [byte]);
                    }
                    let ends = byte != b'\t' && (byte < b' ' || byte == 0x7F);
                    assert_eq!(value_length(&value), if ends { place } else { length }, "{value:?}");
                }
            }
        }
    }
}

#[test]
fn the_tables_hold_what_the_rules_say() {
    for byte in 0..=u8::MAX {
        let token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        assert_eq!(is_token_byte(byte), token, "{byte}");
        let plain = byte > b' ' && byte != 0x7F && !b"\"<>#?".contains(&byte);
        assert_eq!(is_plain_target_byte(byte), plain, "{byte}");
    }
}
