"""What is sealed for a cookie is opened again, and nothing else is."""

import pytest

from casemill.access.signing import SigningKey


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
