"""Turns a folder of files into cases: each sub-folder is one, files lying directly in it are one more."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from casemill.errors import CasemillError
from casemill.models import Case, CaseDocument
from casemill.operations.add_document import Added, add_document, clean_name
from casemill.workspace import Workspace


class NothingToImport(CasemillError):
    pass


@dataclass(frozen=True, slots=True)
class CaseFolder:
    """A case to be: its name and its files, sub-folders' files included, in the order of their paths."""

    name: str
    folder: Path
    files: tuple[Path, ...]

    def document_name(self, file: Path) -> str:
        return file.relative_to(self.folder).as_posix()


def case_folders(folder: Path) -> list[CaseFolder]:
    """Raises NothingToImport where there is no file.

    Hidden files, all that lies in hidden folders, and links out of the folder are left out.
    """
    if not folder.is_dir():
        raise NothingToImport(f"{folder} is not a folder; name one that holds documents")
    folder = folder.resolve()
    found = [
        CaseFolder(clean_name(sub.name), sub, tuple(_files(sub, folder)))
        for sub in sorted(folder.iterdir())
        if sub.is_dir() and not sub.name.startswith(".")
    ]
    direct = tuple(file for file in sorted(folder.iterdir()) if _belongs(file, folder, folder))
    found.append(CaseFolder(clean_name(folder.name), folder, direct))
    found = [case for case in found if case.files]
    if not found:
        raise NothingToImport(f"{folder} holds no files; put documents into it or into its sub-folders")
    return found


def case_named(session: Session, name: str) -> Case:
    """The case of this name, made if there is none. Two that make it at once get the same one."""
    named = select(Case).where(Case.name == name)
    case = session.exec(named).first()
    if case is not None:
        return case
    try:
        with session.begin_nested():
            session.add(case := Case(name=name))
    except IntegrityError:
        return session.exec(named).one()
    return case


def import_case(workspace: Workspace, case: CaseFolder) -> tuple[UUID, list[Added]]:
    """The case's id and what became of each file. Doing it again adds nothing twice."""
    with workspace.database.write() as session:
        case_id = case_named(session, case.name).id
    added = [
        add_document(workspace, CaseDocument, case_id, file, Path(case.document_name(file)).name)
        for file in case.files
    ]
    return case_id, added


def _files(folder: Path, root: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if _belongs(path, folder, root):
            yield path


def _belongs(file: Path, folder: Path, root: Path) -> bool:
    is_hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return not is_hidden and file.is_file() and file.resolve().is_relative_to(root)
