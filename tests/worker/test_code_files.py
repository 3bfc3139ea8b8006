"""Code that changed is noticed by its file."""

from pathlib import Path

import pytest
from prefect.client.schemas.objects import Flow

from casemill.worker.code_files import CodeFiles
from casemill.worker.run_order import needs_new_interpreter


def test_a_file_that_is_the_same_has_not_changed(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("A = 1")
    files = CodeFiles([tmp_path / "code.py", tmp_path / "missing.py"])
    assert not files.changed()


def test_a_file_that_is_written_removed_or_made_has(tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    before = CodeFiles([code])
    code.write_text("A = 1")
    assert before.changed()
    between = CodeFiles([code])
    code.write_text("A = 12")
    assert between.changed()
    after = CodeFiles([code])
    code.unlink()
    assert after.changed()


def test_our_own_code_is_watched_and_installed_packages_are_not() -> None:
    files = CodeFiles.of_this_process()._seen
    assert Path(needs_new_interpreter.__code__.co_filename) in files
    assert not any("site-packages" in str(path) for path in files)
    assert Flow.__module__ not in {path.stem for path in files}


@pytest.mark.parametrize(
    ("name", "needed"), [("PYTHONPATH", True), ("LD_PRELOAD", True), ("PREFECT_LOGGING_LEVEL", False)]
)
def test_what_only_a_new_interpreter_can_honour_gets_one(name: str, needed: bool) -> None:
    assert needs_new_interpreter({}, {name: "x"}) is needed
    assert not needs_new_interpreter({name: "x"}, {name: "x"})
