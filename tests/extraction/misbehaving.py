"""What a parser taken in by a hostile file may do, for the sandbox to survive."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path


def behave(text: str) -> dict[str, object]:
    return {"text": text, "pid": os.getpid()}


def behave_after(delay: float, function: str) -> str:
    """An argument of a function may have any name but `seconds`."""
    time.sleep(delay)
    return function


def hang(started: str | None = None) -> None:
    """Never returns and never lets go of the interpreter lock."""
    if started:
        Path(started).write_text(str(os.getpid()))
    re.match(r"(a+)+$", "a" * 60 + "b")


def hang_with_company(started: str) -> None:
    """Starts a process of its own first, as a converter would be."""
    company = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(started).write_text(f"{os.getpid()} {company.pid}")
    time.sleep(600)


def eat_memory() -> int:
    return len([bytearray(1 << 24) for _ in range(1 << 16)])


def raise_an_error() -> None:
    raise KeyError("a bug of ours")


def die(by: str) -> None:
    os.kill(os.getpid(), signal.Signals[by])
    time.sleep(60)


def corrupt_the_heap() -> None:
    os.write(2, b"malloc(): corrupted top size\n")
    os.kill(os.getpid(), signal.SIGABRT)


def leave() -> None:
    os._exit(3)


def write_everywhere() -> str:
    print("%PDF-1.7 noise on stdout")
    os.write(1, b"\0" * 100)
    os.write(2, b"x" * 100_000)
    return "unharmed"


def answer_out_of_turn() -> None:
    """Writes nonsense into every pipe it can find."""
    for pipe in range(3, 64):
        try:
            os.write(pipe, b"\0\0\0\0\0\0\0\x05hello")
        except OSError:
            continue


def promise_a_huge_answer() -> None:
    for pipe in range(3, 64):
        try:
            os.write(pipe, b"\x7f" * 8)
        except OSError:
            continue
    time.sleep(60)


def nest(depth: int) -> None:
    answer = b'{"value":' + b"[" * depth + b"]" * depth + b"}"
    for pipe in range(3, 64):
        try:
            os.write(pipe, len(answer).to_bytes(8, "big") + answer)
        except OSError:
            continue
    time.sleep(60)


def say_much(characters: int) -> str:
    return "é" * characters


def read_where_nothing_is() -> None:
    ctypes.string_at(1)


def environment() -> dict[str, str]:
    return dict(os.environ)


def write_a_file() -> str:
    import tempfile

    with tempfile.NamedTemporaryFile(delete=False) as file:
        return file.name
