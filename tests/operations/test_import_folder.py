"""A folder of files becomes cases: each sub-folder one, the files beside them one more."""

import os
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from sqlmodel import select

from casemill.models import Case, CaseDocument, Role, User
from casemill.operations.import_folder import (
    NothingToImport,
    case_folders,
    case_named,
    import_case,
)
from casemill.operations.local_user import local_user
from casemill.workspace import Workspace
from tests.concurrency import second_comes_while_the_first_is_not_through

Put = Callable[..., None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "uploads" / "from the client"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def put(folder: Path) -> Put:
    """Puts files into the folder; each holds its own path."""

    def put(*paths: str) -> None:
        for path in paths:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(path, errors="surrogateescape")

    return put


def found(folder: Path) -> dict[str, list[str]]:
    return {case.name: [case.document_name(file) for file in case.files] for case in case_folders(folder)}


def test_each_sub_folder_is_a_case_with_all_the_files_below_it(folder: Path, put: Put):
    put("smith/b.pdf", "smith/a.pdf", "smith/exhibits/1.pdf", "brown/z.docx")
    assert found(folder) == {"brown": ["z.docx"], "smith": ["a.pdf", "b.pdf", "exhibits/1.pdf"]}


def test_files_beside_the_sub_folders_are_a_case_of_the_folders_name(folder: Path, put: Put):
    put("smith/a.pdf", "loose.pdf", "another.pdf")
    assert found(folder) == {"smith": ["a.pdf"], "from the client": ["another.pdf", "loose.pdf"]}


def test_a_folder_of_files_alone_is_one_case(folder: Path, put: Put, monkeypatch: pytest.MonkeyPatch):
    put("a.pdf")
    assert found(folder) == {"from the client": ["a.pdf"]}
    monkeypatch.chdir(folder)
    assert found(Path()) == {"from the client": ["a.pdf"]}


def test_hidden_files_and_what_lies_in_hidden_folders_is_left_out(folder: Path, put: Put):
    """A case folder that was kept in git came with two hundred documents named after hashes."""
    put("smith/a.pdf", "smith/.DS_Store", "smith/.git/objects/ab/cd", "smith/x/.cache/y/1.pdf")
    put(".trash/old.pdf", ".hidden.pdf")
    assert found(folder) == {"smith": ["a.pdf"]}


def test_a_folder_may_lie_in_a_hidden_one(tmp_path: Path):
    (tmp_path / ".casemill" / "inbox").mkdir(parents=True)
    (tmp_path / ".casemill" / "inbox" / "a.pdf").write_text("a")
    assert found(tmp_path / ".casemill" / "inbox") == {"inbox": ["a.pdf"]}


def test_links_out_of_the_folder_are_not_followed(folder: Path, put: Put, tmp_path: Path):
    put("smith/a.pdf")
    outside = tmp_path / "secret"
    outside.mkdir()
    (outside / "key.pem").write_text("secret")
    (folder / "smith" / "key.pem").symlink_to(outside / "key.pem")
    (folder / "smith" / "folder").symlink_to(outside)
    (folder / "stolen").symlink_to(outside)
    (folder / "smith" / "up").symlink_to(folder.parent)
    (folder / "smith" / "round").symlink_to(folder / "smith")
    (folder / "smith" / "broken").symlink_to("nowhere")
    assert found(folder) == {"smith": ["a.pdf"]}


def test_the_folder_itself_may_be_a_link(folder: Path, put: Put, tmp_path: Path):
    put("a.pdf", "smith/b.pdf")
    (tmp_path / "link").symlink_to(folder)
    assert found(tmp_path / "link") == {"smith": ["b.pdf"], "from the client": ["a.pdf"]}


def test_pipes_and_sockets_are_not_files(folder: Path, put: Put):
    put("smith/a.pdf")
    os.mkfifo(folder / "smith" / "pipe.pdf")
    assert found(folder) == {"smith": ["a.pdf"]}


@pytest.mark.parametrize("paths", [(), (".hidden",), ("empty/.keep",)])
def test_a_folder_without_files_is_nothing_to_import(folder: Path, put: Put, paths: tuple[str, ...]):
    put(*paths)
    (folder / "empty").mkdir(exist_ok=True)
    with pytest.raises(NothingToImport, match="holds no files; put documents into it"):
        case_folders(folder)


def test_what_is_no_folder_is_nothing_to_import(folder: Path, put: Put):
    put("a.pdf")
    for path in (folder / "a.pdf", folder / "missing"):
        with pytest.raises(NothingToImport, match="is not a folder; name one that holds documents"):
            case_folders(path)


def test_names_that_no_encoding_knows_are_imported_under_clean_ones(
    workspace: Workspace, folder: Path, put: Put
):
    put(os.fsdecode(b"sm\xffith/a\xff\nb.pdf"))
    (case,) = case_folders(folder)
    case_id, _ = import_case(workspace, case)
    with workspace.database.read() as session:
        assert session.get_one(Case, case_id).name == "smith"
        assert session.exec(select(CaseDocument.name)).one() == "a b.pdf"


def test_importing_again_adds_only_what_is_new(workspace: Workspace, folder: Path, put: Put):
    put("smith/a.pdf", "smith/b.pdf")
    case_id, added = import_case(workspace, case_folders(folder)[0])
    assert [each.is_new for each in added] == [True, True]
    put("smith/c.pdf")
    again, added = import_case(workspace, case_folders(folder)[0])
    assert again == case_id
    assert [each.is_new for each in added] == [False, False, True]


def test_a_case_made_by_two_imports_at_once_is_one_case(workspace: Workspace):
    """On PostgreSQL both found no case of this name, and the second died of the first one's."""

    def make(session) -> UUID:
        return case_named(session, "Smith").id

    one, other = second_comes_while_the_first_is_not_through(workspace.database, make, make)
    assert one == other


def test_the_local_user_is_made_once_even_if_two_commands_come_first(workspace: Workspace):
    def make(session) -> UUID:
        return local_user(session).id

    one, other = second_comes_while_the_first_is_not_through(workspace.database, make, make)
    assert one == other
    with workspace.database.read() as session:
        user = session.exec(select(User)).one()
        assert (user.name, user.role) == ("local", Role.ADMIN)
