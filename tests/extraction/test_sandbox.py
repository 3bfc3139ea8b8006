"""Whatever is read in the sandbox, the worker and the next document are unharmed and nothing is left over."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from casemill.extraction.contract import Extracted, ExtractionLimits, Reason
from casemill.extraction.sandbox import Killed, Sandbox, SandboxClosed, verdict
from casemill.extraction.sandbox_child import GRACE_SECONDS
from casemill.extraction.sandbox_process import Ending

LIMITS = ExtractionLimits(seconds=3, memory_mb=512, characters=100_000)
HURRIED = ExtractionLimits(seconds=1, memory_mb=512)
CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(1, LIMITS) as sandbox:
        yield sandbox


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def becomes_true(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def assert_sound(sandbox: Sandbox) -> None:
    answer = sandbox.run("tests.extraction.misbehaving:behave", text="next")
    assert not isinstance(answer, Killed)
    assert answer["text"] == "next"


def test_an_answer_is_what_the_function_returned(sandbox: Sandbox):
    answer = sandbox.run("tests.extraction.misbehaving:behave", text="¶ \ud800 \0 \U0001f600")
    assert answer["text"] == "¶ \ud800 \0 \U0001f600"
    assert answer["pid"] != os.getpid()


def test_a_child_serves_many_calls(sandbox: Sandbox):
    pids = {sandbox.run("tests.extraction.misbehaving:behave", text="")["pid"] for _ in range(20)}
    assert len(pids) == 1


def test_no_more_children_run_than_allowed_however_many_threads_ask():
    with Sandbox(2, LIMITS) as sandbox, ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(lambda n: sandbox.run("tests.extraction.misbehaving:behave", text=str(n)), range(60))
        )
    assert [answer["text"] for answer in answers] == [str(n) for n in range(60)]
    assert len({answer["pid"] for answer in answers}) <= 2


def test_a_call_that_never_ends_is_stopped_at_its_limit():
    with Sandbox(1, HURRIED) as sandbox:
        assert sandbox.run("tests.extraction.misbehaving:hang") == Killed(
            Reason.TOOK_TOO_LONG, "took longer than 1 s and was stopped"
        )
        assert_sound(sandbox)


def test_a_call_may_be_given_other_seconds_than_the_limit():
    with Sandbox(1, ExtractionLimits(seconds=20)) as sandbox:
        assert sandbox.run("tests.extraction.misbehaving:hang", seconds=0.5) == Killed(
            Reason.TOOK_TOO_LONG, "took longer than 0.5 s and was stopped"
        )
        assert_sound(sandbox)
    with Sandbox(1, ExtractionLimits(seconds=0.01)) as sandbox:
        slow = {"function": "longer than the limit and the child's own timer", "delay": GRACE_SECONDS + 0.2}
        answer = sandbox.run("tests.extraction.misbehaving:behave_after", seconds=60, **slow)
        assert answer == slow["function"]
        assert isinstance(sandbox.run("tests.extraction.misbehaving:behave_after", **slow), Killed)


def test_what_a_stopped_call_had_started_is_stopped_too(tmp_path: Path):
    with Sandbox(1, HURRIED) as sandbox:
        killed = sandbox.run("tests.extraction.misbehaving:hang_with_company", started=str(tmp_path / "pids"))
    assert killed.reason is Reason.TOOK_TOO_LONG
    child, company = map(int, (tmp_path / "pids").read_text().split())
    assert becomes_true(lambda: not is_running(child) and not is_running(company), 2)


def test_a_call_that_eats_memory_is_told_so(sandbox: Sandbox):
    killed = sandbox.run("tests.extraction.misbehaving:eat_memory")
    assert killed == Killed(Reason.TOO_MUCH_MEMORY, "needs more than 512 MB of memory to read")
    assert_sound(sandbox)


def test_a_child_starts_under_the_smallest_memory_limit_there_is(corpus: Path):
    with Sandbox(1, ExtractionLimits(memory_mb=256)) as sandbox:
        extraction = sandbox.extract(corpus / "cases/ca2/ca2_1-1.pdf")
    assert isinstance(extraction.outcome, Extracted)


@pytest.mark.parametrize(
    ("function", "arguments", "reason", "words"),
    [
        ("die", {"by": "SIGSEGV"}, Reason.CORRUPT_FILE, "crashed its reader (SIGSEGV)"),
        ("read_where_nothing_is", {}, Reason.CORRUPT_FILE, "crashed its reader (SIGSEGV)"),
        ("corrupt_the_heap", {}, Reason.CORRUPT_FILE, "crashed its reader (SIGABRT)"),
        ("die", {"by": "SIGABRT"}, Reason.TOO_MUCH_MEMORY, "needs more than 512 MB"),
        ("die", {"by": "SIGKILL"}, Reason.TOO_MUCH_MEMORY, "needs more than 512 MB"),
        ("leave", {}, Reason.CORRUPT_FILE, "made its reader exit"),
        ("answer_out_of_turn", {}, Reason.CORRUPT_FILE, "senseless answer"),
        ("promise_a_huge_answer", {}, Reason.CORRUPT_FILE, "senseless answer"),
        ("nest", {"depth": 100_000}, Reason.CORRUPT_FILE, "senseless answer"),
        ("say_much", {"characters": 2_000_000}, Reason.TOO_LARGE, "holds more text than is kept"),
    ],
)
def test_a_child_that_fails_is_replaced(
    sandbox: Sandbox, function: str, arguments: dict[str, str | int], reason: Reason, words: str
):
    killed = sandbox.run(f"tests.extraction.misbehaving:{function}", **arguments)
    assert isinstance(killed, Killed)
    assert killed.reason is reason
    assert words in killed.detail
    assert_sound(sandbox)


def test_a_crash_close_to_the_memory_limit_is_put_down_to_memory():
    crash = Ending(signal.SIGSEGV, peak_mb=500, complaint="")
    assert verdict(crash, LIMITS).reason is Reason.TOO_MUCH_MEMORY


def test_an_error_of_ours_is_logged_with_its_traceback(sandbox: Sandbox, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.ERROR):
        killed = sandbox.run("tests.extraction.misbehaving:raise_an_error")
    assert killed == Killed(Reason.CORRUPT_FILE, "made its reader fail")
    assert "in raise_an_error" in caplog.text
    assert_sound(sandbox)


def test_noise_on_stdout_and_stderr_does_not_reach_the_answer(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.DEBUG):
        assert sandbox.run("tests.extraction.misbehaving:write_everywhere") == "unharmed"
    assert "xxxx" in caplog.text
    assert len(caplog.text) < 10_000


def test_a_child_killed_while_idle_costs_nobody_an_answer(sandbox: Sandbox):
    first = sandbox.run("tests.extraction.misbehaving:behave", text="")["pid"]
    os.kill(first, signal.SIGKILL)
    assert becomes_true(lambda: not is_running(first))
    assert_sound(sandbox)


def test_a_child_sees_no_secrets(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CASEMILL_DATABASE_URL", "postgresql://user:secret@host/db")
    with Sandbox(1, LIMITS) as fresh:
        assert "secret" not in str(fresh.run("tests.extraction.misbehaving:environment"))


def test_temporary_files_go_with_the_child():
    with Sandbox(1, LIMITS) as sandbox:
        left = Path(sandbox.run("tests.extraction.misbehaving:write_a_file"))
        assert left.exists()
    assert not left.parent.exists()


def test_a_closed_sandbox_leaves_nothing_running_and_refuses():
    sandbox = Sandbox(2, LIMITS)
    assert_sound(sandbox)
    pids = sandbox.pids()
    assert pids
    sandbox.close()
    assert not any(is_running(pid) for pid in pids)
    with pytest.raises(SandboxClosed):
        sandbox.run("tests.extraction.misbehaving:behave", text="")


def test_closing_ends_a_call_under_way(tmp_path: Path):
    sandbox = Sandbox(1, ExtractionLimits(seconds=120))
    started = tmp_path / "pid"
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(sandbox.run, "tests.extraction.misbehaving:hang", started=str(started))
        assert becomes_true(started.exists)
        sandbox.close()
        with pytest.raises(SandboxClosed):
            call.result()
    assert not sandbox.pids()


PARENT = """
import os, sys, threading
from casemill.extraction.contract import ExtractionLimits
from casemill.extraction.sandbox import Sandbox
sandbox = Sandbox(1, ExtractionLimits(seconds=float(sys.argv[2])))
{prelude}
arguments = {{"started": sys.argv[3]}} if len(sys.argv) > 3 else {{"text": ""}}
sandbox.run("tests.extraction.misbehaving:" + sys.argv[1], **arguments)
print(*sandbox.pids(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts a process that has a sandbox of its own; ends it with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(function: str, seconds: float, *arguments: str, prelude: str = "") -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", PARENT.format(prelude=prelude), function, str(seconds), *arguments],
            env=os.environ | {"PYTHONPATH": str(CHECKOUT), "TMPDIR": str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def pids_in(path: Path) -> list[int]:
    assert becomes_true(lambda: path.exists() and path.read_text() != "")
    return [int(pid) for pid in path.read_text().split()]


@pytest.mark.parametrize("function", ["hang", "hang_with_company"])
def test_a_busy_child_does_not_outlive_a_killed_parent(
    parent: Callable[..., "subprocess.Popen[str]"], tmp_path: Path, function: str
):
    """Even one that holds the interpreter lock, which a watching thread of its own could not stop."""
    process = parent(function, 600, str(tmp_path / "pids"))
    children = pids_in(tmp_path / "pids")
    process.kill()
    assert becomes_true(lambda: not any(is_running(pid) for pid in children), 2)


def test_an_idle_child_does_not_outlive_a_killed_parent(parent: Callable[..., "subprocess.Popen[str]"]):
    process = parent("behave", 600)
    assert process.stdout
    child = int(process.stdout.readline())
    assert is_running(child)
    process.kill()
    assert becomes_true(lambda: not is_running(child), 2)


def test_a_child_stops_by_itself_when_its_parent_cannot_stop_it(
    parent: Callable[..., "subprocess.Popen[str]"], tmp_path: Path
):
    process = parent("hang", 1, str(tmp_path / "pids"))
    (child,) = pids_in(tmp_path / "pids")
    process.send_signal(signal.SIGSTOP)
    assert becomes_true(lambda: not is_running(child), 10)


def test_a_forked_copy_of_the_parent_does_not_keep_the_child_alive(
    parent: Callable[..., "subprocess.Popen[str]"], tmp_path: Path
):
    """The warm worker forks: a copy that held the lifeline open would keep a killed worker's children."""
    copy = tmp_path / "copy"
    prelude = f"""
sandbox.run("tests.extraction.misbehaving:behave", text="")
if (pid := os.fork()) == 0:
    assert not sandbox.pids()
    assert sandbox.run("tests.extraction.misbehaving:behave", text="mine")["text"] == "mine"
    open({str(copy)!r}, "w").write(str(os.getpid()))
    threading.Event().wait(60)
"""
    process = parent("hang", 600, str(tmp_path / "pids"), prelude=prelude)
    (child,) = pids_in(tmp_path / "pids")
    (fork,) = pids_in(copy)
    process.kill()
    try:
        assert becomes_true(lambda: not is_running(child), 2)
        assert is_running(fork)
    finally:
        os.kill(fork, signal.SIGKILL)
