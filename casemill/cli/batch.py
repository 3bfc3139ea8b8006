"""`casemill batch ...`"""

import time
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from casemill.cli.after import AfterJobs, jobs_to_wait_for
from casemill.cli.client import Api, open_api
from casemill.cli.extract import Steps, chosen_steps
from casemill.cli.named_cases import case_ids
from casemill.cli.options import Home, Json, print_json, settings_of, stderr, stdout
from casemill.cli.results import step_mark
from casemill.cli.shown import day_and_time, duration, listing, named
from casemill.models import ProcessingStatus, StepState
from casemill.operations.batch_status import OPEN, BatchStatus
from casemill.steps.chunking import ChunkOptions

app = typer.Typer(help="Batches: cases x steps.", no_args_is_help=True)

_POLL_SECONDS = 0.5

BatchId = Annotated[UUID, typer.Argument(metavar="BATCH", help="Id of the batch.")]
Watch = Annotated[bool, typer.Option("--watch", help="Show its progress until it is over.")]


@app.command("start")
def start(
    case: Annotated[list[str] | None, typer.Option(help="A case, by name or id; again for more.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All cases.")] = False,
    steps: Steps = None,
    chunk_by: Annotated[str | None, typer.Option(help="characters, tokens or delimiter.")] = None,
    chunk_size: Annotated[int | None, typer.Option(help="Largest chunk, in characters or tokens.")] = None,
    chunk_overlap: Annotated[int | None, typer.Option(help="What neighbouring chunks share.")] = None,
    priority: Annotated[
        int, typer.Option(min=0, max=10, help="Goes before your other waiting jobs with less.")
    ] = 0,
    after: AfterJobs = None,
    watch: Watch = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Start a batch; --watch stays until it is over."""
    if bool(case) == everything:
        raise typer.BadParameter("name cases with --case, or take them --all")
    wanted = chosen_steps(steps)
    given = {"method": chunk_by, "size": chunk_size, "overlap": chunk_overlap}
    try:
        chunks = ChunkOptions.model_validate({k: value for k, value in given.items() if value is not None})
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--chunk-...") from error
    with open_api(settings_of(home)) as api:
        order = {
            "case_ids": case_ids(api, case),
            "steps": wanted,
            "options": {"chunk": chunks.model_dump(mode="json")},
            "priority": priority,
            "after": jobs_to_wait_for(after),
        }
        started = api.post("/batches", order, headers={"Idempotency-Key": str(uuid4())})
        for skipped in started["skipped"]:
            said = f"Skipped case {skipped['case_id']}: {skipped['reason']}"
            stderr.print(said, style="yellow", markup=False, highlight=False)
        batch_id = started["batch_id"]
        if watch:
            _watch(api, batch_id, as_json)
        elif as_json:
            print_json(started)
        else:
            stdout.print(f"Batch {batch_id} started; `casemill batch show {batch_id}` tells how it goes")


@app.command("show")
def show(batch_id: BatchId, as_json: Json = False, home: Home = None) -> None:
    """What became of each case, step and document of a batch, and when it will be through."""
    with open_api(settings_of(home)) as api:
        _show(_whole(api, batch_id), as_json)


@app.command("watch")
def watch_batch(batch_id: BatchId, as_json: Json = False, home: Home = None) -> None:
    """Show the progress of a batch until it is over. Exit status 1 if it did not complete."""
    with open_api(settings_of(home)) as api:
        _watch(api, batch_id, as_json)


@app.command("list")
def list_batches(
    status: Annotated[list[BatchStatus] | None, typer.Option(help="Only those; again for more.")] = None,
    page: Annotated[int, typer.Option(min=1, help="Which page.")] = 1,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """The newest batches first."""
    with open_api(settings_of(home)) as api:
        found = api.get("/batches", status=status or None, page=page)
    if as_json:
        print_json(found)
        return
    if not found["batches"]:
        some = status or page > 1
        said = "No batch matches" if some else "No batches yet; `casemill batch start --all` runs one"
        stdout.print(said)
        return
    table = listing(Column("steps, batch", min_width=36, overflow="fold"), "status", "cases", "created, UTC")
    for batch in found["batches"]:
        shown = [named(", ".join(batch["steps"]), batch["batch_id"])]
        shown += [f"{batch['status']}\n{batch['percent']:.0f} %", str(batch["case_count"])]
        table.add_row(*shown, day_and_time(batch["created_at"]))
    stdout.print(table)


@app.command("pause")
def pause(batch_id: BatchId, as_json: Json = False, home: Home = None) -> None:
    """Suspend a batch: steps at hand go on until they end, then it waits."""
    _steer(batch_id, "pause", as_json, home)


@app.command("cancel")
def cancel(batch_id: BatchId, as_json: Json = False, home: Home = None) -> None:
    """Stop a batch. What is done stays; resume goes on with the rest."""
    _steer(batch_id, "cancellation", as_json, home)


@app.command("resume")
def resume(batch_id: BatchId, watch: Watch = False, as_json: Json = False, home: Home = None) -> None:
    """Go on with what is not done of a batch that was paused, cancelled or cut off."""
    _steer(batch_id, "resumption", as_json, home, watch=watch)


@app.command("retry")
def retry(batch_id: BatchId, watch: Watch = False, as_json: Json = False, home: Home = None) -> None:
    """Try again what failed, and what that kept from running."""
    _steer(batch_id, "retry", as_json, home, watch=watch)


@app.command("restart")
def restart(batch_id: BatchId, watch: Watch = False, as_json: Json = False, home: Home = None) -> None:
    """Do all of a batch again from scratch."""
    _steer(batch_id, "restart", as_json, home, watch=watch)


def _steer(batch_id: UUID, action: str, as_json: bool, home: Home, *, watch: bool = False) -> None:
    with open_api(settings_of(home)) as api:
        answer = api.post(f"/batches/{batch_id}/{action}")
        if watch:
            _watch(api, batch_id, as_json)
            return
    if as_json:
        print_json(answer)
        return
    stdout.print(f"Batch {batch_id} is {answer['batch']['status']}", highlight=False)
    for result in answer["results"]:
        said = f"  job {result['job_id']}: {result['detail']}"
        stdout.print(said, markup=False, highlight=False)


def _whole(api: Api, batch_id: UUID | str) -> dict[str, Any]:
    """The batch with all of its cases."""
    batch = api.get(f"/batches/{batch_id}", per_page=200)
    for page in range(2, batch["pages"] + 1):
        batch["cases"] += api.get(f"/batches/{batch_id}", page=page, per_page=200)["cases"]
    return {name: value for name, value in batch.items() if name not in ("page", "pages")}


def _watch(api: Api, batch_id: UUID | str, as_json: bool) -> None:
    with Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[cases]}"),
        TimeElapsedColumn(),
        console=stderr,
    ) as progress:
        bars: dict[str, TaskID] = {}
        while True:
            batch = api.get(f"/batches/{batch_id}", per_page=1)
            for step in batch["step_progress"]:
                name, states = step["name"], step["states"]
                if name not in bars:
                    bars[name] = progress.add_task(name, cases="")
                cases = ", ".join(f"{count} {state}" for state, count in states.items())
                progress.update(bars[name], completed=step["done"], total=step["total"], cases=cases)
            if batch["status"] not in OPEN or batch["status"] == BatchStatus.PAUSED:
                break
            time.sleep(_POLL_SECONDS)
    _show(_whole(api, batch_id), as_json)
    if batch["status"] != BatchStatus.COMPLETED:
        raise typer.Exit(1)


def _show(batch: dict[str, Any], as_json: bool) -> None:
    """A table of cases and steps, then what failed and what could not be read, with the reasons."""
    if as_json:
        print_json(batch)
        return
    said = f"Batch {batch['batch_id']}: {batch['status']}, {batch['percent']:.0f} %"
    table = Table(title=said, title_justify="left")
    table.add_column("case", overflow="fold")
    for step in batch["steps"]:
        table.add_column(step, justify="center", no_wrap=True)
    table.add_column("documents", justify="right", no_wrap=True)
    for case in batch["cases"]:
        steps = [step_mark(StepState(case["steps"][name]["state"])) for name in batch["steps"]]
        table.add_row(escape(case["case"]), *steps, str(len(case["documents"])))
    stdout.print(table)
    if batch["why"]:
        stdout.print(batch["why"], markup=False, highlight=False)
    if batch["status"] in OPEN:
        eta = batch["eta"]
        left = "not known yet"
        if eta:
            low, likely, high = (duration(eta[name]) for name in ("low", "seconds", "high"))
            left = f"{likely} ({low} to {high}), {eta['basis']}"
        stdout.print(f"Time left: {left}", markup=False, highlight=False)
    _print_failures(batch)


def _print_failures(batch: dict[str, Any]) -> None:
    table = Table(title="Not done, and why", title_justify="left")
    for column in ("case", "what", "why"):
        table.add_column(column, overflow="fold")
    for failure in batch["failures"]:
        why = f"{failure['error_type']}: {failure['error']}"
        table.add_row(*map(escape, (failure["case"], f"step {failure['step']}", why)))
    for case in batch["cases"]:
        for document in case["documents"]:
            if document["status"] == ProcessingStatus.FAILED:
                what = f"{escape(document['name'])}\n[red]{document['reason']}[/]"
                table.add_row(escape(case["case"]), what, escape(document["detail"] or ""))
    if table.row_count:
        stdout.print(table)
