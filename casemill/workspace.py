"""What a process works with: database, documents, search index and sandbox, opened from settings."""

from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

from casemill.db import Database
from casemill.extraction.sandbox import Sandbox
from casemill.search.contract import SearchIndex
from casemill.search.sqlite import SqliteIndex
from casemill.settings import Settings
from casemill.storage.contract import DocumentStore
from casemill.storage.opening import configured_store


@dataclass(frozen=True)
class Workspace:
    """Open parts, handed down to operations. Closing it ends the sandbox's processes."""

    settings: Settings
    database: Database
    documents: DocumentStore
    index: SearchIndex
    sandbox: Sandbox

    @classmethod
    def open(cls, settings: Settings) -> Self:
        return cls(
            settings=settings,
            database=Database(settings.database),
            documents=configured_store(settings.documents_block, settings.documents_folder),
            index=SqliteIndex(settings.search_file),
            sandbox=Sandbox(settings.processes, settings.extraction),
        )

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.settings.lease_seconds)

    def close(self) -> None:
        self.sandbox.close()
        self.index.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
