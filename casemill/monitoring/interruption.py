"""How a flow run ends that is interrupted between its steps: paused, cancelled, or shut down."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import cast

from prefect.context import FlowRunContext
from prefect.exceptions import TerminationSignal
from prefect.task_runners import ThreadPoolTaskRunner

from casemill.models import Attempt
from casemill.operations.claims import lease_kept
from casemill.workspace import Workspace


@contextmanager
def ending_in_order(workspace: Workspace, attempt: Attempt) -> Generator[None]:
    """Keeps the attempt's claims until the last of its tasks has ended, whatever ends the block.

    Paused, the tasks at hand go on to their end. Told to end, those that read or search documents are cut
    off, and their documents and steps wait for the next job: a document that takes minutes holds nobody.
    """
    with lease_kept(workspace.database, attempt, workspace.lease):
        try:
            yield
        except TerminationSignal:
            workspace.sandbox.close()
            _wait_for_tasks()
            raise
        except BaseException:
            _wait_for_tasks()
            raise


def _wait_for_tasks() -> None:
    """Those that have not begun never do."""
    context = FlowRunContext.get()
    runner = cast(object, context.task_runner) if context else None
    if isinstance(runner, ThreadPoolTaskRunner):
        runner.cancel_all()
