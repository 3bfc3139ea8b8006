"""The recorder: turns what Prefect does into our rows, as it happens.

One loop does all the writing. Events come first; what they leave out (parameters, labels, times) and what was
never heard is read from Prefect's API.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from types import FrameType
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events import Event
from sqlalchemy import update
from sqlalchemy.exc import DataError, IntegrityError
from sqlmodel import col

from casemill.db import TRANSIENT, Database
from casemill.models import RecorderMark
from casemill.models.columns import utc_now
from casemill.models.recorder_mark import THE_RECORDER
from casemill.monitoring.alerts import Alerts
from casemill.monitoring.apply_changes import apply_changes, make_due_pending
from casemill.monitoring.asked import AskedFollower
from casemill.monitoring.batch_feed import BatchFeed
from casemill.monitoring.changes import Change, JobGone, JobState
from casemill.monitoring.dependents import Dependents
from casemill.monitoring.event_stream import EventStream
from casemill.monitoring.events import changes_of
from casemill.monitoring.liveness import SILENCE, find_lost
from casemill.monitoring.missed_runs import collapse_missed, forget_withdrawn, name_skipped
from casemill.monitoring.observation import Observer
from casemill.monitoring.overtime import stop_overtime
from casemill.monitoring.reconcile import Reconciler
from casemill.monitoring.result_expiry import ResultExpiry
from casemill.monitoring.rollups import recount_stale_hours
from casemill.monitoring.tracebacks import fetch_tracebacks
from casemill.settings import Settings

logger = logging.getLogger(__name__)

_AT_ONCE = 500
_WAIT_SECONDS = 0.25
_ASLEEP_SECONDS = 10
_WRITTEN_SECONDS = 10  # after which Prefect's server has written down what it tells of task runs
_UNWELL = (httpx.HTTPError, *TRANSIENT)  # Prefect or the database is away: it may come back


class Recorder:
    """Keeps jobs, attempts and the feed until it is told to stop."""

    def __init__(self, settings: Settings, database: Database, client: SyncPrefectClient) -> None:
        self._settings = settings
        self._database = database
        self._client = client
        self._stream = EventStream()
        self._reconciler = Reconciler(client, database, settings.recorded_characters)
        self._asked = AskedFollower(client, database, settings)
        self._dependents = Dependents(client, database, settings.recorded_characters)
        self._expiry = ResultExpiry(database, settings)
        self._reconciliation = Chore(60, self._reconcile)
        self._chores = [
            Chore(10, self._find_lost),  # first: what it finds may be what the others wait for
            Chore(1, self._watch_the_clock),
            Chore(1, self._dependents.act),
            Chore(2, self._complete_failures),
            Chore(2, self._follow_asked),
            Chore(10, self._stop_overtime),
            Chore(10, self._collapse_missed),
            Chore(60, self._expire_results),
            Chore(5, self._recount),
            Chore(5, Observer(client, database, settings).observe),
            Chore(5, Alerts(database, settings).watch_for_trouble),
            Chore(1, BatchFeed(database).tell_batches),
            self._reconciliation,
        ]
        self._awake_since = utc_now()
        self._slept = _slept_seconds()
        self._unread: set[UUID] = set()

    def run(self, over: threading.Event) -> None:
        self._stream.start()
        waiting: list[Event] = []
        while not over.is_set():
            waiting = waiting or self._stream.take(_AT_ONCE, _WAIT_SECONDS)
            try:
                self._record(waiting)
                waiting = []
                self._read_unread()
            except _UNWELL as error:
                logger.warning("Trying again: %s: %s", type(error).__name__, error)
                over.wait(1)
            for chore in self._chores:
                chore.do_if_due()

    def _record(self, events: list[Event]) -> None:
        changes = [
            change for event in events for change in changes_of(event, self._settings.recorded_characters)
        ]
        try:
            self._apply(changes)
        except (IntegrityError, DataError):
            for change in changes:  # anybody may emit events: one that no database takes stops no other
                try:
                    self._apply([change])
                except (IntegrityError, DataError):
                    logger.exception("This could not be recorded: %s", type(change).__name__)
        self._unread |= {change.job_id for change in changes if isinstance(change, JobState | JobGone)}

    def _apply(self, changes: list[Change]) -> None:
        if changes:
            with self._database.write() as session:
                apply_changes(session, changes)

    def _read_unread(self) -> None:
        """The jobs of which events told something, whole: parameters, labels and times come from the API."""
        if self._unread:
            self._reconciler.refresh(self._unread)
            self._unread = set()
            with self._database.write() as session:
                make_due_pending(session, utc_now())
            self._dependents.act()

    def _watch_the_clock(self) -> None:
        now = utc_now()
        with self._database.write() as session:
            make_due_pending(session, now)
            if session.get(RecorderMark, THE_RECORDER) is None:
                session.add(RecorderMark())
                session.flush()
            _mark(session.connection().execute, seen_at=now, listening_since=self._stream.listening_since)
        if self._stream.missed_some and self._stream.listening_since:
            self._stream.missed_some = False
            try:
                self._reconcile()
            except _UNWELL:
                self._stream.missed_some = True
                raise
            self._reconciliation.do_in(_WRITTEN_SECONDS)

    def _complete_failures(self) -> None:
        fetch_tracebacks(self._client, self._database, utc_now(), timedelta(minutes=2))

    def _follow_asked(self) -> None:
        self._asked.follow(utc_now())

    def _stop_overtime(self) -> None:
        stop_overtime(self._client, self._database, self._settings, utc_now())

    def _collapse_missed(self) -> None:
        now = utc_now()
        collapse_missed(self._client, self._database, self._settings.work_pool, now)
        name_skipped(self._client, self._database, now)
        forget_withdrawn(self._database, now)

    def _expire_results(self) -> None:
        self._expiry.expire(utc_now())

    def _recount(self) -> None:
        recount_stale_hours(self._database, utc_now())

    def _find_lost(self) -> None:
        now, since = utc_now(), self._stream.listening_since
        if abs(_slept_seconds() - self._slept) > _ASLEEP_SECONDS:  # while the machine sleeps, no heart beats
            self._awake_since, self._slept = now, _slept_seconds()
        if since is not None and max(since, self._awake_since) < now - SILENCE:
            settings = self._settings
            lost = find_lost(
                self._client, self._database, settings.work_pool, now, local_worker=settings.local_worker
            )
            self._unread |= {run.id for run in lost}

    def _reconcile(self) -> None:
        with self._database.read() as session:
            mark = session.get(RecorderMark, THE_RECORDER)
        reconciled_at = self._reconciler.reconcile(mark.reconciled_at if mark else None)
        fetch_tracebacks(self._client, self._database, utc_now(), timedelta(hours=2))
        with self._database.write() as session:
            _mark(session.connection().execute, reconciled_at=reconciled_at)
        self._dependents.make_up()


class Chore:
    """Something to be done every so often. One that fails is done again at its next time."""

    def __init__(self, seconds: float, do: Callable[[], None]) -> None:
        self._seconds = seconds
        self._do = do
        self._due = 0.0

    def do_in(self, seconds: float) -> None:
        self._due = time.monotonic() + seconds

    def do_if_due(self) -> None:
        if time.monotonic() < self._due:
            return
        try:
            self._do()
        except _UNWELL as error:
            logger.warning("%s, trying again: %s: %s", self._do.__name__, type(error).__name__, error)
        self.do_in(self._seconds)


def _slept_seconds() -> float:
    """Grows while the machine sleeps: the one clock goes on, the other stands still."""
    return time.time() - time.monotonic()


def ended_by_signal() -> threading.Event:
    """Set when this process is asked to end."""
    over = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        over.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    return over


def run_recorder(settings: Settings, over: threading.Event) -> None:
    """Records until `over` is set."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    database = Database(settings.database)
    try:
        with get_client(sync_client=True) as client:
            Recorder(settings, database, client).run(over)
    finally:
        database.close()


def _mark(execute: Callable[..., object], **values: datetime | None) -> None:
    execute(update(RecorderMark).where(col(RecorderMark.id) == THE_RECORDER).values(**values))
