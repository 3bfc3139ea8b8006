"""The parent's end of one sandbox process: start it, ask it, and be sure that it is gone."""

import contextlib
import fcntl
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from casemill.errors import CasemillError
from casemill.extraction.sandbox_child import FRAME_HEAD_BYTES

_START_SECONDS = 120.0  # imports, on a machine where everything starts at once
_START_BYTES = 1 << 16
_COMPLAINT_BYTES = 4096
_PIECE_BYTES = 1 << 18
_PIPE_BYTES = 1 << 20  # most answers fit, so that the child does not wait for the parent to read them
_KEPT_ENVIRONMENT = frozenset(
    {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"}
)


class SandboxBroken(CasemillError):
    """A sandbox process does not even start, which no document can cause."""


class DeadlinePassed(Exception):
    """The process has not answered in time."""


class Died(Exception):
    """The process has closed its pipes; `was_asked` tells whether it had the whole request by then."""

    def __init__(self, was_asked: bool) -> None:
        super().__init__(f"{was_asked=}")
        self.was_asked = was_asked


class Garbled(Exception):
    """The process has answered something that is no answer."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended.

    signal: the one that ended it, None where it exited on its own.
    peak_mb: most memory it held at once, 0 where that is not known: a process is counted as holding what the
    one that started it ever held, so less than that says nothing.
    complaint: the last it wrote to stderr.
    """

    signal: signal.Signals | None
    peak_mb: int
    complaint: str


class SandboxProcess:
    """One running child. Used by one thread at a time, except `kill`, which any thread may call."""

    def __init__(self, memory_mb: int) -> None:
        """Starts it and waits until it is ready. Raises SandboxBroken if it never is."""
        self.answered = 0
        self._scratch = Path(tempfile.mkdtemp(prefix="casemill-sandbox-"))
        self._stderr = os.open(self._scratch / "stderr", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        requests, self._requests = os.pipe()
        self._replies, replies = os.pipe()
        lifeline, self._lifeline = os.pipe()
        theirs = (requests, replies, lifeline)
        self._alive = threading.Lock()  # held to signal the group: its number may be another's once reaped
        self._is_reaped = False
        _started.add(self)
        try:
            # Not forked: this process has threads. A session of its own: killed as a group, deaf to Ctrl-C.
            command = [sys.executable, "-P", "-m", "casemill.extraction.sandbox_child"]
            self._inherited_mb = _peak_mb(resource.getrusage(resource.RUSAGE_SELF))
            self._process = subprocess.Popen(
                [*command, *map(str, theirs), str(memory_mb)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                cwd=self._scratch,
                env=_environment(self._scratch),
                pass_fds=theirs,
                start_new_session=True,
            )
        except BaseException:
            self._release()
            raise
        finally:
            for pipe in theirs:
                os.close(pipe)
        _widen(self._replies)
        os.set_blocking(self._requests, False)
        os.set_blocking(self._replies, False)
        self.address_space_mb = self._wait_until_ready()

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it is there to be asked. A dead one stays unreaped until `end`."""
        return not _ready(self._replies, select.POLLIN, 0)

    def ask(self, request: bytes, seconds: float, most_bytes: int) -> dict[str, Any]:
        """The answer to one request. Raises DeadlinePassed, Died or Garbled; then only `end` is left."""
        deadline = time.monotonic() + seconds
        try:
            self._write(len(request).to_bytes(FRAME_HEAD_BYTES, "big") + request, deadline)
        except BrokenPipeError:
            raise Died(was_asked=False) from None
        answer = self._read_frame(most_bytes, deadline)
        self.answered += 1
        return answer

    def take_complaint(self) -> str:
        """The last of what it wrote to stderr since it was last asked for."""
        size = os.fstat(self._stderr).st_size
        if size == 0:
            return ""
        complaint = os.pread(self._stderr, _COMPLAINT_BYTES, max(0, size - _COMPLAINT_BYTES))
        os.ftruncate(self._stderr, 0)
        return complaint.decode("utf-8", errors="replace").strip()

    def kill(self) -> None:
        """Kills it and all that it started. `end` still has to follow."""
        with self._alive:
            if not self._is_reaped:
                # macOS refuses to signal a group whose only member is dead already.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> Ending:
        """Kills it and all that it started, if that is still needed, and waits until it is gone."""
        self.kill()
        with self._alive:
            status, peak = 0, 0
            with contextlib.suppress(ChildProcessError):  # somebody else has reaped it
                _, status, usage = os.wait4(self._process.pid, 0)
                peak = _peak_mb(usage)
            self._process.returncode = os.waitstatus_to_exitcode(status)
            self._is_reaped = True
        number = signal.Signals(os.WTERMSIG(status)) if os.WIFSIGNALED(status) else None
        known = peak if peak > self._inherited_mb else 0
        ending = Ending(number, known, self.take_complaint())
        self._release()
        return ending

    def abandon(self) -> None:
        """In a forked copy of the parent: lets go of the pipes, so that the child ends with the parent."""
        if self._is_reaped:
            return
        self._is_reaped = True
        self._process.returncode = 0
        for pipe in (self._requests, self._replies, self._lifeline, self._stderr):
            os.close(pipe)

    def _release(self) -> None:
        _started.discard(self)
        for pipe in (self._requests, self._replies, self._lifeline, self._stderr):
            os.close(pipe)
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _wait_until_ready(self) -> int:
        try:
            ready = self._read_frame(_START_BYTES, time.monotonic() + _START_SECONDS)
            return int(ready["address_space_mb"])
        except (DeadlinePassed, Died) as error:
            said = self.end().complaint or "nothing"
            raise SandboxBroken(
                f"no sandbox process starts ({type(error).__name__}); it said: {said}"
            ) from None
        except BaseException:
            self.end()
            raise

    def _write(self, content: bytes, deadline: float) -> None:
        rest = memoryview(content)
        while rest:
            try:
                rest = rest[os.write(self._requests, rest) :]
            except BlockingIOError:
                _wait(self._requests, select.POLLOUT, deadline)

    def _read_frame(self, most_bytes: int, deadline: float) -> dict[str, Any]:
        frame = bytearray()
        end = FRAME_HEAD_BYTES
        while len(frame) < end:
            _wait(self._replies, select.POLLIN, deadline)
            with contextlib.suppress(BlockingIOError):
                piece = os.read(self._replies, _PIECE_BYTES)
                if not piece:
                    raise Died(was_asked=True)
                frame += piece
            if end == FRAME_HEAD_BYTES and len(frame) >= FRAME_HEAD_BYTES:
                end += int.from_bytes(frame[:FRAME_HEAD_BYTES], "big")
                if end > FRAME_HEAD_BYTES + most_bytes:
                    raise Garbled
        if len(frame) > end:
            raise Garbled  # more than one answer to one question
        try:
            told: Any = json.loads(memoryview(frame)[FRAME_HEAD_BYTES:].tobytes())
        except (ValueError, RecursionError):
            raise Garbled from None
        if not isinstance(told, dict):
            raise Garbled
        return cast(dict[str, Any], told)


_started: "weakref.WeakSet[SandboxProcess]" = weakref.WeakSet()


def _abandon_all() -> None:
    for process in list(_started):
        process.abandon()
    _started.clear()


os.register_at_fork(after_in_child=_abandon_all)


def _wait(pipe: int, event: int, deadline: float) -> None:
    if not _ready(pipe, event, max(0.0, deadline - time.monotonic())):
        raise DeadlinePassed


def _ready(pipe: int, event: int, seconds: float) -> bool:
    poll = select.poll()  # not select(): a busy process has more files open than that can name
    poll.register(pipe, event)
    return bool(poll.poll(seconds * 1000))


def _widen(pipe: int) -> None:
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # more than this user may have
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _environment(scratch: Path) -> dict[str, str]:
    """The same modules as here, temporary files that go with it, and no secrets for a parser taken over."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT_ENVIRONMENT}
    here = [str(Path(entry).absolute()) for entry in sys.path if entry]
    return kept | {
        "PYTHONPATH": os.pathsep.join(here),
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "MALLOC_ARENA_MAX": "1",  # glibc reserves 64 MB of address space for each further one
    }


def _peak_mb(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss >> (20 if sys.platform == "darwin" else 10)
