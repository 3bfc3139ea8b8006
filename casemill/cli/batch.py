"""`casemill batch ...`"""

from typing import Annotated
from uuid import UUID

import typer
from rich.table import Column, Table
from sqlmodel import col, select

from casemill.cli.extract import Steps, chosen_steps
from casemill.cli.options import Home, Json, open_workspace, print_json, require_prefect, settings_of, stdout
from casemill.cli.results import show_batch
from casemill.cli.watch import watch_batch
from casemill.models import Batch
from casemill.models.columns import utc_now
from casemill.operations.batch_progress import BatchStatus, batch_status, ledger
from casemill.operations.extraction_batch import all_cases
from casemill.operations.local_user import local_user
from casemill.operations.owners import case_called
from casemill.settings import Settings
from casemill.steps.chunking import ChunkOptions
from casemill.steps.options import BatchOptions

app = typer.Typer(help="Batches: cases x steps.", no_args_is_help=True)

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
    settings = settings_of(home)
    require_prefect(settings)
    from casemill.monitoring.batches import begin_batch

    with open_workspace(settings) as workspace:
        with workspace.database.write() as session:
            user_id = local_user(session).id
            if everything:
                cases = all_cases(session)
            else:
                cases = [case_called(session, name).id for name in case or ()]
        batch_id = begin_batch(workspace, cases, wanted, BatchOptions(chunk=chunks), user_id)
    _follow(settings, batch_id, watch=watch, as_json=as_json)


@app.command("resume")
def resume(batch_id: BatchId, watch: Watch = False, as_json: Json = False, home: Home = None) -> None:
    """Run again what is not done of a batch; what is done stays."""
    settings = settings_of(home)
    require_prefect(settings)
    from casemill.monitoring.batches import submit_open_cases

    with open_workspace(settings) as workspace:
        submit_open_cases(workspace, batch_id)
    _follow(settings, batch_id, watch=watch, as_json=as_json)


@app.command("show")
def show(batch_id: BatchId, as_json: Json = False, home: Home = None) -> None:
    """What became of each case, step and document of a batch."""
    with open_workspace(settings_of(home)) as workspace:
        show_batch(workspace, batch_id, as_json=as_json)


@app.command("list")
def list_batches(as_json: Json = False, home: Home = None) -> None:
    """The newest batches first."""
    with open_workspace(settings_of(home)) as workspace, workspace.database.read() as session:
        newest = session.exec(select(Batch).order_by(col(Batch.created_at).desc()).limit(50)).all()
        found = [(batch, ledger(session, batch.id)) for batch in newest]
    if as_json:
        print_json(
            [
                {
                    "batch_id": batch.id,
                    "status": batch_status(rows, utc_now()),
                    "cases": len({row.case_id for row in rows}),
                    "steps": batch.steps,
                    "created_at": batch.created_at.isoformat(),
                }
                for batch, rows in found
            ]
        )
        return
    if not found:
        stdout.print("No batches yet; `casemill batch start --all` runs one over all cases")
        return
    table = Table(Column("batch", no_wrap=True), "status", "cases", "steps", "created")
    for batch, rows in found:
        table.add_row(
            str(batch.id),
            batch_status(rows, utc_now()),
            str(len({row.case_id for row in rows})),
            ", ".join(batch.steps),
            f"{batch.created_at:%Y-%m-%d %H:%M} UTC",
        )
    stdout.print(table)


def _follow(settings: Settings, batch_id: UUID, *, watch: bool, as_json: bool) -> None:
    with open_workspace(settings) as workspace:
        if not watch:
            if as_json:
                print_json({"batch_id": batch_id})
            else:
                stdout.print(f"Batch {batch_id} started; `casemill batch show {batch_id}` tells how it goes")
            return
        status = watch_batch(workspace.database, batch_id)
        show_batch(workspace, batch_id, as_json=as_json)
    if status == BatchStatus.FAILED:
        raise typer.Exit(1)
