"""One request to a service of advisories: with a budget, few retries, a limit on size, and reasons in our own words."""

from __future__ import annotations

import gzip
import http.client
import json
import random
import socket
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

_MAX_ANSWER = 60_000_000
_TRIES = 3
_SOCKET_SECONDS = 8.0
_RETRIED = {429, 500, 502, 503, 504}
HINT = "--advisories FOLDER|ZIP|FILE.sqlite of OSV records audits the packages without a connection"


class Unanswered(Exception):  # noqa: N818 - an outcome, as the sentence that the report prints
    """A service gave no answer that can be trusted; the text says why and holds nothing of proxies or tokens."""


@dataclass(slots=True)
class Budget:
    """The time that all requests of a source have together."""

    seconds: float
    started: float

    @classmethod
    def of(cls, seconds: float) -> Budget:
        return cls(seconds, time.monotonic())

    @property
    def left(self) -> float:
        return self.seconds - (time.monotonic() - self.started)


def ask(url: str, body: Any, budget: Budget, *, zipped: bool = False) -> Any:  # noqa: ANN401 - JSON of any shape
    """The JSON that a service answers; GET where `body` is None. Raises Unanswered."""
    reason = "the time for it was used up"
    for attempt in range(_TRIES):
        if budget.left <= 0:
            break
        try:
            return _parsed(_once(url, body, min(budget.left, _SOCKET_SECONDS), zipped=zipped))
        except urllib.error.HTTPError as error:
            error.close()
            reason = f"it answered HTTP {error.code}"
            if error.code not in _RETRIED:
                break
        except (OSError, http.client.HTTPException) as error:
            reason, again = _fault(error)
            if not again:
                break
        time.sleep(max(0.0, min(budget.left, (2**attempt) * random.uniform(0.1, 0.3))))  # noqa: S311 - only spreads load
    raise Unanswered(reason)


def _once(url: str, body: Any, seconds: float, *, zipped: bool) -> bytes:  # noqa: ANN401 - JSON of any shape
    headers = {"Accept": "application/json", "User-Agent": "backend-audit"}
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
        if zipped:
            data = gzip.compress(data)
            headers["Content-Encoding"] = "gzip"
    request = urllib.request.Request(url, data=data, headers=headers)  # noqa: S310 - addresses of this tool, https
    with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310 - likewise
        raw: bytes = answer.read(_MAX_ANSWER + 1)
        if answer.headers.get("Content-Encoding") == "gzip":
            raw = _unzipped(raw)
    if len(raw) > _MAX_ANSWER:
        raise Unanswered("its answer is larger than any real one")
    return raw


def _unzipped(raw: bytes) -> bytes:
    import io

    with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
        return file.read(_MAX_ANSWER + 1)


def _parsed(raw: bytes) -> Any:  # noqa: ANN401 - JSON of any shape
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Unanswered("it answered something that is no JSON") from error


def _fault(error: Exception) -> tuple[str, bool]:
    """The reason, and whether another try may help: a name that does not resolve will not do so in a second."""
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(inner, ssl.SSLCertVerificationError):
        return "its TLS certificate is not trusted", False
    if isinstance(inner, socket.gaierror):
        return "its name does not resolve", False
    if isinstance(inner, TimeoutError):
        return "it does not answer in time", True
    if "Tunnel connection failed" in str(inner):
        return "the proxy does not let it through", False
    if isinstance(inner, ConnectionRefusedError):
        return "no connection to it", False
    return f"the connection broke ({type(inner).__name__})", True
