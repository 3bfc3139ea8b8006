"""`casemill cleanup` and `casemill retention`."""

import time
from typing import Annotated, Any

import typer
from rich.markup import escape

from casemill.cli.client import Api, ApiRefused, open_api
from casemill.cli.named_numbers import set_and_read
from casemill.cli.options import Home, Json, print_json, settings_of, stdout
from casemill.cli.shown import listing, moment, status_words
from casemill.models import OVER, JobStatus

_UNRECORDED_SECONDS = 60


def cleanup(
    delete: Annotated[
        bool, typer.Option("--delete/--dry-run", help="Delete it, or only say how much it would be.")
    ] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """What is past its time: how much it is; with --delete it goes. Exit status 1 if not all did."""
    with open_api(settings_of(home)) as api:
        started = api.post("/deployments/job-cleanup/runs", {"parameters": {"dry_run": not delete}})
        job = _ended(api, started["job_id"])
        report = _report(api, job["id"])
    if as_json:
        print_json({"job_id": job["id"], "status": job["status"], "dry_run": not delete, "removed": report})
    else:
        _print_report(report, deleted=delete)
        said = job["result"] or job["error"] or ""
        stdout.print(f"{status_words(job)}: {said}", markup=False, highlight=False)
    if job["status"] != JobStatus.COMPLETED:
        raise typer.Exit(1)


def retention(
    values: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE...", help="Classes to keep so long.")
    ] = None,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """How long what is over is kept, or change it: `casemill retention failed_run_days=14`."""
    found = set_and_read("/retention", values, float, "failed_run_days=14", home)
    if as_json:
        print_json(found)
        return
    table = listing("class", "kept", "default", "removed", "")
    for one in found["retention"]:
        removed = "" if one["removed"] is None else str(one["removed"])
        table.add_row(one["name"], f"{one['value']:g}", f"{one['default']:g}", removed, one["covers"])
    stdout.print(table)
    if last := found["last_cleanup"]:
        said = f"Last cleanup {moment(last['finished_at'])}, {status_words(last)}: {last['result'] or ''}"
        stdout.print(said, markup=False, highlight=False)


def _ended(api: Api, job_id: str) -> dict[str, Any]:
    """The job, once it is over. It is known here a moment after Prefect has it."""
    deadline = time.monotonic() + _UNRECORDED_SECONDS
    while True:
        try:
            job = api.get(f"/jobs/{job_id}/poll")
        except ApiRefused as refused:
            if refused.status != 404 or time.monotonic() > deadline:
                raise
            time.sleep(1)
        else:
            if job["status"] in OVER:
                return job


def _report(api: Api, job_id: str) -> list[dict[str, Any]]:
    """None of a cleanup that did not come to its end: another one runs, or it crashed."""
    try:
        return api.get(f"/cleanups/{job_id}")["removed"]
    except ApiRefused as refused:
        if refused.status != 404:
            raise
        return []


def _print_report(report: list[dict[str, Any]], *, deleted: bool) -> None:
    rows = [one for one in report if one["removed"] or one["left"] or one["why"]]
    if not rows:
        return
    table = listing("what", "removed" if deleted else "would be removed", "left", "why")
    for one in rows:
        table.add_row(one["what"], str(one["removed"]), str(one["left"] or ""), escape(one["why"]))
    stdout.print(table)
