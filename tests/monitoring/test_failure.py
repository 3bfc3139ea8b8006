"""What is kept of errors, parameters and results."""

import math
from uuid import uuid4

import pytest
from pydantic import BaseModel, SecretStr

from casemill.monitoring.failure import Failure, logged_failure, said_failure
from casemill.monitoring.recorded_json import recorded, recorded_text

TRACEBACK = """Traceback (most recent call last):
  File "{folder}/flows/batch.py", line {line}, in run
    read(document)
  File "{folder}/casemill/reading.py", line 7, in read
    raise OSError(f"{{document}} is gone")
FileNotFoundError: {folder}/{document} is gone, buffer at {address}"""


def failure(folder: str, line: int, document: object, address: str) -> Failure:
    text = TRACEBACK.format(folder=folder, line=line, document=document, address=address)
    found = logged_failure(f"Task run failed with exception: ...\n{text}")
    assert found is not None
    return found


def test_the_same_error_elsewhere_has_the_same_fingerprint() -> None:
    first = failure("/home/one/casemill", 10, uuid4(), "0x7f00aa")
    second = failure("/srv/two", 99, uuid4(), "0x7f11bb")
    assert first.fingerprint == second.fingerprint
    assert first.type == "FileNotFoundError"


def test_another_error_or_another_place_has_another_fingerprint() -> None:
    one = Failure("ValueError", "no page 3", TRACEBACK)
    prints = {
        one.fingerprint,
        Failure("KeyError", "no page 3", TRACEBACK).fingerprint,
        Failure("ValueError", "no case", TRACEBACK).fingerprint,
        Failure("ValueError", "no page 3", TRACEBACK.replace("in read", "in write")).fingerprint,
    }
    assert len(prints) == 4
    assert Failure("ValueError", "no page 4", TRACEBACK).fingerprint == one.fingerprint


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Flow run encountered an exception: ValueError: broke", ("ValueError", "broke")),
        ("Task run encountered an exception KeyError: 'never'", ("KeyError", "'never'")),
        ("Flow run encountered an exception: RuntimeError", ("RuntimeError", None)),
        ("Flow run encountered an exception: casemill.errors.Refused: a.b: c", ("Refused", "a.b: c")),
        ("3 cases, 1 failed steps", (None, "3 cases, 1 failed steps")),
        (None, (None, None)),
    ],
)
def test_a_failed_states_message_names_the_error(
    message: str | None, expected: tuple[str | None, str | None]
) -> None:
    found = said_failure(message)
    assert (found.type, found.message) == expected


def test_an_error_is_called_the_same_and_counted_as_one_whoever_tells_of_it() -> None:
    """The last try of a task had the module in its name, from the log, those before it had not: one error
    was two."""
    traceback = TRACEBACK.format(folder="/srv", line=1, document="a.pdf", address="0x7f00aa")
    traceback = traceback.replace("FileNotFoundError:", "casemill.storage.errors.DocumentGone:")
    logged = logged_failure(traceback)
    assert logged is not None
    told = Failure("DocumentGone", logged.message, traceback)
    assert (logged.type, logged.fingerprint) == (told.type, told.fingerprint)


class Options(BaseModel):
    model: str = "small"
    api_key: SecretStr = SecretStr("s3cret")


def test_secrets_are_not_kept_however_deep() -> None:
    given = {
        "options": Options(),
        "Authorization": "Bearer s3cret",
        "steps": [
            {"db_password": 1234, "client_secret": ["s3cret"], "access_token": "s3cret", "max_tokens": 5}
        ],
        "plain": SecretStr("s3cret"),
        "note": "connect with password=s3cret to postgresql://me:s3cret@host/db",
    }
    kept = recorded(given, 10_000)
    assert "s3cret" not in str(kept)
    assert "1234" not in str(kept)
    assert kept["steps"][0]["max_tokens"] == 5
    assert kept["options"] == {"model": "small", "api_key": "***"}


def test_mail_addresses_in_errors_are_masked_and_in_parameters_nothing_is_taken_for_one() -> None:
    """Whoever sees jobs reads errors; a document may be called like an address."""
    said = 'Refused: <Ada.Grey+x@mail.example.org>, "...bob@example.org." DETAIL: (a, ada@example.org)'
    assert recorded_text(said) == (
        'Refused: <A***@mail.example.org>, "...b***@example.org." DETAIL: (a, a***@example.org)'
    )
    assert recorded_text("ran on up@vm with pkg@1.2.3 for a***@example.org") == (
        "ran on up@vm with pkg@1.2.3 for a***@example.org"
    )
    assert recorded({"documents": ["smith@work.pdf"]}, 1000) == {"documents": ["smith@work.pdf"]}


def test_what_is_long_is_cut_with_a_note() -> None:
    kept = recorded({"text": "x" * 1000}, 100)
    assert kept["cut"] == "the first 100 of 1012 characters"
    assert len(kept["beginning"]) == 100


def test_anything_becomes_json_that_a_database_takes() -> None:
    kept = recorded({"nan": math.nan, "thing": object(), "nul": "a\0b\ud800", 5: {1}}, 1000)
    assert kept == {"nan": "nan", "thing": "<object>", "nul": "ab?", "5": [1]}
    assert recorded_text("a\0b") == "ab"
