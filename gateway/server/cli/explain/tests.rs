use super::*;

#[test]
fn a_token_is_never_an_argument_and_not_repeated() {
    assert!(dash("-").is_ok());
    let told = format!("{:?}", dash("eyJhbGciOiJIUzI1NiJ9.e30.c2ln"));
    assert!(told.contains("never an argument") && !told.contains("eyJ"), "{told}");
}
