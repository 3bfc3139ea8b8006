"""CPU and memory of this host, and of a process with its children."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from uuid import uuid4

import psutil
import pytest

from casemill.local.host import HostMeter, TreeMeter

_WORK = """
import os, sys, time
if os.fork() == 0:
    data = bytearray(os.urandom(40 << 20))
    print("ready", flush=True)
    sys.stdin.read(1)
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
    print("done", flush=True)
    time.sleep(60)
os.wait()
"""


@pytest.fixture
def worker() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process named so, with a fork that looks like it, holds 40 MB, and works 0.3 s when told."""
    name = f"worker-{uuid4()}"
    process = subprocess.Popen(
        [sys.executable, "-c", _WORK, name],
        env={**os.environ, "TEST_HOME": name},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    yield process, name
    for child in psutil.Process(process.pid).children():
        child.kill()
    process.kill()
    process.wait()


def test_a_worker_is_measured_with_all_it_started(worker: tuple[subprocess.Popen[str], str]) -> None:
    process, name = worker
    meter = TreeMeter(name, "TEST_HOME", name)
    first = meter.read()
    assert first
    assert first.cpu_percent is None, "nothing to compare with yet"
    assert first.memory_bytes > 40 << 20
    assert process.stdin
    assert process.stdout
    process.stdin.write("x")
    process.stdin.flush()
    process.stdout.readline()
    second = meter.read()
    assert second
    assert second.cpu_percent
    assert second.cpu_percent > 0


def test_a_worker_of_another_home_is_not_ours(worker: tuple[subprocess.Popen[str], str]) -> None:
    assert TreeMeter(worker[1], "TEST_HOME", "elsewhere").read() is None


def test_a_worker_that_is_nowhere_is_not_measured() -> None:
    assert TreeMeter(f"worker-{uuid4()}", "TEST_HOME", "x").read() is None


def test_a_host_says_how_much_it_has_and_uses() -> None:
    found = HostMeter().read()
    assert 0 <= found.cpu_percent <= 100
    assert 0 < found.memory_used < found.memory_total <= psutil.virtual_memory().total
    assert found.cores == psutil.cpu_count()


def test_many_may_ask_at_once() -> None:
    meter, found = HostMeter(), list[float]()
    threads = [threading.Thread(target=lambda: found.append(meter.read().cpu_percent)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1, "one reading serves all within a second"
