"""Claiming an expert's profile: who is written to, how often, and what is said to who asks."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from casemill.db import Database
from casemill.errors import NotFound, Refused, TooManyTries
from casemill.mail.addresses import InvalidAddress
from casemill.models import ClaimState, ExpertClaim, MailKind, OutgoingMail
from casemill.models.columns import utc_now
from casemill.operations.claim_expert import (
    OF_A_USER,
    OF_AN_ADDRESS,
    OF_AN_EXPERT,
    OF_THE_SAME,
    claim_expert,
    claims_of,
    mail_of_claim,
)
from tests.concurrency import at_once, second_comes_while_the_first_is_not_through
from tests.conftest import NewOwner

NOW = utc_now()
LATER = OF_THE_SAME.within + timedelta(seconds=1)
TWO_DAYS = timedelta(days=2)


def claim(
    database: Database,
    expert: UUID,
    email: str = "ada@example.org",
    now: datetime = NOW,
    by: UUID | None = None,
) -> ExpertClaim | None:
    with database.write() as session:
        return claim_expert(session, expert, email, by, TWO_DAYS, now)


def mails(database: Database) -> list[OutgoingMail]:
    with database.read() as session:
        return list(session.exec(select(OutgoingMail)))


def test_a_claim_is_written_down_with_its_message(database: Database, new_expert: NewOwner):
    expert, user = new_expert(database, "Dr. Grey"), uuid4()
    made = claim(database, expert, " Ada@Example.org", by=user)
    assert made is not None
    assert (made.email, made.state, made.expires_at) == (
        "ada@example.org",
        ClaimState.WAITING,
        NOW + TWO_DAYS,
    )
    (mail,) = mails(database)
    assert (mail.kind, mail.recipient, mail.user_id) == (
        MailKind.CLAIM_VERIFICATION,
        "ada@example.org",
        user,
    )
    assert mail.not_after == made.expires_at
    assert "url" not in mail.context
    with database.read() as session:
        assert mail_of_claim(session, made.id).id == mail.id
        assert [found.id for found in claims_of(session, expert)] == [made.id]


def test_a_second_claim_within_minutes_is_no_second_message(database: Database, new_expert: NewOwner):
    expert = new_expert(database, "Dr. Grey")
    assert claim(database, expert)
    assert claim(database, expert, "ADA@example.org") is None
    assert claim(database, expert, now=NOW + LATER)
    assert len(mails(database)) == 2


def test_a_double_click_is_one_message(database: Database, new_expert: NewOwner):
    expert = new_expert(database, "Dr. Grey")
    answers = at_once(4, lambda _: claim(database, expert))
    assert sum(answer is not None for answer in answers) == 1
    assert len(mails(database)) == 1


def test_a_claim_waits_for_another_of_the_same_expert(database: Database, new_expert: NewOwner):
    expert = new_expert(database, "Dr. Grey")

    def make(session):  # type: ignore[no-untyped-def]
        return claim_expert(session, expert, "ada@example.org", None, TWO_DAYS, NOW)

    first, second = second_comes_while_the_first_is_not_through(database, make, make)
    assert first is not None
    assert second is None


def test_nobodys_mailbox_is_flooded_by_way_of_many_experts(database: Database, new_expert: NewOwner):
    made = [
        claim(database, new_expert(database, f"Dr. {number}")) for number in range(OF_AN_ADDRESS.claims + 2)
    ]
    assert [answer is not None for answer in made] == [True] * OF_AN_ADDRESS.claims + [False] * 2
    assert claim(database, new_expert(database, "Dr. Grey"), "bob@example.org")
    tomorrow = NOW + OF_AN_ADDRESS.within + timedelta(seconds=1)
    assert claim(database, new_expert(database, "Dr. Tomorrow"), now=tomorrow)


def test_claims_of_one_expert_and_by_one_user_are_limited_whatever_the_address(
    database: Database, new_expert: NewOwner
):
    expert, user = new_expert(database, "Dr. Grey"), uuid4()
    for number in range(OF_AN_EXPERT.claims):
        assert claim(database, expert, f"a{number}@example.org", by=user)
    for address in ("new@example.org", "a1@example.org"):
        with pytest.raises(TooManyTries, match="for this expert"):
            claim(database, expert, address, by=user)
    for number in range(OF_A_USER.claims - OF_AN_EXPERT.claims):
        claim(database, new_expert(database, f"Dr. {number}"), f"b{number}@example.org", by=user)
    other = new_expert(database, "Dr. White")
    for address in ("new@example.org", "a1@example.org"):
        with pytest.raises(TooManyTries, match="by you"):
            claim(database, other, address, by=user)
    assert claim(database, other, "new@example.org", by=uuid4())


def test_a_verified_profile_is_not_claimed_again_whatever_the_address(
    database: Database, new_expert: NewOwner
):
    expert = new_expert(database, "Dr. Grey")
    made = claim(database, expert)
    assert made is not None
    with database.write() as session:
        made.state = ClaimState.VERIFIED
        session.add(made)
    for address in ("ada@example.org", "bob@example.org"):
        with pytest.raises(Refused, match=r"Dr\. Grey is claimed"):
            claim(database, expert, address, now=NOW + LATER)


def test_what_cannot_be_claimed_is_refused(database: Database, new_expert: NewOwner):
    expert = new_expert(database, "Dr. Grey")
    with pytest.raises(NotFound):
        claim(database, uuid4())
    with pytest.raises(InvalidAddress):
        claim(database, expert, "ada@example.org\r\nBcc: bob@example.org")
    with database.read() as session:
        with pytest.raises(NotFound):
            mail_of_claim(session, uuid4())
        with pytest.raises(NotFound):
            claims_of(session, uuid4())
    assert mails(database) == []
