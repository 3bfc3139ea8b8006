"""The command `casemill`: one file a noun."""

import sys

import typer
from rich.console import Console

from casemill.cli import (
    api,
    batch,
    case,
    cleanup,
    doctor,
    document,
    expert,
    extract,
    job,
    mail,
    queue,
    recorder,
    schedule,
    search,
    token,
    up,
    user,
)
from casemill.errors import CasemillError

app = typer.Typer(
    name="casemill",
    help="Document work in the background, and the truth about it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up")(up.up)
app.command("recorder")(recorder.recorder)
app.command("api")(api.api)
app.command("doctor")(doctor.doctor)
app.command("extract")(extract.extract)
app.command("search")(search.search)
app.command("cleanup")(cleanup.cleanup)
app.command("retention")(cleanup.retention)
app.add_typer(case.app, name="case")
app.add_typer(document.app, name="document")
app.add_typer(expert.app, name="expert")
app.add_typer(batch.app, name="batch")
app.add_typer(job.app, name="job")
app.add_typer(queue.app, name="queue")
app.add_typer(schedule.app, name="schedule")
app.add_typer(user.app, name="user")
app.add_typer(token.app, name="token")
app.add_typer(mail.app, name="mail")


def main() -> None:
    """Errors of ours are a sentence on stderr and exit status 1; those of usage 2."""
    try:
        app()
    except CasemillError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
