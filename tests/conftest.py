"""No test reaches the network (names do not resolve, but for the loopback), and none reads another one's cache."""

from __future__ import annotations

import os
import socket
from typing import Any
from uuid import uuid4

import pytest

os.environ["XDG_CACHE_HOME"] = os.devnull  # of fixtures that are made once for many tests

_LOCAL = {"localhost", "127.0.0.1", "::1", "", None}


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def resolve(host: Any, *rest: Any, **options: Any) -> Any:  # noqa: ANN401 - options and functions of several shapes
        name = host.decode() if isinstance(host, bytes) else host
        if name not in _LOCAL:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """No scan of a test is kept beside the fixtures: in CI none is, unless asked."""
    monkeypatch.setenv("CI", "true")


@pytest.fixture(autouse=True)
def _cache_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What a scan of a test keeps for the next is that test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "caches" / uuid4().hex))
