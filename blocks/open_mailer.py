"""The mailer of a process that runs jobs."""

from functools import cache
from typing import Any, cast

from prefect.blocks.core import Block

from blocks.mail_server import MailServer  # Prefect loads a block of a type it has seen
from casemill.mail.contract import Mailer, MailerRefusesUs
from casemill.mail.folder import FolderMailer
from casemill.settings import Settings, read_settings

__all__ = ["MailServer", "configured_mailer", "open_mailer"]


@cache
def open_mailer() -> Mailer:
    """One mailer a process, from settings in the environment."""
    return configured_mailer(read_settings())


def configured_mailer(settings: Settings) -> Mailer:
    """The block that the settings name, or without one the folder in home. Raises MailerRefusesUs."""
    if settings.mail_block is None:
        return FolderMailer(settings.mail_folder)
    try:
        block = cast(Any, Block.load(settings.mail_block))
    except ValueError as error:
        raise MailerRefusesUs(
            f"There is no block {settings.mail_block!r} to send mail with; make one in Prefect's UI, or name "
            "another in CASEMILL_MAIL_BLOCK, as mail-server/<name>"
        ) from error
    if not isinstance(block, MailServer):
        raise MailerRefusesUs(
            f"{settings.mail_block!r} is no block to send mail with; make a Mail Server block"
        )
    return block.open()
