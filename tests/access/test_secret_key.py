"""One key for all processes of a home, readable by its owner only."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from casemill.access.secret_key import BadKey, secret_key
from casemill.settings import Settings


def settings_of(home: Path, **given: str) -> Settings:
    return Settings.model_validate({"home": home, **given})


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path):
    key = secret_key(settings_of(tmp_path / "home"))
    file = tmp_path / "home" / "secret.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret_key(settings_of(tmp_path / "home")) == key
    assert [path.name for path in file.parent.iterdir()] == ["secret.key"]


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path):
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: secret_key(settings_of(tmp_path)), range(8)))
    assert len(keys) == 1


def test_a_given_key_is_used_and_no_file_is_made(tmp_path: Path):
    assert secret_key(settings_of(tmp_path, secret_key="k" * 32)) == "k" * 32
    assert list(tmp_path.iterdir()) == []


def test_a_short_key_is_refused_and_the_variable_named(tmp_path: Path):
    with pytest.raises(BadKey, match="CASEMILL_SECRET_KEY"):
        secret_key(settings_of(tmp_path, secret_key="short"))
