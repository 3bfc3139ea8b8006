"""A mail server that flows send by: a real one, named in a real block."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.mail_server import MailServer
from blocks.open_mailer import open_mailer
from blocks.open_workspace import open_workspace
from casemill.mail.smtp import Security
from casemill.workspace import Workspace
from tests.mail.post_office import PASSWORD, USER, PostOffice, post_office, write_certificates

BLOCK = "test-office"


@pytest.fixture
def office(
    flow_workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PostOffice]:
    """Everything a flow of this test sends arrives here, over TLS and with a password."""
    authority, own = write_certificates(tmp_path)
    with post_office(Security.STARTTLS, own) as office:
        block = MailServer(
            host="localhost", port=office.port, user=USER, password=PASSWORD, ca_file=authority
        )
        block.save(BLOCK, overwrite=True)
        monkeypatch.setenv("CASEMILL_MAIL_BLOCK", f"mail-server/{BLOCK}")
        monkeypatch.setenv("CASEMILL_MAIL_FROM", "Casemill <mill@firm.example>")
        open_mailer.cache_clear()
        open_workspace.cache_clear()
        yield office
        open_workspace().close()
        open_workspace.cache_clear()
        open_mailer.cache_clear()
