"""What is past its time goes from our database and disk, and nothing else does."""

import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError
from sqlalchemy import func
from sqlmodel import SQLModel, col, select

from casemill.db import Database
from casemill.models import (
    OVER,
    ApiToken,
    Attempt,
    AttemptStatus,
    AuditRecord,
    AuditResult,
    Batch,
    Case,
    CaseStep,
    FeedKind,
    Job,
    JobEvent,
    JobStatus,
    LoginLink,
    LoginSession,
    MailKind,
    MailState,
    OutgoingMail,
    StepState,
    TaskAttempt,
    User,
)
from casemill.monitoring.rollups import recount_stale_hours, tally_by_function
from casemill.operations import claims, job_cleanup
from casemill.operations.retention import (
    EndedRun,
    Kind,
    LeftFile,
    Removed,
    Retention,
    SilentWorker,
    expired_files,
    expired_runs,
    expired_workers,
    in_words,
)
from casemill.settings import read_settings
from casemill.workspace import Workspace
from tests.conftest import NewOwner

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
POLICY = Retention()
TICK = timedelta(microseconds=1)
BY = uuid4()


def clean(workspace: Workspace, kind: Kind, now: datetime = NOW, *, dry_run: bool = False) -> int:
    return job_cleanup.clean_up(workspace, kind, POLICY, now, BY, dry_run=dry_run).count


def keep(database: Database, *rows: SQLModel) -> None:
    with database.write() as session:
        for row in rows:
            session.add(row)
            session.flush()


def count(database: Database, model: type[SQLModel]) -> int:
    with database.read() as session:
        return session.exec(select(func.count()).select_from(model)).one()


def cleaned_once(workspace: Workspace, kind: Kind, model: type[SQLModel], gone: int) -> None:
    """A dry run tells the number and deletes nothing; then so many go; a second time none."""
    before = count(workspace.database, model)
    assert clean(workspace, kind, dry_run=True) == gone
    assert count(workspace.database, model) == before
    assert [clean(workspace, kind), clean(workspace, kind)] == [gone, 0]
    assert count(workspace.database, model) == before - gone


def job(ended: datetime | None, status: JobStatus = JobStatus.COMPLETED, **values: object) -> Job:
    return Job(id=uuid4(), status=status, created_at=NOW - timedelta(days=400), finished_at=ended, **values)


def attempt(
    job_id: UUID | None, ended: datetime | None, status: AttemptStatus = AttemptStatus.SUCCESS
) -> TaskAttempt:
    return TaskAttempt(
        task_run_id=uuid4(),
        attempt=1,
        function="read",
        job_id=job_id,
        status=status,
        created_at=ended or NOW - timedelta(days=400),
        finished_at=ended,
        duration=1.0 if ended else None,
    )


# What is decided


@pytest.mark.parametrize(
    ("is_failed", "is_ad_hoc", "kept"),
    [
        (False, False, timedelta(hours=24)),
        (False, True, timedelta(hours=2)),
        (True, False, timedelta(days=7)),
        (True, True, timedelta(days=7)),
    ],
)
def test_a_run_is_past_its_time_just_after_it(is_failed: bool, is_ad_hoc: bool, kept: timedelta):
    young = EndedRun(uuid4(), NOW - kept, is_failed, is_ad_hoc, is_held=False)
    old = EndedRun(uuid4(), NOW - kept - TICK, is_failed, is_ad_hoc, is_held=False)
    held = EndedRun(uuid4(), NOW - kept * 100, is_failed, is_ad_hoc, is_held=True)
    assert expired_runs([young, old, held], POLICY, NOW) == [old.id]


def test_workers_and_files_that_are_used_are_kept_whatever_their_age():
    long_ago, day = NOW - timedelta(days=50), timedelta(hours=24)
    workers = [
        SilentWorker("young", NOW - timedelta(minutes=5), is_needed=False),
        SilentWorker("old", NOW - timedelta(minutes=5) - TICK, is_needed=False),
        SilentWorker("needed", long_ago, is_needed=True),
    ]
    assert expired_workers(workers, POLICY, NOW) == ["old"]
    files = [
        LeftFile(Path("young"), NOW - day, is_used=False),
        LeftFile(Path("old"), NOW - day - TICK, is_used=False),
        LeftFile(Path("used"), long_ago, is_used=True),
    ]
    assert expired_files(files, POLICY, NOW) == [Path("old")]


def test_how_long_each_is_kept_is_a_setting(monkeypatch: pytest.MonkeyPatch):
    assert read_settings().retention == POLICY
    monkeypatch.setenv("CASEMILL_RETENTION__FAILED_RUN_DAYS", "3")
    assert read_settings().retention.kept(Kind.FAILED_RUNS) == timedelta(days=3)


@pytest.mark.parametrize(
    "senseless", [{"history_days": 30}, {"failed_run_days": 91}, {"feed_days": -1}, {"feed_dayz": 7}]
)
def test_what_would_lose_history_or_bring_it_back_is_refused(senseless: dict[str, float]):
    with pytest.raises(ValidationError):
        Retention.model_validate(senseless)


def test_it_is_said_how_many_of_what():
    removed = [Removed(Kind.JOBS, 3), Removed(Kind.FEED), Removed(Kind.FILES, 0, 2, "no")]
    assert in_words(removed[:2], dry_run=False) == "3 jobs removed"
    assert in_words(removed, dry_run=True) == "3 jobs would be removed; not all could be: temporary files"
    assert in_words([], dry_run=False) == "nothing removed"


# Rows


def test_feed_rows_go_after_their_time_and_the_newest_stays(workspace: Workspace):
    cutoff = NOW - timedelta(days=7)
    for at in (cutoff - TICK, cutoff, cutoff - TICK):
        keep(workspace.database, JobEvent(kind=FeedKind.JOB, occurred_at=at, recorded_at=at))
    cleaned_once(workspace, Kind.FEED, JobEvent, 1)


def test_credentials_go_a_month_after_they_ended(workspace: Workspace):
    user = User(name="Ann")
    old, young = NOW - timedelta(days=30) - TICK, NOW - timedelta(days=30)

    def made(model: type[SQLModel], **times: datetime | str | None) -> SQLModel:
        return model(user_id=user.id, secret_hash=uuid4().hex, **times)

    keep(
        workspace.database,
        user,
        *(made(LoginSession, expires_at=at) for at in (old, young)),
        *(made(LoginLink, expires_at=at) for at in (old, young)),
        made(LoginLink, expires_at=NOW, used_at=old),
        made(ApiToken, name="ended", hint="a", expires_at=old),
        made(ApiToken, name="revoked", hint="a", revoked_at=old),
        made(ApiToken, name="young", hint="a", revoked_at=young, expires_at=young),
        made(ApiToken, name="for good", hint="a"),
    )
    cleaned_once(workspace, Kind.SESSIONS, LoginSession, 1)
    cleaned_once(workspace, Kind.LINKS, LoginLink, 2)
    cleaned_once(workspace, Kind.TOKENS, ApiToken, 2)


def test_a_claim_that_ran_out_is_taken_back_and_one_that_holds_is_not(
    workspace: Workspace, new_case: NewOwner
):
    batch, runner = Batch(steps=["parse"]), Attempt(uuid4())
    cutoff = NOW - timedelta(minutes=10)
    rows = [
        CaseStep(
            batch_id=batch.id,
            case_id=new_case(workspace),
            step="parse",
            state=StepState.RUNNING,
            claimed_by=runner.run_id,
            claim_attempt=1,
            lease_until=until,
        )
        for until in (cutoff, cutoff - TICK)
    ]
    keep(workspace.database, batch, *rows)
    assert clean(workspace, Kind.CLAIMS, dry_run=True) == 1
    assert [clean(workspace, Kind.CLAIMS), clean(workspace, Kind.CLAIMS)] == [1, 0]
    with workspace.database.read() as session:
        held = select(CaseStep).where(claims.STEP.held_by(runner))
        assert [row.lease_until for row in session.exec(held)] == [cutoff]


def test_history_goes_with_its_attempts_and_leaves_the_statistics(workspace: Workspace):
    database, cutoff = workspace.database, NOW - timedelta(days=90)
    old, young = job(cutoff - TICK), job(cutoff)
    keep(
        database,
        old,
        young,
        AuditRecord(at=NOW - timedelta(days=200), action="job.cancel", via="system", result=AuditResult.DONE),
    )
    keep(
        database,
        *(attempt(old.id, cutoff - timedelta(hours=3)) for _ in range(3)),
        attempt(young.id, cutoff),
        attempt(None, cutoff - TICK),
        attempt(None, cutoff),
        attempt(uuid4(), None, AttemptStatus.RUNNING),
    )
    recount_stale_hours(database, NOW)
    assert clean(workspace, Kind.JOBS) == 0, "never before its attempts"
    assert clean(workspace, Kind.JOBS, dry_run=True) == 1
    cleaned_once(workspace, Kind.ATTEMPTS, TaskAttempt, 4)
    cleaned_once(workspace, Kind.JOBS, Job, 1)
    for _ in range(2):  # by the attempts themselves, then by the rollup
        with database.read() as session:
            assert session.exec(select(Job.id)).all() == [young.id]
            assert tally_by_function(session, NOW - timedelta(days=300), NOW)["read"].total == 2
        assert recount_stale_hours(database, NOW) >= 0
    assert count(database, AuditRecord) == 1


def test_what_is_active_paused_or_pinned_is_never_old(workspace: Workspace):
    long_ago = NOW - timedelta(days=300)
    kept = [
        *(job(None, status) for status in JobStatus),
        job(long_ago, JobStatus.RUNNING),
        job(long_ago, JobStatus.PAUSED),
        job(long_ago, pinned=True),
    ]
    gone = [job(long_ago, status) for status in OVER]
    keep(workspace.database, *kept, *gone)
    keep(workspace.database, *(attempt(one.id, long_ago) for one in (*kept, *gone)))
    cleaned_once(workspace, Kind.ATTEMPTS, TaskAttempt, len(gone))
    cleaned_once(workspace, Kind.JOBS, Job, len(gone))
    with workspace.database.read() as session:
        assert set(session.exec(select(Job.id))) == {one.id for one in kept}


@pytest.mark.parametrize(
    ("step", "other_job", "is_open"),
    [
        (StepState.PENDING, job(None, JobStatus.PAUSED), True),
        (StepState.PENDING, job(None, JobStatus.SCHEDULED), True),
        (StepState.FAILED, job(None, JobStatus.RUNNING), True),
        (StepState.COMPLETED, job(NOW), False),
        (StepState.FAILED, job(NOW), False),
        (StepState.PENDING, job(NOW, JobStatus.CANCELLED), False),
        (StepState.RUNNING, job(NOW, JobStatus.FAILED), False),
    ],
    ids=["paused", "waits", "at work", "completed", "failed", "cancelled", "died"],
)
def test_an_old_job_stays_as_long_as_another_of_its_batch_may_go_on(
    workspace: Workspace, step: StepState, other_job: Job, is_open: bool
):
    """The shards of a batch end at different times, and one may be paused for months."""
    long_ago = NOW - timedelta(days=300)
    batch, case = Batch(steps=["parse"], created_at=long_ago), Case(name="Smith")
    other = job(other_job.finished_at, other_job.status, batch_id=batch.id)
    old = job(long_ago, batch_id=batch.id)
    keep(workspace.database, batch, case, old, other, attempt(old.id, long_ago))
    keep(workspace.database, CaseStep(batch_id=batch.id, case_id=case.id, step="parse", state=step))
    cleaned_once(workspace, Kind.ATTEMPTS, TaskAttempt, 0 if is_open else 1)
    cleaned_once(workspace, Kind.JOBS, Job, 0 if is_open else 1)


def test_much_goes_page_by_page_up_to_a_bound(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    old = NOW - timedelta(days=8)
    keep(
        workspace.database,
        *(JobEvent(kind=FeedKind.JOB, occurred_at=old, recorded_at=old) for _ in range(11)),
    )
    with monkeypatch.context() as patched:
        patched.setattr(job_cleanup, "AT_ONCE", 2)
        patched.setattr(job_cleanup, "MOST_TIMES", 3)
        assert [clean(workspace, Kind.FEED) for _ in range(3)] == [6, 4, 0]


def test_old_mail_is_forgotten_in_bounded_pages_and_its_rows_stay(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    cutoff = NOW - timedelta(days=30)
    mails = [
        OutgoingMail(
            kind=MailKind.TRIAL_EXPIRED,
            recipient="ada@example.org",
            subject_key=f"trial:{number}",
            state=state,
            not_after=sent_at - timedelta(days=5),
            sent_at=sent_at if state == MailState.SENT else None,
        )
        for number, (state, sent_at) in enumerate(
            [
                *[(MailState.SENT, cutoff - TICK)] * 4,
                (MailState.FAILED, cutoff),
                (MailState.SENT, cutoff),
                (MailState.PENDING, cutoff - TICK),
            ]
        )
    ]
    keep(workspace.database, *mails)
    assert clean(workspace, Kind.MAIL, dry_run=True) == 5
    with monkeypatch.context() as patched:
        patched.setattr(job_cleanup, "AT_ONCE", 2)
        patched.setattr(job_cleanup, "MOST_TIMES", 2)
        assert [clean(workspace, Kind.MAIL) for _ in range(3)] == [4, 1, 0]
    assert count(workspace.database, OutgoingMail) == len(mails)
    with workspace.database.read() as session:
        left = session.exec(select(OutgoingMail).where(col(OutgoingMail.forgotten_at).is_(None))).all()
    assert [mail.recipient for mail in left] == ["ada@example.org"] * 2


# Files


def test_files_of_the_dead_go_and_those_of_the_living_and_of_others_stay(
    desk: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    temporary, home = tmp_path / "temporary", desk.settings.home
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    old = {
        "upload": home / "uploads" / "tmpabc",
        "half": desk.settings.documents_folder / ".incoming" / uuid4().hex,
        "dead": temporary / "casemill-soffice-abcd_123",
        "idle": temporary / "casemill-sandbox-abcd1234",
        "busy": temporary / "casemill-fetched-abcd1234",
        "others": temporary / "casemill-releases",
    }
    for path in old.values():
        path.mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    (old["dead"] / "link").symlink_to(outside)
    linked = temporary / "casemill-sandbox-linked12"
    linked.symlink_to(outside)
    now = datetime.now(UTC)
    long_ago = (now - timedelta(hours=30)).timestamp()
    for path in (outside, *old.values()):
        os.utime(path, (long_ago, long_ago))
    os.utime(old["dead"] / "link", (long_ago, long_ago), follow_symlinks=False)
    (old["busy"] / "inner").write_text("being written")
    os.utime(old["busy"], (long_ago, long_ago))
    idle = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        cwd=old["idle"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert idle.stdout is not None
    idle.stdout.readline()
    try:
        assert clean(desk, Kind.FILES, now, dry_run=True) == 3
        assert all(path.exists() for path in old.values())
        assert [clean(desk, Kind.FILES, now), clean(desk, Kind.FILES, now)] == [3, 0]
        left = {name for name, path in old.items() if path.exists()}
        assert left == {"idle", "busy", "others"}
        assert outside.is_dir()
        assert linked.is_symlink()
    finally:
        idle.communicate(b"\n")
    assert clean(desk, Kind.FILES, now) == 1
