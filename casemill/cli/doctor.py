"""`casemill doctor`: is each part well, and if not, what mends it."""

import typer
from rich.table import Table

from casemill.cli.options import Home, Json, print_json, settings_of, stdout
from casemill.local.checkup import checkup


def doctor(as_json: Json = False, home: Home = None) -> None:
    """Check each part by using it, and say what mends it. Exit status 1 if one is ill."""
    findings = checkup(settings_of(home))
    if as_json:
        print_json([{"part": found.part, "health": found.health, "says": found.says} for found in findings])
    else:
        table = Table("part", "health", "what it says")
        colours = {"well": "green", "missing": "yellow", "ill": "red"}
        for found in findings:
            table.add_row(
                found.part,
                f"[{colours[found.health]}]{found.health}[/]",
                stdout.render_str(found.says, markup=False),
            )
        stdout.print(table)
    if any(found.health == "ill" for found in findings):
        raise typer.Exit(1)
