"""A fleet spread over machines: jobs in PostgreSQL, by procrastinate. A job of a worker that died is tried again."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from auditor.model import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_QUEUE = "backend-audit"
_TASK = "scan"
_PAUSE = 1.0


def work(
    url: str, jobs: Sequence[tuple[str, dict[str, Any]]], do: Callable[..., None], count: int, stale: float
) -> None:
    """Queue the jobs (a lock each, so that none is queued twice, and what `do` is given), then work until all are done.

    Several processes may do so at once, on several machines. A worker that gave no sign of life for `stale` seconds
    is taken for dead. Raises UsageError where the queue cannot be had.
    """
    try:
        import procrastinate
    except ImportError:
        raise UsageError("--queue needs procrastinate: pip install 'backend-audit[fleet]'") from None
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, min_size=1, max_size=4))

    @app.task(name=_TASK, queue=_QUEUE, retry=2)
    def scan(**given: Any) -> None:  # noqa: ANN401 - as it was queued
        do(**given)

    asyncio.run(_run(app, jobs, count, stale))


async def _run(app: Any, jobs: Sequence[tuple[str, dict[str, Any]]], count: int, stale: float) -> None:  # noqa: ANN401
    from procrastinate import exceptions

    try:
        async with app.open_async():
            await _prepare(app)
            for lock, given in jobs:
                deferrer = app.configure_task(_TASK, queue=_QUEUE, queueing_lock=lock, lock=lock)
                try:
                    await deferrer.defer_async(**given)
                except exceptions.AlreadyEnqueued:
                    continue
            await _until_done(app, count, stale)
    except exceptions.ConnectorException as error:
        raise UsageError(f"--queue: the queue cannot be used: {type(error.__cause__ or error).__name__}") from None


async def _prepare(app: Any) -> None:  # noqa: ANN401 - an App
    """Make the tables of the queue, once: two processes may start at the same time."""
    async with app.connector.pool.connection() as session:
        await session.execute("select pg_advisory_lock(7262118420014)")
        try:
            found = await (await session.execute("select to_regclass('procrastinate_jobs')")).fetchone()
            if not found or found[0] is None:
                await app.schema_manager.apply_schema_async()
        finally:
            await session.execute("select pg_advisory_unlock(7262118420014)")


async def _until_done(app: Any, count: int, stale: float) -> None:  # noqa: ANN401 - an App
    from procrastinate.jobs import Status

    while True:
        await app.run_worker_async(
            queues=[_QUEUE], concurrency=count, wait=False, install_signal_handlers=False, listen_notify=False,
            update_heartbeat_interval=stale / 3, stalled_worker_timeout=stale,
        )  # fmt: skip
        for job in await app.job_manager.get_stalled_jobs(queue=_QUEUE, seconds_since_heartbeat=stale):
            await _try_again(app, job)
        states = [await _count(app, status) for status in (Status.TODO, Status.DOING)]
        if not any(states):
            return
        await asyncio.sleep(_PAUSE)


async def _try_again(app: Any, job: Any) -> None:  # noqa: ANN401 - an App and a Job
    """Queue the job of a dead worker again. Where it was queued anew meanwhile, the old one gives way: its lock would
    keep the new one waiting. Another worker may have been faster.
    """
    from procrastinate import exceptions
    from procrastinate.jobs import Status

    with contextlib.suppress(exceptions.ConnectorException):
        try:
            await app.job_manager.retry_job(job)
        except exceptions.UniqueViolation:
            await app.job_manager.finish_job(job, Status.ABORTED, delete_job=False)


async def _count(app: Any, status: Any) -> int:  # noqa: ANN401 - an App and a Status
    return len(list(await app.job_manager.list_jobs_async(queue=_QUEUE, status=status.value)))
