"""A big file through a proxy, down and up, and connections that stay idle."""

import time

from rig import KIB, MIB, Answer, Failed, connect, head

BLOCK = bytes(256 * KIB)


def begun(line, row, what):
    answer = Answer(line)
    if answer.status != 200:
        raise Failed(f"{row.name}: {what}: answered {answer.status}")
    return answer


def download(row, size):
    buffer = bytearray(256 * KIB)
    with connect(row.port, 30) as line:
        line.sendall(head(row.port, f"GET /file/{size}", row.tokens.good))
        left = size - len(begun(line, row, "download").body)
        while left > 0:
            came = line.recv_into(buffer)
            if not came:
                raise Failed(f"{row.name}: the download ends {left} bytes early")
            left -= came


def upload(row, size):
    with connect(row.port, 30) as line:
        line.sendall(head(row.port, "POST /upload", row.tokens.good, [("Content-Length", size)]))
        for _ in range(size // len(BLOCK)):
            line.sendall(BLOCK)
        received(line, row, size)


def upload_chunked(row, size):
    chunk = f"{len(BLOCK):x}\r\n".encode() + BLOCK + b"\r\n"
    with connect(row.port, 30) as line:
        line.sendall(head(row.port, "POST /upload", row.tokens.good, [("Transfer-Encoding", "chunked")]))
        for _ in range(size // len(BLOCK)):
            line.sendall(chunk)
        line.sendall(b"0\r\n\r\n")
        received(line, row, size)


def received(line, row, size):
    body = begun(line, row, "upload").rest(line).body
    if f'"received":{size}'.encode() not in body:
        raise Failed(f"{row.name}: the upload arrived incomplete: {body.decode()}")


def idle(row, count):
    """KiB that each of `count` connections holds after one request. What the kernel holds for them does not count."""

    def one():
        line = connect(row.port)
        line.sendall(head(row.port, "GET /x", row.tokens.good))
        begun(line, row, "idle connection").rest(line)
        return line

    for _ in range(20):
        one().close()  # what the first requests of a process cost is not theirs
    before = row.process.share_of_memory()
    lines = [one() for _ in range(count)]
    time.sleep(1)
    after = row.process.share_of_memory()
    for line in lines:
        line.close()
    return (after - before) * MIB / KIB / count
