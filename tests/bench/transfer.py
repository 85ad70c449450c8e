"""A big file through a proxy, down and up, and connections that stay idle."""

import subprocess
import tempfile
import time

from rig import KIB, MIB, OTHER_CORES, Answer, Failed, Http2Port, connect, curl, head, placed

BLOCK = bytes(256 * KIB)


def begun(line, row, what):
    answer = Answer(line)
    if answer.status != 200:
        raise Failed(f"{row.name}: {what}: answered {answer.status}")
    return answer


def download(row, size, port=None):
    buffer = bytearray(256 * KIB)
    with connect(port or row.port, 30) as line:
        line.sendall(head(row.port, f"GET /file/{size}", row.tokens.good))
        left = size - len(begun(line, row, "download").body)
        while left > 0:
            came = line.recv_into(buffer)
            if not came:
                raise Failed(f"{row.name}: the download ends {left} bytes early")
            left -= came


def upload(row, size, port=None, pace=None):
    """Sends `size` bytes, as fast as they are taken or at most `pace` bytes a second."""
    with connect(port or row.port, 30) as line:
        line.sendall(head(row.port, "POST /upload", row.tokens.good, [("Content-Length", size)]))
        begun_at = time.monotonic()
        for sent in range(0, size, len(BLOCK)):
            if pace:
                time.sleep(max(0, begun_at + sent / pace - time.monotonic()))
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


def download_http2(row, size):
    moved = moved_by_curl(row, f"/file/{size}", "--output", "/dev/null", "--write-out", "%{http_version} %{response_code} %{size_download}")
    if moved != f"2 200 {size}":
        raise Failed(f"{row.name}: the download over HTTP/2: {moved}")


def upload_http2(row, size):
    with tempfile.NamedTemporaryFile(prefix="stagedoor-bench-") as body:
        body.truncate(size)  # a file without blocks: reading it costs the client alone
        moved = moved_by_curl(row, "/upload", "--request", "POST", "--upload-file", body.name, "--header", "Expect:")
    if f'"received":{size}' not in moved:
        raise Failed(f"{row.name}: the upload over HTTP/2 arrived incomplete: {moved}")


def moved_by_curl(row, path, *options):
    command = curl(row.http2, path, "--header", f"Authorization: Bearer {row.tokens.good}", "--max-time", 120, *options)
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, preexec_fn=placed(OTHER_CORES))
    return done.stdout + done.stderr


def idle(row, count, port=None):
    """KiB that each of `count` connections holds after one request. What the kernel holds for them does not count."""

    def one():
        line = connect(port or row.port)
        if isinstance(port, Http2Port):
            return one_of_http2(line, row)
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


# Frame types of HTTP/2 (RFC 9113 §6).
DATA, HEADERS, SETTINGS, WINDOW_UPDATE = 0, 1, 4, 8


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def one_of_http2(line, row):
    """One request on a new connection of HTTP/2, and its whole answer; the connection stays open."""

    def literal(start, value):
        length, size = bytearray(), len(value)
        if size < 127:
            length.append(size)
        else:  # RFC 7541 §5.1
            length.append(127)
            size -= 127
            while size >= 128:
                length.append(size % 128 + 128)
                size //= 128
            length.append(size)
        return start + bytes(length) + value.encode()

    fields = b"\x82\x87"  # :method GET, :scheme https
    fields += literal(b"\x04", "/x") + literal(b"\x01", f"127.0.0.1:{int(row.http2)}")  # :path, :authority
    fields += literal(b"\x0f\x08", f"Bearer {row.tokens.good}")  # authorization
    line.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0) + frame(HEADERS, 0x5, 1, fields))
    came, status = b"", None
    while True:
        while len(came) < 9 or len(came) < 9 + int.from_bytes(came[:3], "big"):
            part = line.recv(65536)
            if not part:
                raise Failed(f"{row.name}: an idle connection of HTTP/2 ended")
            came += part
        size, kind, flags = int.from_bytes(came[:3], "big"), came[3], came[4]
        payload, came = came[9:9 + size], came[9 + size:]
        if kind == SETTINGS and not flags & 1:
            line.sendall(frame(SETTINGS, 1, 0))
        if kind == HEADERS:
            status = payload[:1] if not payload[:1] or payload[0] & 0xE0 != 0x20 else payload[1:2]  # past a change of the table's size
        if kind in (DATA, HEADERS) and flags & 1:
            if status != b"\x88":  # :status 200
                raise Failed(f"{row.name}: an idle connection of HTTP/2 was not answered with 200")
            return line
