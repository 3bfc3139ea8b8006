"""Where hostile files are read: in processes that can be thrown away.

A `Sandbox` keeps a few child processes and hands each call to one of them. A call has a deadline and a
memory limit; whatever it does, it ends with a value or with the reason it was given up, and the next call
finds a sound child. Children are used again for many documents, because starting one costs as much as
reading dozens, and are never used again after anything but a plain answer.
"""

import json
import logging
import os
import signal
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from casemill.errors import CasemillError
from casemill.extraction.contract import ExtractionLimits, Reason, Unreadable
from casemill.extraction.registry import Extraction, extraction_from_json, shown_name
from casemill.extraction.sandbox_process import (
    DeadlinePassed,
    Died,
    Ending,
    Garbled,
    SandboxBroken,
    SandboxProcess,
)
from casemill.extraction.sniff import MediaType, sniff

_log = logging.getLogger(__name__)

_ANSWERS_PER_PROCESS = 2000
_GROWTH = 0.25
"""Share of the memory limit that a child may have grown by and still be used again."""
_ANSWER_BYTES_PER_CHARACTER = 6  # how JSON escapes a character in ASCII
_ANSWER_BYTES_BESIDE_TEXT = 1 << 22
_HEAP_COMPLAINTS = ("corrupt", "invalid pointer", "invalid size", "double free", "Fatal Python error")

_REMEDY = {
    Reason.TOOK_TOO_LONG: "print it to a new PDF, or split it, and upload that",
    Reason.TOO_MUCH_MEMORY: "print it to a new PDF, or split it, and upload that",
    Reason.TOO_LARGE: "split it",
    Reason.CORRUPT_FILE: "print it to a new PDF and upload that",
}


class SandboxClosed(CasemillError):
    """The sandbox was closed before or while it was asked."""


@dataclass(frozen=True, slots=True)
class Killed:
    """A call that was given up: why, and what it did, to be put after its subject ("took over 60 s")."""

    reason: Reason
    detail: str


class Sandbox:
    """At most `processes` children at once, shared by any number of threads. Close it, or use `with`."""

    def __init__(self, processes: int, limits: ExtractionLimits) -> None:
        self._processes = processes
        self._limits = limits
        self._limits_as_json = limits.model_dump(mode="json")
        self._is_closed = False
        self.reset()
        _open_sandboxes.add(self)

    def reset(self) -> None:
        """Forgets all children without ending them: they belong to the process this one was forked from."""
        self._turns = threading.Semaphore(self._processes)
        self._lock = threading.Lock()
        self._idle: list[SandboxProcess] = []
        self._busy: set[SandboxProcess] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kills all children, busy ones too, and returns when they are gone. Calls under way raise."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            for process in self._busy:
                process.kill()
        for process in idle:
            process.end()
        for _ in range(self._processes):  # each busy child is ended by the thread that waits for it
            self._turns.acquire()
        self._turns.release(self._processes)
        _open_sandboxes.discard(self)

    def pids(self) -> frozenset[int]:
        """The children there are now, each the leader of its own process group."""
        with self._lock:
            return frozenset(process.pid for process in (*self._idle, *self._busy))

    def extract(self, path: Path, name: str | None = None) -> Extraction:
        """The text of the file at `path`, or why there is none. `name` is what people call the file."""
        told = self.run(
            "casemill.extraction.registry:extract_as_json",
            path=str(path.absolute()),
            name=name or path.name,
            limits=self._limits_as_json,
        )
        if not isinstance(told, Killed):
            try:
                return extraction_from_json(told)
            except ValueError:
                told = _GARBLED
        subject = shown_name(name or path.name)
        detail = f"{subject} {told.detail}; {_REMEDY[told.reason]}"
        return Extraction(_content_type(path), Unreadable(told.reason, detail))

    def run(self, function: str, /, *, seconds: float | None = None, **arguments: Any) -> Any | Killed:
        """What `function` ("package.module:name") returns for `arguments`, both JSON, from inside a child.

        The function is named by our own code, never by content, and has no argument `seconds`. It may take
        the limits' memory and seconds, or for this call other `seconds` than theirs; past them, or when it
        raises or crashes, the answer is `Killed`.
        """
        limits = self._limits if seconds is None else self._limits.model_copy(update={"seconds": seconds})
        most_bytes = limits.characters * _ANSWER_BYTES_PER_CHARACTER + _ANSWER_BYTES_BESIDE_TEXT
        request = json.dumps(
            {
                "function": function,
                "arguments": arguments,
                "seconds": limits.seconds,
                "answer_bytes": most_bytes,
            }
        ).encode("ascii")
        with self._turns:
            try:
                return self._ask(request, limits, most_bytes)
            except Died:  # before it had the request, so the request is not to blame
                _log.info("a sandbox process was gone when it was asked; asking another one")
            try:
                return self._ask(request, limits, most_bytes)
            except Died:
                raise SandboxBroken("sandbox processes die before they are asked anything") from None

    def _ask(self, request: bytes, limits: ExtractionLimits, most_bytes: int) -> Any | Killed:
        """One child's answer. Raises Died if the child went before it had the whole request."""
        process = self._take()
        try:
            answer = process.ask(request, limits.seconds, most_bytes)
        except DeadlinePassed:
            self._retire(process)
            killed = _took_too_long(limits)
        except Garbled:
            self._retire(process)
            killed = _GARBLED
        except Died as death:
            ending = self._retire(process)
            if not death.was_asked and not self._is_closed:
                raise
            killed = verdict(ending, limits)
        except BaseException:  # whoever waited for the answer was interrupted
            self._retire(process)
            raise
        else:
            if "value" in answer:
                self._put_back(process, answer.get("address_space_mb"))
                return answer["value"]
            self._retire(process)
            killed = self._failure(answer)
        if self._is_closed:
            raise SandboxClosed("the sandbox was closed while it was asked")
        return killed

    def _failure(self, answer: dict[str, Any]) -> Killed:
        if "traceback" in answer:
            _log.error("a reader failed inside the sandbox, which is a bug of ours:\n%s", answer["traceback"])
            return Killed(Reason.CORRUPT_FILE, "made its reader fail")
        if "too_large" in answer:
            return Killed(Reason.TOO_LARGE, "holds more text than is kept")
        return _out_of_memory(self._limits) if "out_of_memory" in answer else _GARBLED

    def _take(self) -> SandboxProcess:
        while True:
            with self._lock:
                if self._is_closed:
                    raise SandboxClosed("the sandbox is closed")
                process = self._idle.pop() if self._idle else None
                if process and process.is_alive():
                    self._busy.add(process)
                    return process
            if process is None:
                break
            process.end()  # killed while idle
        process = SandboxProcess(self._limits.memory_mb)
        with self._lock:
            self._busy.add(process)
            if self._is_closed:
                process.kill()  # then asking it finds it dead
        return process

    def _put_back(self, process: SandboxProcess, address_space_mb: object) -> None:
        if complaint := process.take_complaint():
            _log.debug("a sandbox process said: %s", complaint)
        grown = address_space_mb - process.address_space_mb if isinstance(address_space_mb, int) else 0
        is_used_up = process.answered >= _ANSWERS_PER_PROCESS or grown > self._limits.memory_mb * _GROWTH
        with self._lock:
            is_kept = not (is_used_up or self._is_closed)
            if is_kept:
                self._busy.discard(process)
                self._idle.append(process)
        if not is_kept:
            self._retire(process)

    def _retire(self, process: SandboxProcess) -> Ending:
        ending = process.end()
        with self._lock:
            self._busy.discard(process)
        if ending.complaint:
            _log.debug("a sandbox process said before it ended: %s", ending.complaint)
        return ending


def verdict(ending: Ending, limits: ExtractionLimits) -> Killed:
    """What a child's death says about the document it was reading."""
    match ending.signal:
        case signal.SIGALRM:
            return _took_too_long(limits)
        case signal.SIGKILL:  # not ours: the kernel's, when the machine has no memory left
            return _out_of_memory(limits)
        case signal.SIGABRT if not any(words in ending.complaint for words in _HEAP_COMPLAINTS):
            return _out_of_memory(limits)  # how pdfium answers a failed allocation; others say why they abort
        case None if "MemoryError" in ending.complaint:
            return _out_of_memory(limits)
        case None:
            return Killed(Reason.CORRUPT_FILE, "made its reader exit")
        case _ if ending.peak_mb > limits.memory_mb * 0.75:
            return _out_of_memory(limits)
        case other:
            return Killed(Reason.CORRUPT_FILE, f"crashed its reader ({other.name})")


def _took_too_long(limits: ExtractionLimits) -> Killed:
    return Killed(Reason.TOOK_TOO_LONG, f"took longer than {limits.seconds:g} s and was stopped")


def _out_of_memory(limits: ExtractionLimits) -> Killed:
    return Killed(Reason.TOO_MUCH_MEMORY, f"needs more than {limits.memory_mb:,} MB of memory to read")


_GARBLED = Killed(Reason.CORRUPT_FILE, "made its reader give a senseless answer")


def _content_type(path: Path) -> str:
    try:
        return sniff(path).content_type
    except OSError:
        return MediaType.UNKNOWN.content_type


_open_sandboxes: "weakref.WeakSet[Sandbox]" = weakref.WeakSet()


def _start_afresh() -> None:
    """In a forked copy of the parent: no children yet, and locks that no other thread holds."""
    for sandbox in list(_open_sandboxes):
        sandbox.reset()


os.register_at_fork(after_in_child=_start_afresh)
