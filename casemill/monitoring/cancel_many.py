"""Many cancellations with one client: opening one costs more than asking."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from uuid import UUID

from casemill.monitoring import job_controls
from casemill.monitoring.jobs import prefect, telling_unreachable
from casemill.workspace import Workspace


@contextmanager
def cancelling(workspace: Workspace, why: str | None = None) -> Generator[Callable[[UUID], None]]:
    """A job_controls.cancel that threads may share, and that raises what it raises."""
    with prefect() as client:

        def cancel(job_id: UUID) -> None:
            with telling_unreachable():
                at_most = workspace.settings.recorded_characters
                job_controls.stop(client, workspace.database, at_most, job_id, why)

        yield cancel
