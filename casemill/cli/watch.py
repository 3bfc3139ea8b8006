"""Watching a batch until it is over, with a bar for each step."""

import time
from uuid import UUID

from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from casemill.cli.options import stderr
from casemill.db import Database
from casemill.errors import CasemillError
from casemill.models.columns import utc_now
from casemill.operations.batch_progress import (
    BatchStatus,
    batch_named,
    batch_status,
    ledger,
    step_progress,
)

_POLL_SECONDS = 0.5
_ASK_PREFECT_EVERY = 6  # polls
_MOST_SILENT = 10
_SETTLED = (BatchStatus.COMPLETED, BatchStatus.FAILED)


class BatchStopped(CasemillError):
    """All jobs of the batch are over, and it is not done."""


def watch_batch(database: Database, batch_id: UUID) -> BatchStatus:
    """Returns once every row of the ledger is settled; raises BatchStopped if nobody works on it any more."""
    with Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[cases]}"),
        TimeElapsedColumn(),
        console=stderr,
    ) as progress:
        bars: dict[str, TaskID] = {}
        polls = silent = 0
        while True:
            with database.read() as session:
                batch = batch_named(session, batch_id)
                rows = ledger(session, batch_id)
            for step in step_progress(batch, rows):
                if step.name not in bars:
                    bars[step.name] = progress.add_task(step.name, cases="")
                progress.update(bars[step.name], completed=step.done, total=step.total, cases=step.words)
            status = batch_status(rows, utc_now())
            if status in _SETTLED:
                return status
            polls += 1
            if polls % _ASK_PREFECT_EVERY == 0:
                silent = _stop_if_nobody_works(database, batch_id, silent)
            time.sleep(_POLL_SECONDS)


def wait_for_jobs(batch_id: UUID, seconds: float) -> None:
    """Lets the jobs of a batch that is done end by themselves, so that Prefect shows them completed."""
    from casemill.monitoring.jobs import is_over, jobs_of_batch

    deadline = time.monotonic() + seconds
    while not all(map(is_over, jobs_of_batch(batch_id))) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _stop_if_nobody_works(database: Database, batch_id: UUID, silent: int) -> int:
    """How often in a row Prefect was silent. Raises BatchStopped if it stays so, or all jobs are over."""
    from casemill.monitoring.jobs import PrefectUnreachable, is_over, jobs_of_batch

    try:
        jobs = jobs_of_batch(batch_id)
    except PrefectUnreachable as unreachable:
        if silent == _MOST_SILENT:
            raise BatchStopped(f"{unreachable} The batch goes on when it runs again") from unreachable
        return silent + 1
    if jobs and all(map(is_over, jobs)):
        with database.read() as session:
            status = batch_status(ledger(session, batch_id), utc_now())
        if status not in _SETTLED:  # it may have ended since the ledger was last looked at
            said = jobs[-1].state.message if jobs[-1].state else None
            raise BatchStopped(
                f"The jobs of batch {batch_id} are over and it is not done ({said}); "
                f"`casemill batch resume {batch_id}` goes on with what is left"
            )
    return 0
