"""`casemill expert ...`"""

import typer

from casemill.cli.options import Home, Json, open_workspace, settings_of
from casemill.cli.owners import print_owners
from casemill.models import ExpertDocument
from casemill.operations.owners import owner_summaries

app = typer.Typer(help="Experts: people whose documents make them findable.", no_args_is_help=True)


@app.command("list")
def list_experts(as_json: Json = False, home: Home = None) -> None:
    """All experts, with how many of their documents are in which status."""
    with open_workspace(settings_of(home)) as workspace, workspace.database.read() as session:
        print_owners(
            owner_summaries(session, ExpertDocument),
            "expert",
            "No experts yet; `casemill document add --expert NAME FILE` adds one with a document",
            as_json=as_json,
        )
