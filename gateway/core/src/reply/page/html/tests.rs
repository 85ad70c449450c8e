use super::WithCode;

#[test]
fn what_stands_in_backticks_becomes_code() {
    for (text, html) in [
        ("plain", "plain"),
        ("write `a<b` here", "write <code>a&lt;b</code> here"),
        ("`a` and `b`, not c", "<code>a</code> and <code>b</code>, not c"),
    ] {
        assert_eq!(WithCode(text).to_string(), html);
    }
}
