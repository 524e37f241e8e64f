"""No test reaches the network (names do not resolve, but for the loopback), and none reads another one's cache."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

os.environ["XDG_CACHE_HOME"] = os.devnull  # no test finds what another one kept

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
