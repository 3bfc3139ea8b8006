"""What `casemill up --demo` shows: cases and experts with documents, and a batch over the cases."""

from uuid import NAMESPACE_URL, uuid5

from casemill.local.demo_documents import write_demo_cases, write_demo_experts
from casemill.models import Expert, ExpertDocument
from casemill.monitoring.batches import begin_batch
from casemill.monitoring.jobs import submit_document_pipeline, user_queue
from casemill.operations.add_document import add_document
from casemill.operations.import_folder import case_folders, import_case
from casemill.operations.local_user import local_user
from casemill.operations.start_batch import open_cases
from casemill.steps.options import BatchOptions
from casemill.workspace import Workspace

_DEMO = uuid5(NAMESPACE_URL, "casemill:demo")


def run_demo(workspace: Workspace) -> str:
    """A sentence about what was begun. Doing it again adds nothing, and goes on with what was left open."""
    folder = workspace.settings.home / "demo"
    write_demo_cases(folder / "cases")
    case_ids = [import_case(workspace, case)[0] for case in case_folders(folder / "cases")]
    with workspace.database.write() as session:
        user_id = local_user(session).id
    if _add_experts(workspace):
        submit_document_pipeline(user_id, user_queue(workspace.settings, user_id, workspace.database))
    batch_id = begin_batch(workspace, case_ids, [], BatchOptions(), user_id, batch_id=_DEMO)
    with workspace.database.read() as session:
        left = len(open_cases(session, batch_id))
    if not left:
        return f"The demo batch {batch_id} is complete"
    return f"The demo batch runs over {left} cases; `casemill batch show {batch_id}` tells how it goes"


def _add_experts(workspace: Workspace) -> int:
    """How many documents are new."""
    new = 0
    for name, files in write_demo_experts(workspace.settings.home / "demo" / "experts"):
        expert_id = uuid5(_DEMO, name)
        with workspace.database.write() as session:
            if session.get(Expert, expert_id) is None:
                session.add(Expert(id=expert_id, name=name))
        new += sum(add_document(workspace, ExpertDocument, expert_id, file).is_new for file in files)
    return new
