"""Time and disk limits on untrusted SQL, enforced from outside: a session can switch its own timeouts off."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from auditor.model import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg

    from auditor.sources.cluster import Cluster

_TICK = 0.2
_GRACE = 3.0  # seconds between asking a statement to stop and ending its session


class Watchdog:
    """Watches one cluster: cancels a statement that takes too long, ends its session when it does not listen, and
    stops the server when the whole takes too long or fills the disk. Only the time that untrusted SQL runs counts:
    the server may wait for the other evidence as long as it likes. `verdict` says what was stopped, and why.
    """

    def __init__(self, cluster: Cluster, total_seconds: float, statement_seconds: float, max_bytes: int) -> None:
        self._cluster = cluster
        self._total = total_seconds
        self._spent = 0.0
        self._seconds = statement_seconds
        self._max_bytes = max_bytes
        self._watched: tuple[psycopg.Connection[Any], float] | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.verdict: str | None = None
        self._thread = threading.Thread(target=self._run, name="shadow watchdog", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def watch(self, connection: psycopg.Connection[Any]) -> Iterator[None]:
        """Limit what runs on `connection` inside the block."""
        started = time.monotonic()
        with self._lock:
            self._watched = (connection, started)
        try:
            yield
        finally:
            with self._lock:
                self._watched = None
                self._spent += time.monotonic() - started

    def revive(
        self, session: psycopg.Connection[Any], connect: Callable[[], psycopg.Connection[Any]]
    ) -> psycopg.Connection[Any]:
        """The session, or a new one when what ran on it ended it; Unavailable when the server is gone.

        Without this, one function that ends its own session would leave every later question without an answer.
        """
        import psycopg

        if not session.closed:
            return session
        try:
            if not self.verdict:
                return connect()
        except psycopg.OperationalError as error:
            raise Unavailable(f"the shadow database was {self.verdict or f'lost: {error}'}") from None
        raise Unavailable(f"the shadow database was {self.verdict}")

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_TICK):
            with self._lock:
                watched = self._watched
                running = time.monotonic() - watched[1] if watched else 0.0
                spent = self._spent + running
            if reason := self._exceeded(spent):
                self.verdict = reason
                self._cluster.close()
                return
            if watched and running > self._seconds:
                self._interrupt(watched[0], final=running > self._seconds + _GRACE)

    def _exceeded(self, spent: float) -> str | None:
        if spent > self._total:
            return f"stopped after {self._total:.0f} s"
        if self._cluster.bytes_on_disk > self._max_bytes:
            return f"stopped because the database grew over {self._max_bytes // 1_000_000} MB"
        return None

    def _interrupt(self, connection: psycopg.Connection[Any], *, final: bool) -> None:
        import psycopg

        with contextlib.suppress(psycopg.Error):
            if not final:
                connection.cancel_safe(timeout=1)
                return
            with self._cluster.superuser() as session:
                session.execute("select pg_terminate_backend(%s)", (connection.info.backend_pid,))
