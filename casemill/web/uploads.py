"""Files that come as a multipart body: written to disk as they come, and never more than is allowed."""

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from fastapi import Request
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool

from casemill.errors import BadInput, Unavailable
from casemill.operations.add_document import clean_name

logger = logging.getLogger(__name__)

MOST_FILES = 200
_FILES_WORTH = 10  # a whole request may be as large as so many of the largest files
_ABANDONED_SECONDS = 24 * 3600
_PARSED_AT_ONCE = 256 << 10


class TooLarge(BadInput):
    """More than the limit of a file, or of a request."""


@dataclass(frozen=True, slots=True)
class Received:
    """A file that came whole. name is what the sender calls it: hostile, for showing only."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Limits:
    file: int
    request: int

    @classmethod
    def of_megabytes(cls, largest: int) -> "Limits":
        return cls(largest << 20, _FILES_WORTH * largest << 20)


@asynccontextmanager
async def upload_folder(home: Path) -> AsyncGenerator[Path]:
    """A folder for the files of one request, gone with it. What a crash left is cleared the day after."""

    def make() -> Path:
        try:
            uploads = home / "uploads"
            uploads.mkdir(parents=True, exist_ok=True)
            _clear_abandoned(uploads)
            return Path(mkdtemp(dir=uploads))
        except OSError as error:
            raise _disk_full(error) from error

    folder = await run_in_threadpool(make)
    try:
        yield folder
    finally:
        rmtree(folder, ignore_errors=True)


async def receive_files(request: Request, folder: Path, limits: Limits) -> list[Received]:
    """All files of the request's body, once it has come to its end.

    Raises BadInput for what is no multipart body with files, and TooLarge as soon as it is.
    """
    kind, options = parse_options_header(request.headers.get("Content-Type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise BadInput("Send the files as multipart/form-data, one part each")
    announced = request.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced) > limits.request:
        raise _request_too_large(limits)
    return await _Reception(folder, limits).take(boundary, request.stream())


class _Reception:
    """Collects the files the parser finds; parts without a file name are passed over."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._files: list[Received] = []
        self._file: BufferedWriter | None = None
        self._size = 0
        self._field = self._value = self._disposition = b""
        self._is_whole = False

    async def take(self, boundary: bytes, body: AsyncIterator[bytes]) -> list[Received]:
        received, waiting = 0, bytearray()
        try:
            parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._add_field,
                    "on_header_value": self._add_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._open_file,
                    "on_part_data": self._add_data,
                    "on_part_end": self._close_file,
                    "on_end": self._end,
                },
            )
            async for piece in body:
                received += len(piece)
                if received > self._limits.request:
                    raise _request_too_large(self._limits)
                waiting += piece
                if len(waiting) >= _PARSED_AT_ONCE:  # in a thread: it writes to disk
                    await run_in_threadpool(parser.write, bytes(waiting))
                    waiting.clear()
            await run_in_threadpool(parser.write, bytes(waiting))
        except FormParserError as error:
            raise BadInput("The body is not what multipart/form-data looks like; send it again") from error
        except OSError as error:
            raise _disk_full(error) from error
        finally:
            with suppress(OSError):
                self._close_file()
        if not self._is_whole:
            raise BadInput("The body ends before its last boundary; send it again")
        if not self._files:
            raise BadInput("There is no file in it; send at least one part with a file name")
        return self._files

    def _begin(self) -> None:
        self._field = self._value = self._disposition = b""

    def _add_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value
        self._field = self._value = b""

    def _open_file(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"filename")
        if name is None:
            return
        if len(self._files) == MOST_FILES:
            raise BadInput(f"One request brings {MOST_FILES} files at most; send the others in another")
        path = self._folder / str(len(self._files))
        self._files.append(Received(name.decode(errors="replace"), path))
        self._file = path.open("xb")
        self._size = 0

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is None:
            return
        self._size += end - start
        if self._size > self._limits.file:
            raise TooLarge(
                f"{clean_name(self._files[-1].name)} is larger than the {self._limits.file >> 20} MB a file "
                "may have; none of the files was taken in"
            )
        self._file.write(data[start:end])

    def _close_file(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def _end(self) -> None:
        self._is_whole = True


def _request_too_large(limits: Limits) -> TooLarge:
    return TooLarge(
        f"One request brings {limits.request >> 20} MB at most; send the files in several requests. "
        "None of them was taken in"
    )


def _disk_full(error: OSError) -> Unavailable:
    logger.warning("An upload could not be written to disk: %s", error)
    return Unavailable("The upload could not be written to disk; an admin should see whether it is full")


def _clear_abandoned(uploads: Path) -> None:
    oldest = time.time() - _ABANDONED_SECONDS
    for folder in uploads.iterdir():
        with suppress(FileNotFoundError):
            if folder.stat().st_mtime < oldest:
                rmtree(folder, ignore_errors=True)
