"""Where Stagedoor and nginx differ, and why. A difference that no row fits fails the run."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    name: str
    traits: frozenset
    """One of them is a trait of the case."""
    what: str
    """What differs: `answer`, `body`, `end` (of the client's connection), `app` (what it saw)."""
    ours: str
    theirs: str
    """Both sides, as regular expressions."""
    why: str


def row(name, traits, what, ours, theirs, why):
    return Row(name, frozenset(traits), what, ours, theirs, why)


BAD_HEAD = "Stagedoor refuses every head that two readers could delimit differently, or that is no HTTP/1."
BAD_CHUNK = "Stagedoor breaks off at the first byte that no chunk could have there."
EARLY = "The app answered before it had the whole request."

ROWS = (
    row("a malformed head", ["bad head"], "answer", "answer 502 of its own", "answer .*|nothing|nonsense|silence",
        f"{BAD_HEAD} nginx 1.22 passes some on, one with a status below 100 or with line feeds alone among them, and "
        "takes what does not begin like HTTP/1 for an answer of HTTP/0.9."),
    row("a malformed head", ["bad head"], "body", "-", ".*", f"{BAD_HEAD} nginx sends on what it takes for the body."),
    row("a malformed head", ["bad head"], "end", "closed", ".*",
        "Stagedoor closes the connection with its 502; nginx keeps it."),
    row("a wrong chunk", ["bad chunk"], "answer", "answer (... of the app|502 of its own)", "nothing|answer .*",
        f"{BAD_CHUNK} Where nginx has not sent the head yet it never does: the client gets nothing at all."),
    row("a wrong chunk", ["bad chunk"], "body", "\\d+ bytes cut|-", ".*",
        f"{BAD_CHUNK} nginx takes a line feed alone for a line end, and spaces and further words after a size."),
    row("a wrong chunk", ["bad chunk"], "end", "closed", ".*", f"{BAD_CHUNK} nginx keeps the connection, or sends nothing."),
    row("an early answer", ["early", "unread"], "end", "closed", "kept|closed unannounced",
        f"{EARLY} Stagedoor tells the client that it closes the connection, unless the rest has come meanwhile; nginx "
        "reads the rest and keeps it, or closes it without a word."),
    row("an early answer", ["early", "unread"], "end", "kept", "closed|closed unannounced",
        f"{EARLY} The rest came before the answer was complete: Stagedoor keeps the connection, nginx closes it all the same."),
    row("an early answer", ["early", "unread"], "app", ".*", ".*",
        f"{EARLY} How much it gets of the rest before its connection is closed is a matter of moments."),
    row("an early answer", ["unread"], "body", "\\d+ bytes( cut)?", "\\d+ bytes( cut)?",
        f"{EARLY} It closed its connection with data unread, which is a reset: how much of its answer outruns the reset "
        "is a matter of moments, and an answer without framing that is reset is cut for Stagedoor."),
    row("an answer that a reset outruns", ["unread"], "answer", "answer ... of the app", "answer 502 of its own",
        f"{EARLY} It closed its connection with data unread, which is a reset. nginx may learn of it by what it still writes, and "
        "then reads no answer; Stagedoor reads what has come."),
    row("an answer that a reset outruns", ["unread"], "body", "\\d+ bytes( cut)?", "-",
        f"{EARLY} The same: nginx has no answer of the app."),
    row("an answer in the moment of the last byte", ["request body", "request chunked"], "end", "kept", "closed unannounced",
        "nginx takes an answer that comes while it still notes that the request is sent for an early one, and ends the connection "
        "of the client without a word. It is seen on a busy machine."),
    row("a client that has closed its side", ["half-closes"], "end", "closed", "kept|closed unannounced",
        "No further request can come, so Stagedoor closes the connection, and says so in the answer."),
    row("a cut answer, to HTTP/1.0", ["client 1.0"], "body", "\\d+ bytes cut", "\\d+ bytes",
        "The app broke off. An HTTP/1.0 client notices by nothing but a reset, which Stagedoor sends; nginx closes the "
        "connection as if the answer were complete."),
    row("an answer cut by a reset", ["cut by reset"], "body", "\\d+ bytes cut", "\\d+ bytes cut",
        "How much of an answer outruns a reset is a matter of moments."),
)


def find(case, difference):
    """The first row that explains a difference of a case."""
    what, ours, theirs = difference
    for row in ROWS:
        if (
            row.what == what
            and row.traits & case.traits
            and re.fullmatch(row.ours, ours)
            and re.fullmatch(row.theirs, theirs)
        ):
            return row
    return None
