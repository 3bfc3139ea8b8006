"""`casemill schedule ...`"""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from casemill.cli.client import Api, open_api
from casemill.cli.extract import Steps, chosen_steps
from casemill.cli.named_cases import case_ids
from casemill.cli.options import BadUsage, Home, Json, print_json, settings_of, stdout
from casemill.cli.shown import moment, status_words
from casemill.errors import NotFound

app = typer.Typer(help="What starts by the clock.", no_args_is_help=True)

Which = Annotated[
    str, typer.Argument(metavar="SCHEDULE", help="Name or id; of Casemill's own, that of its deployment.")
]


@app.command("list")
def list_schedules(as_json: Json = False, home: Home = None) -> None:
    """Schedules of batches, then Casemill's own, each with its next run."""
    with open_api(settings_of(home)) as api:
        batches, own = _batches(api), _own(api)
    if as_json:
        print_json({"batch_schedules": batches, "schedules": own})
        return
    table = Table(Column("schedule", overflow="fold"), "status", "when", "next run", "last run")
    for one in batches:
        when = f"{one['cron']} ({one['timezone']})" if one["cron"] else f"once, {moment(one['at'])}"
        last = f"{moment(one['last_run_at'])}\n{escape(one['last_words'] or '')}".strip()
        table.add_row(escape(one["name"]), one["status"], when, _next(one), last)
    for one in own:
        last = f"{moment(ran['at'])}\n{status_words(ran)}" if (ran := one["last_run"]) else ""
        table.add_row(one["name"], "active" if one["active"] else "paused", _when(one), _next(one), last)
    stdout.print(table)


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    at: Annotated[str | None, typer.Option(help="Once, at this time, as in 2026-11-23T22:00.")] = None,
    cron: Annotated[str | None, typer.Option(help='Again and again, as in "0 22 * * 1-5".')] = None,
    timezone: Annotated[str | None, typer.Option(help="Whose clocks; Casemill's if not given.")] = None,
    case: Annotated[list[str] | None, typer.Option(help="A case, by name or id; again for more.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All cases there are when it runs.")] = False,
    search: Annotated[str | None, typer.Option(help="Cases with this in their name when it runs.")] = None,
    steps: Steps = None,
    priority: Annotated[int, typer.Option(min=0, max=10, help="As of a batch.")] = 0,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Start a batch at a time to come, or again and again."""
    if [bool(case), everything, search is not None].count(True) != 1:
        raise BadUsage("name cases with --case, find them with --search, or take them --all")
    if (at is None) == (cron is None):
        raise BadUsage("say when with --at, for once, or with --cron, for again and again")
    new = {
        "name": name,
        "all_cases": everything,
        "search": search,
        "steps": chosen_steps(steps),
        "priority": priority,
        "at": at,
        "cron": cron,
        "timezone": timezone,
    }
    with open_api(settings_of(home)) as api:
        chosen = case_ids(api, case) if case else []
        made = api.post("/batch-schedules", new | {"case_ids": chosen})
    if as_json:
        print_json(made)
    else:
        stdout.print(f"{made['name']}: first run {_next(made)}", markup=False, highlight=False)


@app.command("pause")
def pause(which: Which, as_json: Json = False, home: Home = None) -> None:
    """It starts nothing until it is resumed; what it has started goes on."""
    _steer(which, "pause", as_json, home)


@app.command("resume")
def resume(which: Which, as_json: Json = False, home: Home = None) -> None:
    """What it missed while it was paused is not made up for."""
    _steer(which, "resumption", as_json, home)


@app.command("run")
def run(which: Which, as_json: Json = False, home: Home = None) -> None:
    """Start what it starts, now."""
    with open_api(settings_of(home)) as api:
        path, name = _path(api, which)
        started = api.post(f"{path}/runs")
    if as_json:
        print_json(started)
    else:
        said = f"{name}: job {started['job_id']} started; `casemill job watch` shows it"
        stdout.print(said, markup=False, highlight=False)


@app.command("delete")
def delete(which: Which, home: Home = None) -> None:
    """Only schedules of batches; what they started stays. Casemill's own can be paused."""
    with open_api(settings_of(home)) as api:
        found = _called(_batches(api), which)
        if found is None:
            raise NotFound(f"No schedule of batches {which!r}; `casemill schedule list` shows what there is")
        api.delete(f"/batch-schedules/{found['id']}")
    stdout.print(f"{found['name']} is deleted", markup=False, highlight=False)


def _steer(which: str, action: str, as_json: bool, home: Home) -> None:
    with open_api(settings_of(home)) as api:
        path, name = _path(api, which)
        answer = api.post(f"{path}/{action}")
    if as_json:
        print_json(answer)
        return
    next_run = _next(answer)
    said = f"next run {next_run}" if next_run else "paused"
    stdout.print(f"{name}: {said}", markup=False, highlight=False)


def _path(api: Api, which: str) -> tuple[str, str]:
    """Of the schedule of batches called so, or else of Casemill's own. Raises NotFound."""
    if found := _called(_batches(api), which):
        return f"/batch-schedules/{found['id']}", found["name"]
    if found := _called(_own(api), which) or _called(_own(api), f"{which}/default"):
        return f"/schedules/{found['id']}", found["name"]
    raise NotFound(f"No schedule {which!r}; `casemill schedule list` shows what there is")


def _batches(api: Api) -> list[dict[str, Any]]:
    return api.get("/batch-schedules")["schedules"]


def _own(api: Api) -> list[dict[str, Any]]:
    return api.get("/schedules")["schedules"]


def _called(found: list[dict[str, Any]], which: str) -> dict[str, Any] | None:
    """By id or name. Several users may call theirs the same: then only an id says which."""
    matching = [one for one in found if which in (one["id"], one["name"])]
    if len(matching) > 1:
        ids = ", ".join(one["id"] for one in matching)
        raise NotFound(f"{len(matching)} schedules are called {which!r}; name one by id: {ids}")
    return matching[0] if matching else None


def _when(own: dict[str, Any]) -> str:
    if own["every_seconds"]:
        return f"every {own['every_seconds'] / 60:g} min"
    return f"{own['cron'] or own['rrule']} ({own['timezone']})"


def _next(shown: dict[str, Any]) -> str:
    return moment(shown["next_runs"][0]) if shown["next_runs"] else ""
