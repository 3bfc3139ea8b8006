"""Checks each part that Casemill needs, by using it."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from casemill.db import Database
from casemill.errors import CasemillError
from casemill.extraction.sandbox import Killed, Sandbox
from casemill.local.stack import answers, online_workers, running_api_url
from casemill.migrations import newest, revision
from casemill.models.columns import utc_now
from casemill.models.recorder_mark import THE_RECORDER, RecorderMark
from casemill.search.sqlite import SqliteIndex
from casemill.settings import Settings
from casemill.storage.opening import configured_store

_RECORDER_SILENT = timedelta(seconds=30)


class Health(StrEnum):
    WELL = "well"
    MISSING = "missing"  # optional, or not started: nothing is broken
    ILL = "ill"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part, how it is, and a sentence that says what mends it."""

    part: str
    health: Health
    says: str


def checkup(settings: Settings) -> list[Finding]:
    """Every part in turn; one that is ill does not keep the others from being looked at."""
    parts: dict[str, Callable[[Settings], Finding]] = {
        "home": _home,
        "database": _database,
        "storage": _storage,
        "search index": _index,
        "sandbox": _sandbox,
        "Prefect": _prefect,
        "worker": _worker,
        "recorder": _recorder,
        "LibreOffice": _libreoffice,
    }
    findings: list[Finding] = []
    for name, look in parts.items():
        try:
            findings.append(look(settings))
        except (CasemillError, SQLAlchemyError, OSError, ValueError) as error:
            findings.append(Finding(name, Health.ILL, f"{type(error).__name__}: {error}"))
    return findings


def _home(settings: Settings) -> Finding:
    if not settings.home.exists():
        return Finding("home", Health.MISSING, f"{settings.home} is made by the first `casemill up`")
    free = shutil.disk_usage(settings.home).free >> 20
    if free < 500:
        return Finding(
            "home", Health.ILL, f"only {free} MiB are free on the disk of {settings.home}; make room"
        )
    return Finding("home", Health.WELL, f"{settings.home}, {free} MiB free")


def _database(settings: Settings) -> Finding:
    if settings.database_url is None and not (settings.home / "casemill.db").exists():
        return Finding("database", Health.MISSING, "made by the first `casemill up`")
    database = Database(settings.database)
    try:
        have, name = revision(database), database.engine.dialect.name
    finally:
        database.close()
    if have != newest():
        says = f"schema {have}, newest is {newest()}; `casemill up` brings it up to date"
        return Finding("database", Health.ILL, says)
    return Finding("database", Health.WELL, f"{name}, schema {have}")


def _storage(settings: Settings) -> Finding:
    store = configured_store(settings.documents_block, settings.documents_folder)
    content = b"casemill doctor"
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / "probe"
        probe.write_bytes(content)
        key = store.put(probe, hashlib.sha256(content).hexdigest())
        with store.fetch(key) as path:
            same = path.read_bytes() == content
        store.delete(key)
    if not same:
        return Finding("storage", Health.ILL, "gave back other bytes than it was given; check the disk")
    where = settings.documents_block or settings.documents_folder
    return Finding("storage", Health.WELL, f"{where} takes, gives back and deletes a file")


def _index(settings: Settings) -> Finding:
    if not settings.search_file.exists():
        return Finding("search index", Health.MISSING, "made by the first `casemill up`")
    health = SqliteIndex(settings.search_file).check()
    return Finding("search index", Health.WELL if health.is_well else Health.ILL, health.detail)


def _sandbox(settings: Settings) -> Finding:
    with Sandbox(1, settings.extraction) as sandbox:
        answer = sandbox.run("casemill.steps.citing:citations_as_json", text="Celotex, 477 U.S. 317 (1986)")
    if isinstance(answer, Killed):
        return Finding(
            "sandbox", Health.ILL, f"a test text {answer.detail}; see CASEMILL_EXTRACTION__... settings"
        )
    limits = settings.extraction
    return Finding(
        "sandbox",
        Health.WELL,
        f"{settings.processes} processes, {limits.seconds:g} s, {limits.memory_mb} MiB each",
    )


def _prefect(settings: Settings) -> Finding:
    api_url = running_api_url(settings)
    if api_url is None:
        return Finding("Prefect", Health.MISSING, "not running; `casemill up` starts it")
    return Finding("Prefect", Health.WELL if answers(api_url) else Health.ILL, f"answers at {api_url}")


def _worker(settings: Settings) -> Finding:
    api_url = running_api_url(settings)
    if api_url is None:
        return Finding("worker", Health.MISSING, "not running; `casemill up` starts it")
    online = online_workers(settings, api_url)
    if not online:
        return Finding("worker", Health.ILL, f"none is online; see {settings.logs_folder / 'worker.log'}")
    return Finding(
        "worker", Health.WELL, f"{len(online)} online, last heartbeat {online[0]['last_heartbeat_time']}"
    )


def _recorder(settings: Settings) -> Finding:
    if running_api_url(settings) is None:
        return Finding("recorder", Health.MISSING, "not running; `casemill up` starts it")
    database = Database(settings.database)
    try:
        with database.read() as session:
            mark = session.get(RecorderMark, THE_RECORDER)
    finally:
        database.close()
    log = settings.logs_folder / "recorder.log"
    if mark is None or mark.seen_at is None or utc_now() - mark.seen_at > _RECORDER_SILENT:
        return Finding("recorder", Health.ILL, f"does not record; see {log}")
    if mark.listening_since is None:
        return Finding("recorder", Health.ILL, f"does not hear Prefect's events; see {log}")
    return Finding(
        "recorder", Health.WELL, f"hears events, last reconciled {mark.reconciled_at or 'not yet'}"
    )


def _libreoffice(_settings: Settings) -> Finding:
    if path := shutil.which("soffice"):
        return Finding("LibreOffice", Health.WELL, f"{path}, used for damaged .doc files")
    return Finding(
        "LibreOffice",
        Health.MISSING,
        "optional: installed, it is tried on .doc files too damaged for our reader",
    )
