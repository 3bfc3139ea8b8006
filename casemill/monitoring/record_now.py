"""Jobs recorded the moment something was done to them, for answers that do not wait for the recorder."""

from collections.abc import Collection
from uuid import UUID

from casemill.models.columns import utc_now
from casemill.monitoring.apply_changes import make_due_pending
from casemill.monitoring.jobs import prefect
from casemill.monitoring.reconcile import Reconciler
from casemill.workspace import Workspace


def record_now(workspace: Workspace, job_ids: Collection[UUID]) -> None:
    """What Prefect says of them goes the recorder's way; doing it twice, here and there, is doing it once."""
    if not job_ids:
        return
    with prefect() as client:
        Reconciler(client, workspace.database, workspace.settings.recorded_characters).refresh(job_ids)
    with workspace.database.write() as session:
        make_due_pending(session, utc_now())
