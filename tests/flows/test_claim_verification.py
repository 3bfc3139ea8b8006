"""The flow that sends a claim's link: on a real Prefect server, by a real mail server."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, State
from prefect.settings import PREFECT_API_URL

from casemill.errors import NotFound
from casemill.mail.contract import MailRefused
from casemill.models import MailState, OutgoingMail
from casemill.models.columns import utc_now
from casemill.monitoring.telling import FAILED_ATTEMPT
from casemill.operations.claim_expert import claim_expert, mail_of_claim
from casemill.operations.claim_link import claim_link
from casemill.settings import CHECKOUT
from casemill.workspace import Workspace
from flows.claim_verification import claim_verification
from tests.concurrency import becomes_true
from tests.conftest import NewOwner
from tests.flows.mail_office import office
from tests.mail.post_office import PostOffice

__all__ = ["office"]

USER_ID = uuid4()


@pytest.fixture
def claim(flow_workspace: Workspace, new_expert: NewOwner) -> UUID:
    with flow_workspace.database.write() as session:
        made = claim_expert(
            session,
            new_expert(flow_workspace, "Dr. Grey"),
            "jane.doe@example.org",
            USER_ID,
            timedelta(hours=48),
            utc_now(),
        )
    assert made is not None
    return made.id


def mail_of(workspace: Workspace, claim: UUID) -> OutgoingMail:
    with workspace.database.read() as session:
        return mail_of_claim(session, claim)


def run_of(state: State) -> FlowRun:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(state.state_details.flow_run_id)


def failed_attempts(run_id: UUID) -> list[dict[str, Any]]:
    """What the tasks of this job told the recorder of their failures."""
    asked = {
        "event": {"name": [FAILED_ATTEMPT]},
        "related": {"id": [f"prefect.flow-run.{run_id}"]},
    }
    with get_client(sync_client=True) as client:
        found = client.request("POST", "/events/filter", json={"filter": asked}).json()["events"]
    return [event["payload"] for event in found]


def test_the_link_is_sent_once_however_often_it_runs(
    flow_workspace: Workspace, office: PostOffice, claim: UUID
):
    state = claim_verification(claim, return_state=True)
    assert (state.is_completed(), state.message) == (True, "the message to j***@example.org is sent")
    again = claim_verification(claim, return_state=True)
    assert again.is_completed()
    (arrived,) = office.messages
    assert office.recipients == ["jane.doe@example.org"]
    text = arrived.get_body(("plain",)).get_content()
    assert claim_link(flow_workspace.settings, claim) in text
    assert "Dr. Grey" in arrived["Subject"]


def test_jobs_and_tasks_are_labelled_and_show_neither_address_nor_link(
    flow_workspace: Workspace, office: PostOffice, claim: UUID
):
    run = run_of(claim_verification(claim, return_state=True))
    labels = {"event:claim_verification", f"user:{USER_ID}", "email:j***@example.org"}
    with get_client(sync_client=True) as client:
        (task,) = [task for task in client.read_task_runs() if task.flow_run_id == run.id]
        logs = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id])))
    assert task.task_key.startswith("send_claim_verification_email-")
    assert set(task.tags) == labels
    assert set(run.tags) == labels | {"type:notification"}
    token = claim_link(flow_workspace.settings, claim).partition("token=")[2]
    shown = "".join(each.model_dump_json() for each in (run, task, *logs))
    assert "jane" not in shown
    assert token not in shown


def test_a_refusal_keeps_the_servers_words_and_shows_where_it_was_raised(
    flow_workspace: Workspace, office: PostOffice, claim: UUID
):
    office.answers["RCPT"] = "550 5.1.1 <jane.doe@example.org> user unknown"
    state = claim_verification(claim, return_state=True)
    assert state.is_failed()
    to = "j***@example.org"
    said = f"Mail to {to} was refused and is not tried again: 550 5.1.1 <{to}> user unknown"
    with pytest.raises(MailRefused, match="user unknown"):
        state.result()
    run = run_of(state)
    assert said in str(run.state.message)
    mail = mail_of(flow_workspace, claim)
    assert (mail.state, mail.words) == (MailState.FAILED, "550 5.1.1 <jane.doe@example.org> user unknown")
    told: list[dict[str, Any]] = []
    assert becomes_true(lambda: told.extend(failed_attempts(run.id)) or told)
    assert (told[0]["type"], told[0]["message"]) == ("MailRefused", said)
    assert "in send_claim_verification_email" in told[0]["traceback"]
    assert "in send_mail" in told[0]["traceback"]
    assert "jane" not in str(told)
    office.answers.clear()
    assert claim_verification(claim, return_state=True).is_failed()
    assert office.received == []


def test_what_is_put_off_is_tried_again_within_the_job(
    flow_workspace: Workspace, office: PostOffice, claim: UUID
):
    async def busy_once(*_: object) -> str:
        del office.handle_MAIL  # type: ignore[attr-defined]
        return "451 4.3.2 busy"

    office.handle_MAIL = busy_once  # type: ignore[method-assign]
    assert claim_verification(claim, return_state=True).is_completed()
    assert len(office.received) == 1
    assert mail_of(flow_workspace, claim).attempts == 2


def test_a_claim_that_is_not_there_is_not_found(flow_workspace: Workspace, office: PostOffice):
    with pytest.raises(NotFound):
        claim_verification(uuid4())


RUN = """
import sys
from uuid import UUID
from flows.claim_verification import claim_verification
claim_verification(UUID(sys.argv[1]))
"""


def test_a_job_killed_between_send_and_record_sends_nothing_twice(
    flow_workspace: Workspace, office: PostOffice, claim: UUID
):
    """The mail server has the message; the process that was to record it is gone before it hears so."""
    environment = {**os.environ, "PREFECT_API_URL": PREFECT_API_URL.value(), "PYTHONPATH": str(CHECKOUT)}
    process = subprocess.Popen([sys.executable, "-c", RUN, str(claim)], env=environment, cwd=CHECKOUT)
    take = office.handle_DATA

    async def take_and_kill(*given: object) -> str:
        said = await take(*given)  # type: ignore[arg-type]
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        return said

    office.handle_DATA = take_and_kill  # type: ignore[method-assign]
    assert process.wait(120) == -signal.SIGKILL
    assert len(office.received) == 1
    assert mail_of(flow_workspace, claim).state == MailState.HANDED_OVER
    del office.handle_DATA  # type: ignore[attr-defined]

    while_nobody_knows_that_it_died = claim_verification(claim, return_state=True)
    assert while_nobody_knows_that_it_died.is_completed()
    assert "handed_over" in str(while_nobody_knows_that_it_died.message)
    with flow_workspace.database.write() as session:
        session.get_one(OutgoingMail, mail_of(flow_workspace, claim).id).lease_until = utc_now()
    after_its_claim_ended = claim_verification(claim, return_state=True)
    assert after_its_claim_ended.is_failed()
    assert "it is unknown" in str(after_its_claim_ended.message)
    assert len(office.received) == 1
