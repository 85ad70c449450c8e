"""Proof that a full policy is in force, before the load and while it runs."""

import secrets
import threading
import time

from rig import ORIGIN, Failed, StreamReset, ask


def prove(row, port=None):
    """That the full policy is in force, at `port` or the plain one: raises `Failed` where it is not."""
    tokens, port = row.tokens, port or row.port

    def expect(what, status, *args, **more):
        answer = ask(port, *args, **more)
        if answer.status != status:
            raise Failed(f"{row.name}: {what}: expected {status}, got {answer.status}")
        return answer

    answer = expect("a good token passes", 200, "GET /x", tokens.good, [("Origin", ORIGIN)])
    if answer.fields.get("access-control-allow-origin") != ORIGIN:
        raise Failed(f"{row.name}: the answer lacks CORS")
    if "x-content-type-options" not in answer.fields or "content-security-policy" not in answer.fields:
        raise Failed(f"{row.name}: the answer lacks security headers")
    if "bench" in answer.fields.get("server", ""):
        raise Failed(f"{row.name}: the app's `Server` shows")
    answer = expect("another origin passes without CORS", 200, "GET /x", tokens.good, [("Origin", "https://other.example")])
    if "access-control-allow-origin" in answer.fields:
        raise Failed(f"{row.name}: any origin is allowed")
    expect("no token is refused", 401, "GET /x")
    expect("a foreign signature is refused", 401, "GET /x", tokens.forged)
    expect("an expired token is refused", 401, "GET /x", tokens.expired)
    expect("a foreign issuer is refused", 401, "GET /x", tokens.issuer)
    # Envoy says 403 where the token is good, but for another audience.
    if ask(port, "GET /x", tokens.audience).status not in (401, 403):
        raise Failed(f"{row.name}: a foreign audience is not refused")
    if not over_cap_is_refused(row, port):
        raise Failed(f"{row.name}: a body over the cap is not refused")
    if not limited(row, port):
        raise Failed(f"{row.name}: eight requests at once are not limited")
    seen_by_the_app(row, expect)
    seen_in_the_log(row, expect)


def over_cap_is_refused(row, port):
    """With 413. Over HTTP/2 some peers reset the stream before a client that still sends has read it."""
    try:
        return ask(port, "POST /x", row.tokens.good, [("Content-Length", row.body + 1)]).status == 413
    except StreamReset:
        return not row.name.startswith("stagedoor")


def limited(row, port):
    return any(ask(port, "GET /limited", row.tokens.good).status == 429 for _ in range(8))


def seen_by_the_app(row, expect):
    """The app learns who asks from the gateway alone, and sees no token."""
    lies = [("X-Auth-User", "mallory"), ("X-Forwarded-For", "192.0.2.1")]
    answer = expect("a request is seen by the app", 200, "GET /seen", row.tokens.good, lies)
    seen = [line.split(b":", 1) for line in answer.body.lower().split(b"\r\n")[1:] if b":" in line]
    users = [value.strip() for name, value in seen if name == b"x-auth-user"]
    # Behind Envoy the address of a peer on loopback is in a field of Envoy's own.
    names = (b"x-forwarded-for", b"x-envoy-external-address")
    addresses = b", ".join(value.strip() for name, value in seen if name in names)
    if users != [b"alice"]:
        raise Failed(f"{row.name}: the app does not learn who asks: {users}")
    if not addresses.endswith(b"127.0.0.1"):
        raise Failed(f"{row.name}: the app does not learn the address: {addresses}")
    if any(name == b"authorization" for name, _ in seen):
        raise Failed(f"{row.name}: the app sees the token")
    if not any(name == b"x-request-id" for name, _ in seen):
        raise Failed(f"{row.name}: the request has no id")


def seen_in_the_log(row, expect):
    mark = f"seen-{secrets.token_hex(4)}"
    expect("a request to be logged passes", 200, f"GET /{mark}", row.tokens.good)
    until = time.monotonic() + 10
    while mark.encode() not in row.access_log():
        if time.monotonic() > until:
            raise Failed(f"{row.name}: a request is not in the access log")
        time.sleep(0.05)


class Heckler(threading.Thread):
    """Knocks at a full policy with what it has to refuse while it is under load. Bare rows are left alone."""

    def __init__(self, row, port=None):
        super().__init__(daemon=True)
        self.row, self.port = row, port or row.port
        self.over = threading.Event()
        self.refused, self.fault = 0, None

    def run(self):
        tokens = self.row.tokens
        try:
            while not self.over.wait(0.2):
                for request, bearer, expected in (
                    ("GET /x", tokens.forged, 401), ("GET /x", None, 401), ("GET /x", tokens.good, 200),
                ):
                    got = ask(self.port, request, bearer).status
                    if got != expected:
                        raise Failed(f"expected {expected}, got {got}")
                    self.refused += expected != 200
                if not over_cap_is_refused(self.row, self.port):
                    raise Failed("a body over the cap was not refused")
                self.refused += 1
        except (Failed, OSError) as fault:
            self.fault = fault

    def __enter__(self):
        if self.row.full:
            self.start()
        return self

    def __exit__(self, kind, *_):
        self.over.set()
        if not self.row.full:
            return
        self.join(20)
        if kind is None and self.fault:
            raise Failed(f"{self.row.name}: under load: {self.fault}")
        if kind is None and not self.refused:
            raise Failed(f"{self.row.name}: under load: no bad token was tried")
