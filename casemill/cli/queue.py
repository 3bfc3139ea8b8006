"""`casemill queue ...`"""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from casemill.cli.client import open_api
from casemill.cli.named_numbers import set_and_read
from casemill.cli.options import Home, Json, print_json, settings_of, stdout
from casemill.cli.shown import listing, moment, named, place_in_queue, reasons_to_wait, status_words

app = typer.Typer(help="The queue: what runs, what waits and why, and the limits.", no_args_is_help=True)

User = Annotated[str | None, typer.Option(help="Only this user's queue, by id.")]


@app.command("show")
def show(as_json: Json = False, home: Home = None) -> None:
    """How many jobs are where, the workers, and why each job waits."""
    with open_api(settings_of(home)) as api:
        queue = api.get("/queue")
    if as_json:
        print_json(queue)
    else:
        _print_queue(queue)


@app.command("start")
def start(user: User = None, as_json: Json = False, home: Home = None) -> None:
    """Let jobs start; says so if no worker is there to start them."""
    _act("start", user, as_json, home)


@app.command("pause")
def pause(user: User = None, as_json: Json = False, home: Home = None) -> None:
    """Nothing new starts; what runs goes on."""
    _act("pause", user, as_json, home)


@app.command("resume")
def resume(user: User = None, as_json: Json = False, home: Home = None) -> None:
    """Jobs start again."""
    _act("resumption", user, as_json, home)


@app.command("cancel")
def cancel(
    user: User = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Stop and clear: pause the queue and cancel all that waits and runs. It stays paused until started."""
    if not yes:
        typer.confirm("Cancel all jobs that wait and run?", abort=True, err=True)
    _act("cancellation", user, as_json, home)


@app.command("limits")
def limits(
    values: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE...", help="Limits to set.")
    ] = None,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Show the limits, or set some: `casemill queue limits jobs_at_once=4`."""
    found = set_and_read("/limits", values, int, "jobs_at_once=4", home)
    if as_json:
        print_json(found)
        return
    table = Table("limit", "value", "default", "")
    for limit in found["limits"]:
        table.add_row(limit["name"], str(limit["value"]), str(limit["default"]), limit["description"])
    stdout.print(table)


def _act(action: str, user: str | None, as_json: bool, home: Home) -> None:
    with open_api(settings_of(home)) as api:
        answer = api.post(f"/queue/{action}", params={"user": user} if user else None)
    if as_json:
        print_json(answer)
    else:
        stdout.print(answer["message"], markup=False, highlight=False)


def _print_queue(queue: dict[str, Any]) -> None:
    light = queue["workers"]
    stdout.print(f"[{light['colour']}]●[/] {escape(light['reason'])}", highlight=False)
    if queue["paused"]:
        stdout.print("The queue is paused: nothing new starts. `casemill queue start` lets jobs start")
    counts = queue["counts"]
    stdout.print("  ".join(f"{count} {name}" for name, count in counts.items() if count), highlight=False)
    for alert in queue["alerts"]:
        stdout.print(f"{alert['severity']}: {alert['message']}", style="red", markup=False, highlight=False)
    if cleanup := queue["last_cleanup"]:
        when = f"{moment(cleanup['finished_at'])}, {status_words(cleanup)}"
        said = f"Last cleanup {when}: {cleanup['result'] or ''}"
        stdout.print(said, markup=False, highlight=False)
    table = listing(Column("job", min_width=36, overflow="fold"), "status", "place", "why it waits")
    for found in queue["jobs"]:
        job, why = found["job"], "\n".join(reasons_to_wait(found))
        table.add_row(named(job["name"], job["id"]), status_words(job), place_in_queue(found), escape(why))
    if table.row_count:
        stdout.print(table)
