"""The link of a claim: signed by us, good for a time, good once."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr
from sqlmodel import select

from casemill.access.secret_key import BadKey, secret_key
from casemill.db import Database
from casemill.models import AuditRecord, AuditResult, ClaimState, ExpertClaim
from casemill.models.columns import utc_now
from casemill.operations.claim_expert import claim_expert
from casemill.operations.claim_link import claim_link, claim_of_token
from casemill.operations.claim_verification import Link, LinkState, look_at_link, use_link
from casemill.settings import Settings
from tests.concurrency import at_once, second_comes_while_the_first_is_not_through
from tests.conftest import NewOwner

NOW = utc_now()
TWO_DAYS = timedelta(days=2)


def claimed(database: Database, expert: UUID, email: str = "ada@example.org") -> UUID:
    with database.write() as session:
        claim = claim_expert(session, expert, email, None, TWO_DAYS, NOW)
    assert claim is not None
    return claim.id


def used(database: Database, claim_id: UUID, now: datetime = NOW) -> LinkState:
    with database.write() as session:
        return use_link(session, claim_id, now, "192.0.2.1").state


def looked_at(database: Database, claim_id: UUID, now: datetime = NOW) -> Link:
    with database.read() as session:
        return look_at_link(session, claim_id, now)


def test_a_link_is_used_once(database: Database, new_expert: NewOwner):
    claim = claimed(database, new_expert(database, "Dr. Grey"))
    assert looked_at(database, claim) == Link(LinkState.OPEN, "Dr. Grey")
    assert [used(database, claim) for _ in range(3)] == [LinkState.VERIFIED, LinkState.USED, LinkState.USED]
    assert looked_at(database, claim).state == LinkState.USED
    with database.read() as session:
        found = session.get_one(ExpertClaim, claim)
        audit = session.exec(select(AuditRecord).order_by(AuditRecord.id)).all()  # type: ignore[arg-type]
    assert (found.state, found.verified_at) == (ClaimState.VERIFIED, NOW)
    assert [(record.action, record.target, record.address, record.result) for record in audit[:2]] == [
        ("claim.verify", f"claim:{claim}", "192.0.2.1", AuditResult.DONE),
        ("claim.verify", f"claim:{claim}", "192.0.2.1", AuditResult.REFUSED),
    ]


def test_of_many_that_use_a_link_at_once_one_is_first(database: Database, new_expert: NewOwner):
    claim = claimed(database, new_expert(database, "Dr. Grey"))
    states = at_once(5, lambda _: used(database, claim))
    assert sorted(states) == [LinkState.USED] * 4 + [LinkState.VERIFIED]


def test_a_link_is_good_until_its_time(database: Database, new_expert: NewOwner):
    claim = claimed(database, new_expert(database, "Dr. Grey"))
    assert looked_at(database, claim, NOW + TWO_DAYS).state == LinkState.EXPIRED
    assert used(database, claim, NOW + TWO_DAYS) == LinkState.EXPIRED
    just_before = NOW + TWO_DAYS - timedelta(seconds=1)
    assert used(database, claim, just_before) == LinkState.VERIFIED
    assert used(database, claim, NOW + TWO_DAYS) == LinkState.USED


def test_a_profile_is_verified_by_one_claim_only(database: Database, new_expert: NewOwner):
    expert = new_expert(database, "Dr. Grey")
    ada, bob = claimed(database, expert), claimed(database, expert, "bob@example.org")
    assert used(database, ada) == LinkState.VERIFIED
    assert looked_at(database, bob) == Link(LinkState.TAKEN, "Dr. Grey")
    assert used(database, bob) == LinkState.TAKEN


def test_of_two_claims_verified_at_once_one_wins(database: Database, new_expert: NewOwner):
    expert = new_expert(database, "Dr. Grey")
    ada, bob = claimed(database, expert), claimed(database, expert, "bob@example.org")
    first, second = second_comes_while_the_first_is_not_through(
        database,
        lambda session: use_link(session, ada, NOW).state,
        lambda session: use_link(session, bob, NOW).state,
    )
    assert (first, second) == (LinkState.VERIFIED, LinkState.TAKEN)


def test_a_claim_that_is_gone_is_unknown(database: Database):
    assert used(database, uuid4()) == LinkState.UNKNOWN
    assert looked_at(database, uuid4()) == Link(LinkState.UNKNOWN)


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path / "home", public_url="https://mill.example/app/")


def token_of(settings: Settings, claim_id: UUID) -> str:
    return claim_link(settings, claim_id).partition("?token=")[2]


def test_a_link_leads_to_its_claim_and_is_always_the_same(settings: Settings):
    claim = uuid4()
    assert claim_link(settings, claim) == claim_link(settings, claim)
    assert claim_link(settings, claim).startswith("https://mill.example/app/claims/verify?token=")
    assert claim_of_token(settings, token_of(settings, claim)) == claim


def test_what_we_did_not_sign_leads_nowhere(settings: Settings, tmp_path):
    token, other = token_of(settings, uuid4()), token_of(settings, uuid4())
    payload, _, signature = token.rpartition(".")
    swapped = f"{other.rpartition('.')[0]}.{signature}"
    changed = [
        f"{token[:place]}{'A' if token[place] != 'A' else 'B'}{token[place + 1 :]}"
        for place in range(len(token) - 1)  # of the last character, some bits mean nothing
    ]
    strange = ["", ".", payload, f"{payload}.", f".{signature}", swapped, token * 9, "\ud800", "ü", "\0" * 50]
    assert [claim_of_token(settings, bad) for bad in [*changed, *strange]] == [None] * (
        len(changed) + len(strange)
    )
    elsewhere = Settings(home=tmp_path / "elsewhere")
    assert claim_of_token(elsewhere, token) is None


def test_a_signed_thing_that_is_no_claim_leads_nowhere(settings: Settings):
    from itsdangerous import URLSafeSerializer

    signed_for_else = URLSafeSerializer(secret_key(settings), salt="casemill.session").dumps(uuid4().hex)
    assert claim_of_token(settings, signed_for_else) is None


def test_the_key_is_made_once_for_its_owner_only(settings: Settings):
    keys = at_once(8, lambda _: secret_key(settings))
    assert len(set(keys)) == 1
    assert [file.name for file in settings.home.iterdir()] == ["secret.key"]
    assert (settings.home / "secret.key").stat().st_mode & 0o077 == 0


def test_a_key_may_be_given_and_is_not_a_short_one(tmp_path):
    given = Settings(home=tmp_path, secret_key=SecretStr("k" * 40))
    assert secret_key(given) == "k" * 40
    assert "kkk" not in repr(given)
    with pytest.raises(BadKey, match="CASEMILL_SECRET_KEY"):
        secret_key(Settings(home=tmp_path, secret_key=SecretStr("short")))
    assert list(tmp_path.iterdir()) == []
