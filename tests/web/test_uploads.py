"""Bodies of uploads: files are written as they come, up to a limit, and nothing else is kept of them."""

import asyncio
import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from fastapi import Request

from casemill.errors import BadInput
from casemill.web import uploads
from casemill.web.uploads import Limits, Received, TooLarge, receive_files, upload_folder

BOUNDARY = "----cut here"


class Body:
    """A request's body in pieces; counts those that were asked for."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = iter(pieces)
        self.taken = 0

    def request(self, content_type: str | None = None, **headers: str) -> Request:
        given = {"Content-Type": content_type or f'multipart/form-data; boundary="{BOUNDARY}"', **headers}
        raw = [(name.lower().replace("_", "-").encode(), value.encode()) for name, value in given.items()]
        return Request({"type": "http", "method": "POST", "headers": raw}, self._receive)

    async def _receive(self) -> dict[str, object]:
        piece = next(self.pieces, None)
        if piece is None:
            return {"type": "http.request", "body": b"", "more_body": False}
        self.taken += 1
        return {"type": "http.request", "body": piece, "more_body": True}


def part(content: bytes, disposition: str = 'form-data; name="files"; filename="a.pdf"') -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\nContent-Type: text/html\r\n\r\n"
    return head.encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()
LIMITS = Limits(file=1000, request=5000)


def receive(request: Request, folder: Path, limits: Limits = LIMITS) -> list[Received]:
    return asyncio.run(receive_files(request, folder, limits))


@pytest.mark.parametrize("size", [1, 7, 10_000], ids=["byte by byte", "in small pieces", "at once"])
def test_files_come_whole_in_whatever_pieces(tmp_path: Path, size: int) -> None:
    contents = [b"one", b"", os.urandom(500), b"\r\n--" + BOUNDARY[:-1].encode()]
    body = b"".join(part(content) for content in contents) + END
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    received = receive(Body(pieces).request(), tmp_path)
    assert [file.path.read_bytes() for file in received] == contents


def test_names_are_kept_as_names_and_never_as_paths(tmp_path: Path) -> None:
    names = ["../../etc/passwd", "/absolute.pdf", "naïve 契約.pdf", "..", "a\tb"]
    body = b"".join(part(b"x", f'form-data; name="f"; filename="{name}"') for name in names) + END
    folder = tmp_path / "folder"
    folder.mkdir()
    received = receive(Body([body]).request(), folder)
    assert [file.name for file in received] == names
    assert sorted(file.path.name for file in received) == ["0", "1", "2", "3", "4"]
    assert {file.path.parent for file in received} == {folder}


def test_fields_that_are_no_files_are_passed_over(tmp_path: Path) -> None:
    body = part(b"some text", 'form-data; name="comment"') + part(b"file") + END
    assert [file.path.read_bytes() for file in receive(Body([body]).request(), tmp_path)] == [b"file"]


def test_a_file_over_the_limit_is_refused_while_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_PARSED_AT_ONCE", 100)
    body = Body([part(b"")[:-2], *([b"x" * 100] * 1000), b"\r\n", END])
    with pytest.raises(TooLarge, match="is larger than the 0 MB"):
        receive(body.request(), tmp_path)
    assert body.taken < 20
    assert (tmp_path / "0").stat().st_size <= LIMITS.file


def test_a_file_of_just_the_limit_is_taken(tmp_path: Path) -> None:
    assert receive(Body([part(b"x" * 1000) + END]).request(), tmp_path)


def test_a_request_over_the_limit_is_refused_before_or_while_it_comes(tmp_path: Path) -> None:
    announced = Body([])
    with pytest.raises(TooLarge, match="One request"):
        receive(announced.request(Content_Length="5001"), tmp_path)
    unannounced = Body([part(b"x" * 900)] * 100)
    with pytest.raises(TooLarge, match="One request"):
        receive(unannounced.request(), tmp_path)
    assert (announced.taken, unannounced.taken) == (0, 5)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", part(b"x") + END),
        (f"multipart/form-data; boundary={'b' * 5000}", b""),
        (None, b""),
        (None, b"nonsense"),
        (None, END),
        (None, part(b"x")),  # breaks off
        (None, part(b"x", 'form-data; name="text"') + END),
        (None, part(b"x", "nonsense\x00") + b"\r\n" + END),
        (None, b"--" + BOUNDARY.encode() + b"\r\n" + b"H" * 100_000),
    ],
)
def test_what_brings_no_files_is_bad_input(tmp_path: Path, content_type: str | None, body: bytes) -> None:
    with pytest.raises(BadInput):
        receive(Body([body]).request(content_type), tmp_path, Limits(10**6, 10**6))


def test_a_request_brings_no_more_than_so_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_FILES", 2)
    with pytest.raises(BadInput, match="2 files at most"):
        receive(Body([part(b"x") * 3 + END]).request(), tmp_path)


def test_the_folder_of_a_request_goes_with_it_and_those_that_crashes_left_later(tmp_path: Path) -> None:
    old, recent = tmp_path / "uploads" / "old", tmp_path / "uploads" / "recent"
    for folder in (old, recent):
        folder.mkdir(parents=True)
        (folder / "0").write_bytes(b"x")
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (long_ago, long_ago))

    async def use() -> None:
        async with upload_folder(tmp_path) as folder:
            (folder / "0").write_bytes(b"x")
            assert folder.parent == tmp_path / "uploads"

    asyncio.run(use())
    assert list((tmp_path / "uploads").iterdir()) == [recent]
