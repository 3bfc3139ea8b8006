"""Addresses are checked before anything is sent to them, and masked before anybody sees them."""

import pytest

from casemill.mail.addresses import (
    InvalidAddress,
    checked_address,
    masked_address,
    sender_address,
    without_addresses,
)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("ada@example.org", "ada@example.org"),
        ("  Ada.Grey+Case@Mail.EXAMPLE.org ", "ada.grey+case@mail.example.org"),
        ("o'neil@example.org", "o'neil@example.org"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("casemill@localhost", "casemill@localhost"),
        ("a" * 64 + "@example.org", "a" * 64 + "@example.org"),
    ],
)
def test_one_mailbox_has_one_spelling(given: str, kept: str):
    assert checked_address(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@example",
        "ada@@example.org",
        "ada@example.org\nBcc: bob@example.org",
        "ada\r\n@example.org",
        "ada@example.org, bob@example.org",
        "<ada@example.org>",
        "Ada <ada@example.org>",
        '"ada grey"@example.org',
        "ada grey@example.org",
        "ada..grey@example.org",
        ".ada@example.org",
        "ada@-example.org",
        "ada@exa_mple.org",
        "ada@[127.0.0.1]",
        "ädä@example.org",
        "ada@example.org\0",
        "ada@exam\u202eple.org",
        "a" * 65 + "@example.org",
        "ada@" + "a" * 250 + ".org",
        "ada@" + ".".join(["a" * 60] * 5) + ".org",
        "ada@\ud800.org",
    ],
)
def test_what_cannot_be_written_to_is_refused(given: str):
    with pytest.raises(InvalidAddress, match="not an e-mail address"):
        checked_address(given)


def test_a_masked_address_is_recognised_and_not_written_to():
    assert masked_address("jane.doe@example.org") == "j***@example.org"
    assert masked_address("j@example.org") == "j***@example.org"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("550 5.1.1 <jane.doe@example.org>: unknown", "550 5.1.1 <j***@example.org>: unknown"),
        ("550 Jane.Doe@EXAMPLE.org unknown", "550 J***@EXAMPLE.org unknown"),
        ("550 no mailbox jane.doe here", "550 no mailbox j*** here"),
        ("550 ask postmaster@example.org", "550 ask p***@example.org"),
        ("550 5.7.1 blocked", "550 5.7.1 blocked"),
    ],
)
def test_a_servers_words_are_shown_without_whom_they_are_about(words: str, shown: str):
    assert without_addresses(words, "jane.doe@example.org") == shown


def test_a_sender_has_a_name_or_none():
    assert str(sender_address("Casemill <Mill@Firm.example>")) == "Casemill <mill@firm.example>"
    assert str(sender_address("mill@firm.example")) == "mill@firm.example"
    with pytest.raises(InvalidAddress):
        sender_address("Casemill")
    assert "\n" not in str(sender_address("Case\nBcc: a@b.example\nmill <mill@firm.example>"))
