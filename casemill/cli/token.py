"""`casemill token ...`"""

from typing import Annotated
from uuid import UUID

import typer
from rich.table import Column

from casemill.cli.client import open_api
from casemill.cli.options import Home, Json, print_json, settings_of, stdout
from casemill.cli.shown import day_and_time, listing, named

app = typer.Typer(help="API tokens: what programs sign in with.", no_args_is_help=True)


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    days: Annotated[int | None, typer.Option(min=1, help="It ends after so many days.")] = None,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Make a token and print it, this once."""
    with open_api(settings_of(home)) as api:
        token = api.post("/tokens", {"name": name, "expires_in_days": days})
    if as_json:
        print_json(token)
    else:
        stdout.print(token["secret"], markup=False, highlight=False)


@app.command("list")
def list_tokens(as_json: Json = False, home: Home = None) -> None:
    """Your tokens, without their secrets."""
    with open_api(settings_of(home)) as api:
        found = api.get("/tokens")
    if as_json:
        print_json(found)
        return
    table = listing(Column("token", min_width=36, overflow="fold"), "begins", "created, UTC", "used", "ends")
    for token in found["tokens"]:
        times = [day_and_time(token[f"{name}_at"]) for name in ("created", "used", "expires")]
        table.add_row(named(token["name"], token["id"]), token["hint"], *times)
    stdout.print(table)


@app.command("revoke")
def revoke(
    token_id: Annotated[UUID, typer.Argument(metavar="TOKEN", help="Id of the token.")], home: Home = None
) -> None:
    """End a token at once."""
    with open_api(settings_of(home)) as api:
        api.delete(f"/tokens/{token_id}")
    stdout.print(f"Token {token_id} does not work any more", highlight=False)
