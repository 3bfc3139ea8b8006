"""`casemill case ...`"""

import typer

from casemill.cli.options import Home, Json, open_workspace, settings_of
from casemill.cli.owners import print_owners
from casemill.models import CaseDocument
from casemill.operations.owners import owner_summaries

app = typer.Typer(help="Cases: matters with documents.", no_args_is_help=True)


@app.command("list")
def list_cases(as_json: Json = False, home: Home = None) -> None:
    """All cases, with how many of their documents are in which status."""
    with open_workspace(settings_of(home)) as workspace, workspace.database.read() as session:
        print_owners(
            owner_summaries(session, CaseDocument),
            "case",
            "No cases yet; `casemill extract FOLDER` makes one of each sub-folder",
            as_json=as_json,
        )
