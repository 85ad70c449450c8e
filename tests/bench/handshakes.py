#!/usr/bin/env python3
"""Connections with TLS, one after the other, each with one request.

    handshakes.py PORT AUTHORITY TOKEN SECONDS full|resumed

Prints JSON: how many connections there were, and how many of them resumed an earlier session. An answer other than 200, and a
connection that did not resume where it was to, ends it with an error. Standard library only.
"""

import json
import socket
import ssl
import sys
import threading
import time

THREADS = 8


def main(port, authority, token, seconds, kind):
    request = f"GET /x HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n".encode()
    until = time.monotonic() + float(seconds)
    counts, faults = [], []

    def one(context, session):
        line = socket.create_connection(("127.0.0.1", int(port)), 10)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(line, server_hostname="127.0.0.1", session=session) as line:
            line.sendall(request)
            answer = b""
            while part := line.recv(65536):
                answer += part
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise ValueError(f"answered {answer[:40]}")
            if line.session_reused != (session is not None):
                raise ValueError("a session was resumed" if line.session_reused else "a session was not resumed")
            return line.session

    def some():
        context = ssl.create_default_context(cafile=authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.set_alpn_protocols(["http/1.1"])
        made, session = 0, None
        try:
            session = one(context, None) if kind == "resumed" else None
            while time.monotonic() < until:
                last = one(context, session)
                session = last if kind == "resumed" else None
                made += 1
        except (OSError, ValueError) as fault:
            faults.append(fault)
        counts.append(made)

    threads = [threading.Thread(target=some) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        sys.exit(str(faults[0]))
    print(json.dumps({"connections": sum(counts), "warm_up": THREADS if kind == "resumed" else 0}))


if __name__ == "__main__":
    main(*sys.argv[1:])
