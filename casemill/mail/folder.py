"""Mail written to a folder, one .eml file a message: the default, and what tests and demos read."""

import errno
import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from casemill.mail.contract import Deferred, Delivered, MailerRefusesUs, Message, Outcome

_MAY_PASS = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EIO}


class FolderMailer:
    """A Mailer over a folder, made when the first message comes. Files are for their owner only: they hold
    links that let people in.

    A message appears whole, under its id, or not at all; the same one again replaces itself.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def deliver(self, message: Message, hand_over: Callable[[], None]) -> Outcome:
        part = self.folder / f".{message.id}.{uuid.uuid4().hex}"
        try:
            try:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                _write(part, message.as_bytes())
            except OSError as error:
                return self._failed(error)
            hand_over()
            try:
                part.replace(self.folder / f"{message.id}.eml")
            except OSError as error:
                return self._failed(error)
        finally:
            with suppress(OSError):  # gone, or never there
                part.unlink()
        return Delivered(f"written to {message.id}.eml")

    def _failed(self, error: OSError) -> Deferred:
        """A rename that fails has moved nothing, so all of these are worth another try or nobody's fault."""
        if error.errno in _MAY_PASS:
            return Deferred(f"the folder for mail cannot be written to now: {error.strerror}")
        raise MailerRefusesUs(
            f"Mail cannot be written to {self.folder} ({error.strerror}); check that it is a folder that "
            "Casemill may write to"
        ) from error


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
