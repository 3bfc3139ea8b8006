"""What every test may use: both databases, a workspace with real parts, and cases with documents."""

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch
from uuid import UUID, uuid4

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from casemill.db import Database
from casemill.extraction.contract import ExtractionLimits
from casemill.extraction.sandbox import Sandbox
from casemill.migrations import migrate
from casemill.models import Case, CaseDocument, Expert, ExpertDocument
from casemill.operations.add_document import add_document
from casemill.search.sqlite import SqliteIndex
from casemill.settings import Settings
from casemill.storage.folder import FolderStore
from casemill.workspace import Workspace
from tests.paper import write_pdf
from tests.postgres import PostgresMissing, postgres_server, run_sql
from tests.prefect_database import migrated

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# Read when Prefect is imported: a test that forgot its server fails, rather than starting one that stays.
os.environ["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] = "false"

E2E = "tests/e2e/"
SHARED = Path(__file__).resolve().parents[2] / "shared"

NewOwner = Callable[..., UUID]


class WholeFiles(LoadFileScheduling):
    """Of several processes, each runs whole files, and one all of e2e, whose files share a stack."""

    def _split_scope(self, nodeid: str) -> str:
        return E2E if nodeid.startswith(E2E) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> WholeFiles:
    return WholeFiles(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """e2e begins, for it takes the longest."""
    items.sort(key=lambda item: not item.nodeid.startswith(E2E))


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real files beside the checkout."""
    folder = SHARED / "corpus"
    if not folder.is_dir():
        pytest.skip("needs the corpus of real files in ../shared/corpus")
    return folder


@pytest.fixture(scope="session")
def prefect_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database of Prefect's newest schema, empty, to be copied."""
    return migrated(tmp_path_factory)


@pytest.fixture(scope="session")
def prefect_server(prefect_template: Path) -> Iterator[None]:
    """A Prefect server of the tests' own, on a database that is gone afterwards."""
    from prefect.testing.utilities import prefect_test_harness  # importing Prefect takes seconds

    folder = tempfile.mkdtemp()  # the harness deletes it
    shutil.copy(prefect_template, Path(folder) / "prefect-test.db")
    with (
        patch("prefect.testing.utilities.mkdtemp", return_value=folder),
        prefect_test_harness(server_startup_timeout=120),
    ):
        yield


@pytest.fixture(scope="session")
def prefect_client(prefect_server: None) -> "Iterator[SyncPrefectClient]":
    """A client of the tests' own server."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def without_prefect() -> Iterator[None]:
    """Prefect as it is when it is down: an address where nobody answers."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{port}/api"}):
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The socket folder of a PostgreSQL server with the migrated database `template_casemill`."""
    try:
        with postgres_server() as socket:
            run_sql(socket, "CREATE DATABASE template_casemill")
            _migrate(_postgres_url(socket, "template_casemill"))
            yield socket
    except PostgresMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "casemill.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """Of an SQLite database of the newest schema, empty, for this test alone."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'casemill.db')}"


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """Of a PostgreSQL database of the newest schema, empty, for this test alone."""
    name = f"test_{uuid4().hex}"
    run_sql(postgres, f"CREATE DATABASE {name} TEMPLATE template_casemill")
    yield _postgres_url(postgres, name)
    run_sql(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty database of the newest schema: what passes on one must pass on the other."""
    which = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    database = Database(request.getfixturevalue(which))
    yield database
    database.close()


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Database]:
    """For what does not depend on the database, or on SQLite only."""
    database = Database(sqlite_url)
    yield database
    database.close()


@pytest.fixture(scope="session")
def limits() -> ExtractionLimits:
    return ExtractionLimits(seconds=20, memory_mb=1024, file_mb=20)


@pytest.fixture(scope="session")
def sandbox(limits: ExtractionLimits) -> Iterator[Sandbox]:
    with Sandbox(2, limits) as sandbox:
        yield sandbox


def _workspace(database: Database, folder: Path, sandbox: Sandbox, limits: ExtractionLimits) -> Workspace:
    given = {"home": folder / "home", "processes": 2, "cases_per_job": 2, "extraction": limits}
    return Workspace(
        settings=Settings.model_validate(given),  # not from the environment
        database=database,
        documents=FolderStore(folder / "store"),
        index=SqliteIndex(folder / "search.db"),
        sandbox=sandbox,
    )


@pytest.fixture
def workspace(database: Database, tmp_path: Path, sandbox: Sandbox, limits: ExtractionLimits) -> Workspace:
    """All real parts, on each database."""
    return _workspace(database, tmp_path, sandbox, limits)


@pytest.fixture
def desk(sqlite: Database, tmp_path: Path, sandbox: Sandbox, limits: ExtractionLimits) -> Workspace:
    """A workspace on SQLite, for what no database changes."""
    return _workspace(sqlite, tmp_path, sandbox, limits)


@pytest.fixture
def new_case(tmp_path: Path) -> NewOwner:
    """new_case(where, "Smith v. Jones", cv="text of its only page", paper=["page 1", "page 2"]) -> its id.

    `where` is a workspace, or a database if the case needs no documents.
    """

    def make(where: Workspace | Database, name: str | None = None, **documents: str | list[str]) -> UUID:
        return _owner_with_documents(where, Case(name=name or f"case {uuid4()}"), tmp_path, documents)

    return make


@pytest.fixture
def new_expert(tmp_path: Path) -> NewOwner:
    """new_expert(workspace, "Dr. Grey", cv="text") -> the expert's id."""

    def make(where: Workspace | Database, name: str, **documents: str | list[str]) -> UUID:
        return _owner_with_documents(where, Expert(name=name), tmp_path, documents)

    return make


def _owner_with_documents(
    where: Workspace | Database, owner: Case | Expert, folder: Path, documents: dict[str, str | list[str]]
) -> UUID:
    database = where.database if isinstance(where, Workspace) else where
    with database.write() as session:
        session.add(owner)
    model = CaseDocument if isinstance(owner, Case) else ExpertDocument
    for name, pages in documents.items():
        assert isinstance(where, Workspace), "documents need a workspace"
        texts = [pages] if isinstance(pages, str) else pages
        file = write_pdf(folder / "uploads" / str(owner.id) / f"{name}.pdf", *texts)
        assert add_document(where, model, owner.id, file).is_new, "two documents with the same text"
    return owner.id


def _migrate(url: str) -> None:
    database = Database(url)
    migrate(database)
    database.close()


def _postgres_url(socket: str, name: str) -> str:
    return f"postgresql+psycopg://postgres@/{name}?host={socket}"
