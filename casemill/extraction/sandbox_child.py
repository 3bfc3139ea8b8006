"""The inside of the sandbox: a process that answers one request after another and may be killed at any time.

Started by `sandbox_process.py` as `python -m casemill.extraction.sandbox_child`, with the numbers of three
pipes and its memory limit. Both sides talk in frames: 8 bytes of length, then JSON. Nothing here outlives
the parent: while idle it reads the end of its requests; while busy the kernel kills the whole process group
when the parent's end of the lifeline closes, whatever a parser is doing; and a timer of the kernel's ends
a document that the parent forgot.
"""

import contextlib
import fcntl
import json
import os
import resource
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

FRAME_HEAD_BYTES = 8
GRACE_SECONDS = 1.0
"""How much later than the parent's deadline the child's own timer fires."""

_OPEN_FILES = 1024
_WRITTEN_FILE_BYTES = 1 << 30  # LibreOffice writes a profile and a copy of the document


def main() -> None:
    requests, replies, lifeline, memory_mb = (int(argument) for argument in sys.argv[1:])
    end_with_parent(lifeline)
    # What nearly every request needs; everything else is imported by the request that needs it first.
    import_module("casemill.extraction.registry")
    import_module("casemill.extraction.pdf")
    limit_resources(memory_mb)
    _send(replies, {"ready": True, "address_space_mb": _address_space_mb()})
    while (request := _receive(requests)) is not None:
        signal.setitimer(signal.ITIMER_REAL, request["seconds"] + GRACE_SECONDS)
        answer = _answer(request["function"], request["arguments"], request["answer_bytes"])
        signal.setitimer(signal.ITIMER_REAL, 0)
        _send_bytes(replies, answer)


def end_with_parent(lifeline: int) -> None:
    """Die with the process that holds the other end of the pipe `lifeline`, even when it is killed."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    if hasattr(fcntl, "F_SETSIG"):
        # Linux: the kernel kills the group, and a parser that holds the interpreter lock cannot delay it.
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
        poll = select.poll()
        poll.register(lifeline, select.POLLIN)
        if poll.poll(0):  # it died before the kernel was told
            os.killpg(0, signal.SIGKILL)
    else:
        threading.Thread(target=_wait_for_end, args=(lifeline,), daemon=True).start()


def _wait_for_end(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)


def limit_resources(memory_mb: int) -> None:
    """Address space, open files, size of a written file; no core dumps of what people uploaded."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _limit(resource.RLIMIT_FSIZE, _WRITTEN_FILE_BYTES)
    with contextlib.suppress(OSError, ValueError):  # macOS has the name but refuses to set it
        _limit(resource.RLIMIT_AS, memory_mb << 20)


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(kind, (most, most))


def _answer(function: str, arguments: dict[str, Any], most_bytes: int) -> bytes:
    """The frame that tells what `function` returned, or how it failed."""
    try:
        told: dict[str, Any] = {"value": _load(function)(**arguments)}
        told["address_space_mb"] = _address_space_mb()
        answer = json.dumps(told).encode("ascii")
        if len(answer) > most_bytes:
            answer = json.dumps({"too_large": len(answer)}).encode("ascii")
    except MemoryError:
        told = {}  # frees what was about to be told
        answer = b'{"out_of_memory": true}'
    except Exception:  # the edge of one document: what escapes a reader fails this one alone
        answer = json.dumps({"traceback": traceback.format_exc()[-20_000:]}).encode("ascii")
    return answer


def _load(function: str) -> Callable[..., Any]:
    module, _, name = function.partition(":")
    return cast(Callable[..., Any], getattr(import_module(module), name))


def _address_space_mb() -> int:
    """What counts against RLIMIT_AS, in MiB; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123  once a document, and Path is slower
            return int(statm.read().split()[0]) * resource.getpagesize() >> 20
    except OSError:
        return 0


def _receive(pipe: int) -> dict[str, Any] | None:
    """The next request, None when the parent has closed the pipe."""
    head = _read_exactly(pipe, FRAME_HEAD_BYTES)
    if head is None:
        return None
    body = _read_exactly(pipe, int.from_bytes(head, "big"))
    return None if body is None else cast(dict[str, Any], json.loads(body))


def _read_exactly(pipe: int, size: int) -> bytes | None:
    content = bytearray()
    while len(content) < size:
        piece = os.read(pipe, min(size - len(content), 1 << 20))
        if not piece:
            return None
        content += piece
    return bytes(content)


def _send(pipe: int, message: dict[str, Any]) -> None:
    _send_bytes(pipe, json.dumps(message).encode("ascii"))


def _send_bytes(pipe: int, body: bytes) -> None:
    rest = memoryview(len(body).to_bytes(FRAME_HEAD_BYTES, "big") + body)
    while rest:
        rest = rest[os.write(pipe, rest) :]


if __name__ == "__main__":
    main()
