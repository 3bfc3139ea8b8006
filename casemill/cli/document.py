"""`casemill document ...`"""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from casemill.cli.options import Home, Json, open_workspace, print_json, require_prefect, settings_of, stdout
from casemill.models import CaseDocument, DocumentModel, Expert, ExpertDocument
from casemill.operations.add_document import add_document
from casemill.operations.import_folder import case_named
from casemill.operations.local_user import local_user
from casemill.operations.owners import NotFound, expert_called
from casemill.workspace import Workspace

app = typer.Typer(help="Documents: uploaded files and their text.", no_args_is_help=True)


@app.command("add")
def add(
    files: Annotated[list[Path], typer.Argument(help="PDF or Word files.", exists=True, dir_okay=False)],
    case: Annotated[str | None, typer.Option(help="Case they belong to; made if there is none.")] = None,
    expert: Annotated[str | None, typer.Option(help="Expert they belong to; made if there is none.")] = None,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Add files to a case or an expert; a job reads them and makes them searchable."""
    if (case is None) == (expert is None):
        raise typer.BadParameter("name either --case or --expert, whose documents these are")
    settings = settings_of(home)
    require_prefect(settings)
    from casemill.monitoring.jobs import submit_document_pipeline, user_queue

    with open_workspace(settings) as workspace:
        model: DocumentModel = CaseDocument if case is not None else ExpertDocument
        owner_id = _owner(workspace, case, expert)
        added = [(file, add_document(workspace, model, owner_id, file)) for file in files]
        with workspace.database.write() as session:
            user_id = local_user(session).id
        job = None
        if any(result.is_new for _, result in added):
            job = submit_document_pipeline(user_id, user_queue(settings, user_id, workspace.database))
    if as_json:
        print_json(
            {
                "job_id": job,
                "documents": [
                    {"file": file.name, "document_id": result.document_id, "is_new": result.is_new}
                    for file, result in added
                ],
            }
        )
        return
    for file, result in added:
        what = "added" if result.is_new else "there already"
        stdout.print(f"{file.name}: {what} as {result.document_id}", markup=False, highlight=False)
    if job is not None:
        stdout.print(f"Job {job} reads them", markup=False, highlight=False)


def _owner(workspace: Workspace, case: str | None, expert: str | None) -> UUID:
    with workspace.database.write() as session:
        if case is not None:
            return case_named(session, case).id
        assert expert is not None
        try:
            return expert_called(session, expert).id
        except NotFound:
            person = Expert(name=expert)
            session.add(person)
            return person.id
