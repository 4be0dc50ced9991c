"""A server on this machine that answers as SkyServer does, well or badly."""

from __future__ import annotations

import io
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image

from galaxy_utils.data.client import RequestPolicy

QUICK = RequestPolicy(
    concurrency=4,
    rate=500.0,
    attempts=3,
    backoff=0.01,
    longest_wait=2.0,
    connect_timeout=0.5,
    read_timeout=0.5,
    response_timeout=0.8,
    most_failures=6,
)
"""The default policy with all waiting times shortened."""


def jpeg(seed: int = 0, side: int = 256, black: bool = False) -> bytes:
    """A picture of squares."""
    squares = np.random.default_rng(seed).integers(5, 250, (side // 16, side // 16, 3), np.uint8)
    pixels = squares.repeat(16, axis=0).repeat(16, axis=1)
    stream = io.BytesIO()
    Image.fromarray(pixels * (not black)).save(stream, "JPEG", quality=80)
    return stream.getvalue()


@dataclass
class Answer:
    """What is sent; `promised` is a false Content-Length, `gap` seconds between pieces."""

    status: int = 200
    body: bytes = b""
    kind: str = "image/jpeg"
    headers: dict[str, str] = field(default_factory=dict)
    promised: int | None = None
    hold: float = 0.0
    gap: float = 0.0


Route = Callable[[dict[str, str], int], Answer]
"""Maps the fields of a request, and how often it came before, to an answer."""


class Sky:
    """The server, with what it saw."""

    def __init__(self, cutout: Route, table: Route) -> None:
        self.routes = {"getjpeg": cutout, "SqlSearch": table}
        self.seen: Counter[str] = Counter()
        self.times: list[float] = []
        self.at_once = self.most_at_once = 0
        self.tries: dict[str, list[float]] = defaultdict(list)
        self.lock = threading.Lock()
        self.sql: list[str] = []
        handler = type("Handler", (_Handler,), {"sky": self})
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/dr17"

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


class _Handler(BaseHTTPRequestHandler):
    sky: Sky
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.send_response(405)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        sky = self.sky
        with sky.lock:
            number = sky.seen[self.path]
            sky.seen[self.path] += 1
            sky.times.append(time.monotonic())
            sky.tries[self.path].append(time.monotonic())
            sky.at_once += 1
            sky.most_at_once = max(sky.most_at_once, sky.at_once)
        try:
            self._send(number)
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            with sky.lock:
                sky.at_once -= 1

    def _send(self, number: int) -> None:
        parts = urlsplit(self.path)
        fields = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if "cmd" in fields:
            self.sky.sql.append(fields["cmd"])
        answer = self.sky.routes[parts.path.rsplit("/", 1)[-1]](fields, number)
        time.sleep(answer.hold)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        length = len(answer.body) if answer.promised is None else answer.promised
        self.send_header("Content-Length", str(length))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        for start in range(0, len(answer.body), 1 if answer.gap else 1 << 20):
            self.wfile.write(answer.body[start : start + (1 if answer.gap else 1 << 20)])
            self.wfile.flush()
            time.sleep(answer.gap)
        if answer.promised is not None:
            self.close_connection = True


def page_of_error(words: str) -> Answer:
    """The page that SkyServer sends with status 200."""
    body = f"<html><head><title>Skyserver Error</title></head><body><h2>{words}</h2></body></html>"
    return Answer(body=body.encode(), kind="text/html")


def json_error(status: int, words: str) -> Answer:
    """The object that SkyServer's services send with an HTTP error."""
    content = {"ErrorCode": status, "ErrorType": "Error", "ErrorMessage": words}
    return Answer(status, json.dumps(content).encode(), "application/json")
