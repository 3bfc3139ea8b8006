"""`casemill user ...`"""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column

from casemill.cli.client import Api, open_api
from casemill.cli.options import Home, Json, print_json, settings_of, stdout
from casemill.cli.shown import day_and_time, listing
from casemill.errors import NotFound
from casemill.models import Role, Scope

app = typer.Typer(help="Users: who may see, run, and set.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The user's name.")]
Given = Annotated[Role | None, typer.Option("--role", help="viewer sees, operator runs, admin sets.")]
Sees = Annotated[Scope | None, typer.Option("--scope", help="Whose jobs: their own, or all.")]


@app.command("list")
def list_users(as_json: Json = False, home: Home = None) -> None:
    """All users."""
    with open_api(settings_of(home)) as api:
        users = api.all("/users", "users")
    if as_json:
        print_json(users)
        return
    table = listing(Column("name", overflow="fold"), "role", "scope", "e-mail", "created, UTC", "")
    for user in users:
        state = "disabled" if user["disabled_at"] else ""
        shown = [user["name"], user["role"], user["scope"], user["email"] or ""]
        table.add_row(*map(escape, shown), day_and_time(user["created_at"]), state)
    stdout.print(table)


@app.command("add")
def add(
    name: Name,
    role: Annotated[Role, typer.Option(help="viewer sees, operator runs, admin sets.")] = Role.OPERATOR,
    scope: Sees = None,
    email: Annotated[str | None, typer.Option(help="For mail.")] = None,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Add a user. `casemill user link NAME` lets them in for the first time."""
    given = {"name": name, "role": role, "scope": scope, "email": email}
    with open_api(settings_of(home)) as api:
        user = api.post("/users", {key: value for key, value in given.items() if value is not None})
    _print_user(user, as_json)


@app.command("set")
def set_user(
    name: Name,
    role: Given = None,
    scope: Sees = None,
    email: Annotated[str | None, typer.Option(help="For mail.")] = None,
    disabled: Annotated[
        bool | None, typer.Option("--disabled/--enabled", help="Disabled users cannot come in.")
    ] = None,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Change what a user is and may."""
    given = {"role": role, "scope": scope, "email": email, "disabled": disabled}
    with open_api(settings_of(home)) as api:
        wanted = {key: value for key, value in given.items() if value is not None}
        user = api.patch(f"/users/{_id_of(api, name)}", wanted)
    _print_user(user, as_json)


@app.command("password")
def password(name: Name, home: Home = None) -> None:
    """Give a user a new password, asked for here. Their sessions and tokens end."""
    secret = typer.prompt("New password", hide_input=True, confirmation_prompt=True)
    with open_api(settings_of(home)) as api:
        api.put(f"/users/{_id_of(api, name)}/password", {"password": secret})
    stdout.print(f"{name} has a new password", markup=False, highlight=False)


@app.command("link")
def link(name: Name, as_json: Json = False, home: Home = None) -> None:
    """Print a link that signs the user in once."""
    with open_api(settings_of(home)) as api:
        made = api.post(f"/users/{_id_of(api, name)}/login-link")
        made["url"] = f"{api.url}{made['path']}"
    if as_json:
        print_json(made)
    else:
        stdout.print(made["url"], markup=False, highlight=False)


def _id_of(api: Api, name: str) -> str:
    for user in api.all("/users", "users"):
        if name in (user["name"], user["id"]):
            return user["id"]
    raise NotFound(f"No user {name!r}; `casemill user list` shows who there is")


def _print_user(user: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(user)
    else:
        sees = "everybody's jobs" if user["scope"] == Scope.ALL or user["role"] == Role.ADMIN else "own jobs"
        stdout.print(f"{user['name']} is {user['role']} and sees {sees}", markup=False, highlight=False)
