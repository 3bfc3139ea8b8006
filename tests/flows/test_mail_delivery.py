"""The flow that empties the outbox: on a real Prefect server, by a real mail server or into a folder."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Crashed
from sqlmodel import select

from blocks.open_mailer import configured_mailer, open_mailer
from casemill.mail.contract import MailerRefusesUs
from casemill.mail.templates import SAMPLES
from casemill.models import Attempt, MailKind, MailState, OutgoingMail
from casemill.models.columns import utc_now
from casemill.monitoring.mail_limit import MAIL_LIMIT, apply_mail_limit
from casemill.operations import mail_delivery as delivery
from casemill.operations import outbox
from casemill.settings import Settings
from casemill.workspace import Workspace
from flows.mail_delivery import mail_delivery
from tests.flows.mail_office import office
from tests.mail.post_office import PostOffice

__all__ = ["office"]

KIND = MailKind.TRIAL_REMINDER


@pytest.fixture
def folder_mailer() -> Iterator[None]:
    open_mailer.cache_clear()
    yield
    open_mailer.cache_clear()


def enqueue(workspace: Workspace, *names: str) -> list[UUID]:
    with workspace.database.write() as session:
        return [
            outbox.enqueue(session, KIND, f"{name}@example.org", "trial:1", SAMPLES[KIND]).id
            for name in names
        ]


def states(workspace: Workspace) -> dict[str, MailState]:
    with workspace.database.read() as session:
        found = session.exec(select(OutgoingMail.recipient, OutgoingMail.state))
        return {recipient.partition("@")[0]: state for recipient, state in found}


def make_due(workspace: Workspace) -> None:
    with workspace.database.write() as session:
        for mail in session.exec(select(OutgoingMail)):
            mail.next_try_at = utc_now() - timedelta(minutes=1)


def test_all_that_waits_is_sent_once_and_one_refusal_holds_nobody_up(
    flow_workspace: Workspace, office: PostOffice
):
    enqueue(flow_workspace, "ada", "bob", "gone", "later", "cyd")
    office.answers["RCPT", "gone@example.org"] = "550 5.1.1 no such user"
    office.answers["RCPT", "later@example.org"] = "452 4.2.2 mailbox full"
    state = mail_delivery(return_state=True)
    assert state.is_failed()
    assert state.message == "3 sent, 1 put off, 1 refused, 0 unknown"
    assert states(flow_workspace) == {
        **dict.fromkeys(("ada", "bob", "cyd"), MailState.SENT),
        "gone": MailState.FAILED,
        "later": MailState.PENDING,
    }
    office.answers.clear()
    assert mail_delivery(return_state=True).message == "0 sent, 0 put off, 0 refused, 0 unknown"
    make_due(flow_workspace)
    assert mail_delivery(return_state=True).message == "1 sent, 0 put off, 0 refused, 0 unknown"
    expected = [f"{name}@example.org" for name in ("ada", "bob", "cyd", "later")]
    assert sorted(office.recipients) == expected


def test_what_a_dead_job_left_is_freed_without_waiting_for_its_claim_to_end(
    flow_workspace: Workspace, office: PostOffice
):
    with get_client(sync_client=True) as client:
        dead = client.create_flow_run(mail_delivery).id
        client.set_flow_run_state(dead, Crashed(), force=True)
    handed_over, taken = enqueue(flow_workspace, "ada", "bob")
    with flow_workspace.database.write() as session:
        for mail in (handed_over, taken):
            assert outbox.take(session, mail, Attempt(dead))
        outbox.hand_over(session, handed_over, Attempt(dead))
    assert mail_delivery(return_state=True).message == "1 sent, 0 put off, 0 refused, 0 unknown"
    assert states(flow_workspace) == {"ada": MailState.UNKNOWN, "bob": MailState.SENT}
    assert office.recipients == ["bob@example.org"]


def test_a_mail_server_that_is_away_is_not_asked_for_every_message(
    flow_workspace: Workspace, office: PostOffice, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(delivery, "AT_ONCE", 3)
    enqueue(flow_workspace, *(f"p{number}" for number in range(5)))
    office.answers["MAIL"] = "421 4.3.2 shutting down"
    state = mail_delivery(return_state=True)
    assert (state.is_failed(), state.message) == (True, "0 sent, 3 put off, 0 refused, 0 unknown")
    with flow_workspace.database.read() as session:
        tried = [mail.attempts for mail in session.exec(select(OutgoingMail))]
    assert sorted(tried) == [0] * 2 + [1] * 3


def test_without_a_block_messages_are_files_in_home(flow_workspace: Workspace, folder_mailer: None):
    (mail,) = enqueue(flow_workspace, "ada")
    assert mail_delivery(return_state=True).is_completed()
    (file,) = flow_workspace.settings.mail_folder.iterdir()
    assert file.name == f"{mail}.eml"
    assert file.stat().st_mode & 0o077 == 0


def test_a_block_that_is_none_to_send_by_is_refused_by_name(flow_workspace: Workspace):
    with pytest.raises(MailerRefusesUs, match="mail-server/nowhere"):
        configured_mailer(Settings(mail_block="mail-server/nowhere"))
    with pytest.raises(MailerRefusesUs, match="CASEMILL_MAIL_BLOCK"):
        configured_mailer(Settings(mail_block=f"nothing-like-it/{uuid4()}"))


def test_each_message_takes_a_slot_of_the_limit(flow_workspace: Workspace, folder_mailer: None):
    enqueue(flow_workspace, "ada", "bob", "cyd")
    with get_client(sync_client=True) as client:
        apply_mail_limit(client, 6)
        apply_mail_limit(client, 6)
        assert mail_delivery(return_state=True).is_completed()
        limit = client.read_global_concurrency_limit_by_name(MAIL_LIMIT)
        client.delete_global_concurrency_limit_by_name(MAIL_LIMIT)
    assert (limit.limit, limit.slot_decay_per_second) == (6, 0.1)
    assert limit.active_slots > 0
