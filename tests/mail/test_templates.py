"""What messages say, and that what they are told about stays what it is."""

from collections.abc import Mapping
from email import message_from_bytes, policy
from html.parser import HTMLParser

import pytest

from casemill.mail.templates import FIELDS, SAMPLES, BadContext, render, require_context
from casemill.models import MailKind
from tests.mail.conftest import message

HOSTILE = '"><script>alert(1)</script>\r\nBcc: all@example.org\n\n\u202eevil & {{ 7 * 7 }}'


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.links: list[str | None] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]


@pytest.mark.parametrize("kind", MailKind)
def test_every_kind_can_be_written_in_both_ways_and_says_the_same(kind: MailKind):
    rendered = render(kind, SAMPLES[kind])
    assert SAMPLES[kind].keys() == FIELDS[kind]
    assert rendered.subject and "\n" not in rendered.subject
    for value in (str(SAMPLES[kind][name]) for name in FIELDS[kind] - {"days_left"}):
        assert value in rendered.text
        assert value in rendered.html
    assert max(len(line) for line in rendered.text.splitlines()) < 80


@pytest.mark.parametrize("kind", MailKind)
def test_a_message_loads_nothing_and_leads_to_its_own_link_only(kind: MailKind):
    tags = Tags(render(kind, SAMPLES[kind]).html)
    assert set(tags.links) == {SAMPLES[kind]["url"]}
    assert not {"script", "img", "link", "iframe", "form"} & set(tags.found)


@pytest.mark.parametrize("kind", MailKind)
def test_hostile_values_are_text_on_one_line(kind: MailKind):
    context = {
        name: value if name in ("url", "days_left") else HOSTILE for name, value in SAMPLES[kind].items()
    }
    rendered = render(kind, context)
    assert "script" not in Tags(rendered.html).found
    assert "&lt;script&gt;" in rendered.html
    assert "{{ 7 * 7 }}" in rendered.text
    assert not any(line.startswith("Bcc:") for line in rendered.text.splitlines())
    travelled = message_from_bytes(message(rendered=rendered).as_bytes(), policy=policy.SMTP)
    assert travelled["Bcc"] is None
    expected = {
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    }
    assert set(travelled.keys()) == expected
    assert "\u202e" not in f"{rendered.subject}{rendered.text}{rendered.html}"


def test_text_is_not_written_as_html_is():
    context = {**SAMPLES[MailKind.TRIAL_EXPIRED], "name": "Fish & Sons <London>"}
    rendered = render(MailKind.TRIAL_EXPIRED, context)
    assert "Hello Fish & Sons <London>," in rendered.text
    assert "Hello Fish &amp; Sons &lt;London&gt;," in rendered.html


@pytest.mark.parametrize(
    ("days", "when"), [(7, "in 7 days"), (2, "in 2 days"), (1, "tomorrow"), (0, "today")]
)
def test_a_reminder_counts_days_as_people_do(days: int, when: str):
    rendered = render(MailKind.TRIAL_REMINDER, {**SAMPLES[MailKind.TRIAL_REMINDER], "days_left": days})
    assert rendered.subject == f"Your Casemill trial ends {when}"
    assert f"ends {when}, on" in rendered.text
    assert f"ends {when}, on" in rendered.html


@pytest.mark.parametrize("kind", MailKind)
def test_a_message_is_not_written_while_something_is_missing(kind: MailKind):
    for name in FIELDS[kind]:
        context: Mapping[str, str | int] = {
            other: value for other, value in SAMPLES[kind].items() if other != name
        }
        with pytest.raises(BadContext, match=name):
            render(kind, context)
        require_context(kind, context, later=frozenset({name}))


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "//evil.example", "https://a.example/ b", "http://a\nb", ""],
)
def test_a_link_that_is_none_is_refused(url: str):
    with pytest.raises(BadContext, match="link"):
        render(MailKind.TRIAL_EXPIRED, {**SAMPLES[MailKind.TRIAL_EXPIRED], "url": url})
