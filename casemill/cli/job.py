"""`casemill job ...`"""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Column, Table

from casemill.cli.options import Home, Json, open_workspace, print_json, settings_of, stdout
from casemill.models import Job, JobEvent, JobStatus, JobType, TaskAttempt
from casemill.monitoring.read_model import JobFilter, attempts_of, feed_of, job_with_id, jobs
from casemill.operations.local_user import user_called

app = typer.Typer(help="Jobs: what ran, what runs, and what became of it.", no_args_is_help=True)


@app.command("list")
def list_jobs(
    status: Annotated[JobStatus | None, typer.Option(help="Only those.")] = None,
    kind: Annotated[JobType | None, typer.Option("--type", help="Only those.")] = None,
    user: Annotated[str | None, typer.Option(help="Only this user's, by name or id.")] = None,
    text: Annotated[
        str | None, typer.Option("--search", help="In id, name, user, arguments or error.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """The newest jobs first."""
    with open_workspace(settings_of(home)) as workspace, workspace.database.read() as session:
        user_id = user_called(session, user).id if user else None
        found = jobs(session, JobFilter(status, kind, user_id, text), limit)
    if as_json:
        print_json([_summary(job) for job in found])
        return
    if not found:
        asked = status or kind or user or text
        stdout.print("No job matches" if asked else "No jobs yet; `casemill batch start --all` starts some")
        return
    table = Table(Column("job", no_wrap=True), "type", "name", "status", "progress", "created")
    for job in found:
        made = f"{job.created_at:%Y-%m-%d %H:%M} UTC"
        table.add_row(str(job.id), job.type, escape(job.name), _words(job), f"{job.progress:.0f} %", made)
    stdout.print(table)


@app.command("show")
def show(
    job_id: Annotated[UUID, typer.Argument(metavar="JOB", help="Id of the job.")],
    as_json: Json = False,
    home: Home = None,
) -> None:
    """All that is known of a job, with the attempts of its tasks and its feed."""
    with open_workspace(settings_of(home)) as workspace, workspace.database.read() as session:
        job = job_with_id(session, job_id)
        attempts, feed = attempts_of(session, job_id), feed_of(session, job_id)
    if as_json:
        print_json(
            {
                **job.model_dump(mode="json"),
                "attempts": [attempt.model_dump(mode="json") for attempt in attempts],
                "feed": [event.model_dump(mode="json") for event in feed],
            }
        )
        return
    stdout.print(f"[bold]{escape(job.name)}[/bold]  {job.type}  {_words(job)}, {job.progress:.0f} %")
    said = [job.progress_message, job.result, job.error]
    for sentence in dict.fromkeys(sentence for sentence in said if sentence):
        stdout.print(sentence, markup=False, highlight=False)
    times = [("created", job.created_at), ("started", job.started_at), ("finished", job.finished_at)]
    stdout.print("  ".join(f"{name} {_time(at)}" for name, at in times if at), highlight=False)
    _print_attempts(attempts)
    _print_feed(feed)
    if job.traceback:
        stdout.print(job.traceback, markup=False, highlight=False)


def _print_attempts(attempts: Any) -> None:
    if not attempts:
        return
    table = Table("task", "attempt", "status", "seconds", "error")
    found: list[TaskAttempt] = list(attempts)
    for attempt in found:
        took = "" if attempt.duration is None else f"{attempt.duration:.1f}"
        error = f"{attempt.error_type}: {attempt.error}" if attempt.error_type else attempt.error or ""
        table.add_row(escape(attempt.name), str(attempt.attempt), attempt.status, took, escape(error[:200]))
    stdout.print(table)


def _print_feed(feed: Any) -> None:
    events: list[JobEvent] = list(feed)
    for event in events:
        if event.kind != "step":
            told = "  ".join(f"{name}={value}" for name, value in event.data.items() if value is not None)
            stdout.print(f"{_time(event.occurred_at)}  {event.kind}  {told}", markup=False, highlight=False)


def _summary(job: Job) -> dict[str, Any]:
    shown = {
        "id",
        "type",
        "name",
        "status",
        "sub_status",
        "progress",
        "progress_message",
        "user_id",
        "batch_id",
    }
    times = {"created_at", "scheduled_at", "started_at", "finished_at", "execution_seconds", "run_count"}
    return job.model_dump(mode="json", include=shown | times | {"result", "error_type", "error", "processed"})


def _words(job: Job) -> str:
    return f"{job.status} ({job.sub_status})" if job.sub_status else job.status


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
