"""`casemill job ...`"""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Column, Table

from casemill.cli.client import Api, ApiRefused, open_api
from casemill.cli.live import events_of_job
from casemill.cli.options import Home, Json, print_json, settings_of, stderr, stdout
from casemill.cli.shown import day_and_time, listing, moment, named, reasons_to_wait, status_words
from casemill.models import JobStatus, JobType

app = typer.Typer(help="Jobs: what ran, what runs, and every control over it.", no_args_is_help=True)

JobId = Annotated[UUID, typer.Argument(metavar="JOB", help="Id of the job.")]
JobIds = Annotated[list[UUID], typer.Argument(metavar="JOB...", help="Ids of jobs.")]


@app.command("list")
def list_jobs(
    status: Annotated[list[JobStatus] | None, typer.Option(help="Only those; again for more.")] = None,
    kind: Annotated[list[JobType] | None, typer.Option("--type", help="Only those; again for more.")] = None,
    user: Annotated[str | None, typer.Option(help="Only this user's, by name or id.")] = None,
    batch: Annotated[UUID | None, typer.Option(help="Only this batch's.")] = None,
    text: Annotated[
        str | None, typer.Option("--search", help="In id, name, user, arguments or error.")
    ] = None,
    page: Annotated[int, typer.Option(min=1, help="Which page.")] = 1,
    limit: Annotated[int, typer.Option(min=1, max=200, help="So many a page.")] = 50,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """The newest jobs first."""
    asked = {"status": status or None, "type": kind or None, "user": user, "batch": batch, "q": text}
    with open_api(settings_of(home)) as api:
        found = api.get("/jobs", page=page, per_page=limit, **asked)
    if as_json:
        print_json(found)
        return
    if not found["jobs"]:
        some = any(asked.values()) or page > 1
        stdout.print("No job matches" if some else "No jobs yet; `casemill batch start --all` starts some")
        return
    table = listing(Column("job", min_width=36, overflow="fold"), "type, status", "done", "created, UTC")
    for job in found["jobs"]:
        shown = [named(job["name"], job["id"]), f"{job['type']}\n{status_words(job)}"]
        table.add_row(*shown, f"{job['progress']:.0f} %", day_and_time(job["created_at"]))
    stdout.print(table)
    stdout.print(f"page {found['page']} of {found['pages']}, {found['total']} jobs", style="dim")


@app.command("show")
def show(job_id: JobId, as_json: Json = False, home: Home = None) -> None:
    """All that is known of a job, with the attempts of its tasks and why it waits."""
    with open_api(settings_of(home)) as api:
        job = api.get(f"/jobs/{job_id}")
    if as_json:
        print_json(job)
    else:
        _print_job(job)


@app.command("logs")
def logs(job_id: JobId, as_json: Json = False, home: Home = None) -> None:
    """What the job logged."""
    with open_api(settings_of(home)) as api:
        found = api.get(f"/jobs/{job_id}/logs")
    if as_json:
        print_json(found)
        return
    for line in found["logs"]:
        said = f"{moment(line['at'])}  {line['level']}  {line['message']}"
        stdout.print(said, markup=False, highlight=False)


@app.command("watch")
def watch(job_id: JobId, as_json: Json = False, home: Home = None) -> None:
    """What becomes of a job, as it happens, until it is over. Exit status 1 if it did not complete."""
    with open_api(settings_of(home)) as api:
        for kind, told in events_of_job(api, job_id):
            if not as_json:
                _print_event(kind, told)
        job = api.get(f"/jobs/{job_id}")
    if as_json:
        print_json(job)
    else:
        _print_job(job)
    if job["status"] != JobStatus.COMPLETED:
        raise typer.Exit(1)


@app.command("cancel")
def cancel(
    job_ids: JobIds,
    why: Annotated[str | None, typer.Option(help="Told to whoever looks at it later.")] = None,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Stop jobs. They are cancelling until their processes are gone, then cancelled."""
    body = {"why": why} if why else None
    _act_on(job_ids, lambda api, job_id: api.post(f"/jobs/{job_id}/cancellation", body), as_json, home)


@app.command("pause")
def pause(job_ids: JobIds, as_json: Json = False, home: Home = None) -> None:
    """Suspend jobs: the step at hand goes on until it ends, then they wait."""
    _act_on(job_ids, lambda api, job_id: api.post(f"/jobs/{job_id}/pause"), as_json, home)


@app.command("resume")
def resume(job_ids: JobIds, as_json: Json = False, home: Home = None) -> None:
    """Let paused jobs go on."""
    _act_on(job_ids, lambda api, job_id: api.post(f"/jobs/{job_id}/resumption"), as_json, home)


@app.command("retry")
def retry(job_ids: JobIds, as_json: Json = False, home: Home = None) -> None:
    """Run failed or cancelled jobs again, from the step that failed."""
    _act_on(job_ids, lambda api, job_id: api.post(f"/jobs/{job_id}/retry"), as_json, home)


@app.command("restart")
def restart(job_ids: JobIds, as_json: Json = False, home: Home = None) -> None:
    """Run jobs that are over again from scratch, with the same parameters."""
    _act_on(job_ids, lambda api, job_id: api.post(f"/jobs/{job_id}/restart"), as_json, home)


@app.command("delete")
def delete(job_ids: JobIds, as_json: Json = False, home: Home = None) -> None:
    """Forget jobs that are over: their rows, their attempts, their runs in Prefect."""

    def forget(api: Api, job_id: UUID) -> dict[str, Any]:
        api.delete(f"/jobs/{job_id}")
        return {"id": str(job_id), "status": "deleted"}

    _act_on(job_ids, forget, as_json, home)


def _act_on(
    job_ids: list[UUID], act: Callable[[Api, UUID], dict[str, Any]], as_json: bool, home: Home
) -> None:
    """Each job by itself: one that refuses stops no other. Exit status 1 if one did."""
    results: list[dict[str, Any]] = []
    with open_api(settings_of(home)) as api:
        for job_id in job_ids:
            try:
                results.append({"job_id": str(job_id), "done": True, "job": act(api, job_id)})
            except ApiRefused as refused:
                results.append({"job_id": str(job_id), "done": False, "detail": str(refused)})
    if as_json:
        print_json(results)
    else:
        for result in results:
            if result["done"]:
                stdout.print(f"{result['job_id']}  {status_words(result['job'])}", highlight=False)
            else:
                stderr.print(f"{result['job_id']}  {result['detail']}", style="red", markup=False)
    if not all(result["done"] for result in results):
        raise typer.Exit(1)


def _print_job(job: dict[str, Any]) -> None:
    stdout.print(
        f"[bold]{escape(job['name'])}[/bold]  {job['type']}  {status_words(job)}, {job['progress']:.0f} %"
    )
    said = [job["progress_message"], job["asked_why"], job["result"], job["error"]]
    if job["status"] == JobStatus.CANCELLED:
        said.append(job["state_message"])
    said += reasons_to_wait(job)
    for sentence in dict.fromkeys(sentence for sentence in said if sentence):
        stdout.print(sentence, markup=False, highlight=False)
    for heading, others in (("waits for", job["waits_for"]), ("waited on by", job["waited_on_by"])):
        for other in others:
            called = other["name"] or other["job_id"] or "a job of others"
            said_of_it = f"{heading} {called}: {other['on']}, {other['state']}"
            stdout.print(said_of_it, markup=False, highlight=False)
    times = [(name, job[f"{name}_at"]) for name in ("created", "started", "finished")]
    stdout.print("  ".join(f"{name} {moment(at)}" for name, at in times if at), highlight=False)
    _print_attempts(job["attempts_of_tasks"])
    if job["traceback"]:
        stdout.print(job["traceback"], markup=False, highlight=False)


def _print_attempts(attempts: list[dict[str, Any]]) -> None:
    if not attempts:
        return
    table = Table("task", "attempt", "status", "seconds", "error")
    for attempt in attempts:
        took = "" if attempt["duration"] is None else f"{attempt['duration']:.1f}"
        error = ": ".join(part for part in (attempt["error_type"], attempt["error"]) if part)
        shown = [escape(attempt["name"]), str(attempt["attempt"]), attempt["status"], took]
        table.add_row(*shown, escape(error[:200]))
    stdout.print(table)


def _print_event(kind: str, told: dict[str, Any]) -> None:
    hidden = ("job_id", "task_run_id", "occurred_at", "id")
    said = "  ".join(
        f"{name}={value}" for name, value in told.items() if value is not None and name not in hidden
    )
    stdout.print(f"{moment(told.get('occurred_at'))}  {kind}  {said}", markup=False, highlight=False)
