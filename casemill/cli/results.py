"""A batch's outcome, for people and for programs."""

from typing import Any

from rich.table import Table
from sqlmodel import Session

from casemill.cli.options import stdout
from casemill.models import Batch, ProcessingStatus, StepState
from casemill.models.columns import utc_now
from casemill.operations.batch_progress import CaseResult, batch_status, case_results, ledger

_COLOURS = {
    StepState.COMPLETED: "green",
    StepState.FAILED: "red",
    StepState.BLOCKED: "yellow",
    StepState.RUNNING: "cyan",
    StepState.PENDING: "dim",
}


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
    table.add_column("case")
    for step in batch.steps:
        table.add_column(step)
    table.add_column("documents", justify="right")
    table.add_column("unreadable", justify="right")
    for case in cases:
        unreadable = sum(document.status == ProcessingStatus.FAILED for document in case.documents)
        table.add_row(
            _plain(case.name),
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
                table.add_row(_plain(case.name), f"step {name}", _plain(f"{row.error_type}: {row.error}"))
        for document in case.documents:
            if document.status == ProcessingStatus.FAILED:
                why = f"{document.reason}: {document.detail}"
                table.add_row(_plain(case.name), _plain(document.name), _plain(why))
    if table.row_count:
        stdout.print(table)


def _state(case: CaseResult, step: str) -> str:
    row = case.steps.get(step)
    return f"[{_COLOURS[row.state]}]{row.state}[/]" if row else ""


def _plain(text: str) -> str:
    """File names and errors are hostile: no markup of theirs is obeyed."""
    from rich.markup import escape

    return escape(text)
