"""A vendor on the loopback: answers as scripted, also badly (late, cut, dripping, reset).

    with serving() as vendor:
        vendor.on("/v2/aggs", json({"results": []}))
        vendor.on("/slow", Script(b"{}", drip=0.1))
        web = ...base_url=vendor.url...
        assert vendor.asked[0].path == "/v2/aggs"

A path's answers are given in turn, the last one again and again.
"""

import json as _json
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Script:
    """One answer.

    Attributes:
        body: Its bytes.
        status: HTTP status.
        headers: More headers; a `Content-Length` here replaces the true one.
        cut: Send only so many bytes of the body, then close.
        drip: Seconds between two bytes.
        reset: Break the connection instead of answering.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    drip: float | None = None
    reset: bool = False


def json(value: object, status: int = 200, **headers: str) -> Script:
    """A JSON answer; `retry_after="2"` becomes the header `retry-after: 2`."""
    names = {name.replace("_", "-"): text for name, text in headers.items()}
    return Script(_json.dumps(value).encode(), status, names)


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    at: float


@dataclass
class Vendor:
    """The server: `url`, what it was asked, and what it answers."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    _scripts: dict[str, list[Script]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def on(self, path: str, *scripts: Script) -> None:
        """Answer this path (or `path?query`, which goes before) so."""
        self._scripts[path] = list(scripts)

    def answer(self, asked: Asked, target: str) -> Script:
        """The next answer for what was asked."""
        with self._lock:
            self.asked.append(asked)
            scripts = self._scripts.get(target) or self._scripts.get(asked.path)
            if not scripts:
                return json({"error": f"nothing scripted for {target}"}, 404)
            return scripts.pop(0) if len(scripts) > 1 else scripts[0]


@contextmanager
def serving() -> Iterator[Vendor]:
    """A vendor on 127.0.0.1, until the end of the block."""
    listener = socket.create_server(("127.0.0.1", 0))
    vendor = Vendor(f"http://127.0.0.1:{listener.getsockname()[1]}")
    closing = threading.Event()

    def accept() -> None:
        while not closing.is_set():
            with suppress(OSError):
                connection, _ = listener.accept()
                threading.Thread(target=_talk, args=(connection, vendor), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield vendor
    finally:
        closing.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _talk(connection: socket.socket, vendor: Vendor) -> None:
    with connection, suppress(OSError):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(2**16)
            if not piece:
                return
            head += piece
        target, headers = _parsed(head)
        parts = urlsplit(target)
        asked = Asked(parts.path, dict(parse_qsl(parts.query)), headers, time.time())
        _send(connection, vendor.answer(asked, target))


def _parsed(head: bytes) -> tuple[str, dict[str, str]]:
    lines = head.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines[1:])
    return lines[0].split(" ")[1], {name.lower(): value for name, value in pairs}


def _send(connection: socket.socket, script: Script) -> None:
    if script.reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return
    headers = {
        "content-type": "application/json",
        "content-length": str(len(script.body)),
        "connection": "close",
        **{name.lower(): value for name, value in script.headers.items()},
    }
    text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    connection.sendall(f"HTTP/1.1 {script.status} X\r\n{text}\r\n".encode("latin-1"))
    body = script.body if script.cut is None else script.body[: script.cut]
    if script.drip is None:
        connection.sendall(body)
        return
    for byte in body:
        connection.sendall(bytes([byte]))
        time.sleep(script.drip)
