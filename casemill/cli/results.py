"""A batch's outcome, for people and for programs."""

from typing import Any
from uuid import UUID

from rich.markup import escape  # file names and errors are hostile: no markup of theirs is obeyed
from rich.table import Table
from sqlmodel import Session

from casemill.cli.options import print_json, stdout
from casemill.models import Batch, ProcessingStatus, StepState
from casemill.models.columns import utc_now
from casemill.operations.batch_progress import (
    CaseResult,
    batch_named,
    batch_status,
    case_results,
    ledger,
)
from casemill.workspace import Workspace

_MARKS = {
    StepState.COMPLETED: "[green]✓[/]",
    StepState.FAILED: "[red]failed[/]",
    StepState.BLOCKED: "[yellow]blocked[/]",
    StepState.RUNNING: "[cyan]running[/]",
    StepState.PENDING: "[dim]pending[/]",
}


def show_batch(workspace: Workspace, batch_id: UUID, *, as_json: bool) -> None:
    """Raises NotFound."""
    with workspace.database.read() as session:
        batch = batch_named(session, batch_id)
        if as_json:
            print_json(batch_as_json(session, batch))
        else:
            print_batch(session, batch)


def batch_as_json(session: Session, batch: Batch) -> dict[str, Any]:
    return {
        "batch_id": str(batch.id),
        "status": batch_status(ledger(session, batch.id), utc_now()),
        "cases": [
            {
                "case": case.name,
                "case_id": str(case.id),
                "steps": {name: row.state for name, row in case.steps.items()},
                "errors": {name: row.error for name, row in case.steps.items() if row.error},
                "documents": [
                    {
                        "name": document.name,
                        "status": document.status,
                        "reason": document.reason,
                        "detail": document.detail,
                        "pages": document.pages,
                        "characters": document.characters,
                        "citations": document.citations,
                    }
                    for document in case.documents
                ],
            }
            for case in case_results(session, batch)
        ],
    }


def print_batch(session: Session, batch: Batch) -> None:
    """A table of cases and steps, then what failed and what could not be read, with the reasons."""
    cases = case_results(session, batch)
    status = batch_status(ledger(session, batch.id), utc_now())
    table = Table(title=f"Batch {batch.id}: {status}", title_justify="left")
    table.add_column("case", overflow="fold")
    for step in batch.steps:
        table.add_column(step, justify="center", no_wrap=True)
    table.add_column("documents", justify="right", no_wrap=True)
    table.add_column("unreadable", justify="right", no_wrap=True)
    for case in cases:
        unreadable = sum(document.status == ProcessingStatus.FAILED for document in case.documents)
        table.add_row(
            escape(case.name),
            *(_state(case, step) for step in batch.steps),
            str(len(case.documents)),
            str(unreadable or ""),
        )
    stdout.print(table)
    _print_failures(cases)


def _print_failures(cases: list[CaseResult]) -> None:
    table = Table(title="Not done, and why", title_justify="left")
    for column in ("case", "what", "why"):
        table.add_column(column, overflow="fold")
    for case in cases:
        for name, row in case.steps.items():
            if row.state == StepState.FAILED:
                table.add_row(escape(case.name), f"step {name}", escape(f"{row.error_type}: {row.error}"))
        for document in case.documents:
            if document.status == ProcessingStatus.FAILED:
                what = f"{escape(document.name)}\n[red]{document.reason}[/]"
                table.add_row(escape(case.name), what, escape(document.detail or ""))
    if table.row_count:
        stdout.print(table)


def _state(case: CaseResult, step: str) -> str:
    row = case.steps.get(step)
    return step_mark(row.state) if row else ""


def step_mark(state: StepState) -> str:
    return _MARKS[state]
