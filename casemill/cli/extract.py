"""`casemill extract FOLDER`: files become cases, a batch runs over them, the outcome is shown."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from casemill.cli.options import (
    Home,
    Json,
    PrefectPort,
    connect_prefect,
    open_workspace,
    settings_of,
    stderr,
)
from casemill.cli.results import show_batch
from casemill.cli.watch import wait_for_jobs, watch_batch
from casemill.local.stack import Stack, free_port, running_api_url
from casemill.operations.batch_progress import BatchStatus
from casemill.operations.import_folder import NothingToImport, case_folders, import_case
from casemill.operations.local_user import local_user
from casemill.steps.all import REGISTRY
from casemill.steps.options import BatchOptions
from casemill.steps.registry import StepNotRegistered

_LET_JOBS_END_SECONDS = 20

Steps = Annotated[
    str | None,
    typer.Option("--steps", help="Steps to run, separated by commas; what they require is added."),
]


def extract(
    folder: Annotated[
        Path, typer.Argument(help="Each sub-folder is a case; files directly in it are one more.")
    ],
    steps: Steps = None,
    as_json: Json = False,
    home: Home = None,
    prefect_port: PrefectPort = None,
) -> None:
    """Import a folder of PDF and Word files and run a batch over it. Exit status 1 if a step failed."""
    wanted = chosen_steps(steps)
    try:
        cases = case_folders(folder)
    except NothingToImport as error:
        raise typer.BadParameter(str(error), param_hint="FOLDER") from error
    settings = settings_of(home, prefect_port)
    with ExitStack() as opened:
        api_url = running_api_url(settings)
        own = None
        if api_url is None:
            settings = settings.model_copy(update={"prefect_port": free_port(settings.prefect_port)})
            own = opened.enter_context(Stack(settings, _say, with_api=False))
            api_url = own.api_url
        connect_prefect(settings, api_url)
        from casemill.monitoring.batches import begin_batch  # imports Prefect

        workspace = opened.enter_context(open_workspace(settings))
        with Progress(console=stderr, transient=True) as progress:
            case_ids = [
                import_case(workspace, case)[0] for case in progress.track(cases, description="importing")
            ]
        with workspace.database.write() as session:
            user_id = local_user(session).id
        batch_id = begin_batch(workspace, case_ids, wanted, BatchOptions(), user_id)
        status = watch_batch(workspace.database, batch_id)
        if own is not None:
            wait_for_jobs(batch_id, _LET_JOBS_END_SECONDS)
        show_batch(workspace, batch_id, as_json=as_json)
    if status == BatchStatus.FAILED:
        raise typer.Exit(1)


def chosen_steps(steps: str | None) -> list[str]:
    """The names given, or all; BadParameter for one that is not a step."""
    names = [name.strip() for name in steps.split(",") if name.strip()] if steps else list(REGISTRY)
    try:
        return [step.name for step in REGISTRY.plan(names)]
    except StepNotRegistered as error:
        raise typer.BadParameter(str(error), param_hint="--steps") from error


def _say(sentence: str) -> None:
    stderr.print(sentence, style="dim", highlight=False, markup=False)
