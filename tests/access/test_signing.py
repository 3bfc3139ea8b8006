"""One key for all processes of a home, readable by its owner only."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from casemill.access.signing import BadKey, SigningKey


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path):
    sealed = SigningKey.of(tmp_path / "home").seal("secret")
    file = tmp_path / "home" / "secret.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert SigningKey.of(tmp_path / "home").open(sealed) == "secret"
    assert [path.name for path in file.parent.iterdir()] == ["secret.key"]


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path):
    with ThreadPoolExecutor(8) as threads:
        keys = list(threads.map(lambda _: SigningKey.of(tmp_path), range(8)))
    assert len({key.seal("secret") for key in keys}) == 1


def test_a_given_key_is_used_and_no_file_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CASEMILL_SECRET_KEY", "k" * 32)
    assert SigningKey.of(tmp_path).open(SigningKey("k" * 32).seal("secret")) == "secret"
    assert list(tmp_path.iterdir()) == []


def test_a_short_key_is_refused_and_the_variable_named():
    with pytest.raises(BadKey, match="CASEMILL_SECRET_KEY"):
        SigningKey("short")


@pytest.mark.parametrize("cookie", ["", "secret", "secret.", ".", "secret.AAAA", "\u00e9\ud800.x"])
def test_what_was_not_sealed_by_us_is_not_opened(cookie: str):
    assert SigningKey("k" * 32).open(cookie) is None


def test_a_seal_of_another_key_is_not_ours():
    assert SigningKey("k" * 32).open(SigningKey("l" * 32).seal("secret")) is None


def test_a_csrf_token_belongs_to_one_session_and_is_no_cookie():
    key = SigningKey("k" * 32)
    token = key.csrf_token("secret")
    assert key.is_csrf_token("secret", token)
    assert not key.is_csrf_token("another", token)
    assert not key.is_csrf_token("secret", "")
    assert key.open(f"secret.{token}") is None


def test_the_key_shows_nothing_of_itself():
    assert "k" * 8 not in repr(SigningKey("k" * 32))
