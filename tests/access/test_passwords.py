"""Passwords are argon2 hashes; what is wrong with one is said without saying it."""

import argon2
import pytest

from casemill.access import passwords
from casemill.access.passwords import hash_password, is_outdated, require_good_password, verify_password
from casemill.errors import BadInput
from casemill.models import User
from tests.access.people import PASSWORD, hash_of_password

ANA = User(name="Ana Garcia Perez", email="ana@firm.example")


def test_a_password_is_kept_as_argon2id_and_recognised():
    kept = hash_of_password()
    assert kept.startswith("$argon2id$") and PASSWORD not in kept
    assert verify_password(kept, PASSWORD)
    assert not verify_password(kept, PASSWORD + "!")


def test_nobodys_password_is_never_right_and_is_hashed_as_long_as_anybodys(monkeypatch: pytest.MonkeyPatch):
    looked_at: list[str] = []

    class Watched(argon2.PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:
            looked_at.append(str(hash))
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "_hasher", Watched())
    assert not verify_password(None, PASSWORD)
    assert verify_password(hash_of_password(), PASSWORD)
    nobodys, somebodys = (argon2.extract_parameters(each) for each in looked_at)
    assert nobodys == somebodys


def test_the_same_letters_typed_on_another_system_are_the_same_password():
    kept = hash_password("se\u00f1al de partida")
    assert verify_password(kept, "sen\u0303al de partida")


def test_half_a_character_breaks_nothing():
    assert not verify_password(hash_of_password(), "\ud800")


def test_a_hash_that_is_none_is_not_a_password():
    assert not verify_password("no hash", PASSWORD)


def test_hashes_of_other_parameters_are_outdated():
    weaker = argon2.PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD)
    assert is_outdated(weaker) and not is_outdated(hash_of_password())


@pytest.mark.parametrize(
    "password", ["", "eleven char", "Ana Garcia Perez", " ANA GARCIA PEREZ", "ana@firm.example", "x" * 1025]
)
def test_a_password_that_is_short_or_the_users_name_is_refused_without_repeating_it(password: str):
    with pytest.raises(BadInput) as refused:
        require_good_password(password, ANA)
    assert not password or password not in str(refused.value)


def test_twelve_characters_are_enough():
    require_good_password("twelve chars", ANA)
