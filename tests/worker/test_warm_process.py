"""A fork parent, without a server: what it forks, tells and ends."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from casemill.worker import warm_process
from casemill.worker.code_place import CodePlace
from casemill.worker.orders import Order
from casemill.worker.warm_process import OutOfDate, ParentGone, WarmProcess
from casemill.worker.warm_processes import WarmProcesses
from tests.worker.yard import eventually


def command(folder: Path, *words: str) -> Order:
    run_id = str(uuid4())
    environment = {**os.environ, "PREFECT__FLOW_RUN_ID": run_id}
    return Order(0, run_id, "{}", environment, str(folder), command=list(words))


def with_parent(act: Callable[[WarmProcess], Awaitable[None]]) -> None:
    async def acted() -> None:
        warm = await WarmProcess.start(None, [], dict(os.environ))
        try:
            await act(warm)
        finally:
            await warm.close()

    asyncio.run(acted())


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_it_tells_how_what_it_forked_ended(tmp_path: Path) -> None:
    async def act(warm: WarmProcess) -> None:
        good = await warm.fork(command(tmp_path, "sh", "-c", "pwd > where"))
        bad = await warm.fork(command(tmp_path, "sh", "-c", "exit 7"))
        killed = await warm.fork(command(tmp_path, "sh", "-c", "kill -SEGV $$"))
        ended = await asyncio.gather(good.ended, bad.ended, killed.ended)
        assert [one.status for one in ended] == [0, 7, -signal.SIGSEGV]
        assert (tmp_path / "where").read_text().strip() == str(tmp_path)

    with_parent(act)


def test_a_signal_reaches_the_whole_group_and_what_is_left_of_it_is_killed(tmp_path: Path) -> None:
    async def act(warm: WarmProcess) -> None:
        script = "sh -c 'trap \"\" TERM; echo $$ > stubborn; while :; do sleep 1; done' & wait"
        forked = await warm.fork(command(tmp_path, "sh", "-c", script))
        await asyncio.to_thread(
            eventually, lambda: (tmp_path / "stubborn").exists() and (tmp_path / "stubborn").read_text()
        )
        await warm.signal(forked, signal.SIGTERM)
        assert (await forked.ended).status == -signal.SIGTERM
        stubborn = int((tmp_path / "stubborn").read_text())
        await asyncio.to_thread(eventually, lambda: not is_alive(stubborn))

    with_parent(act)


def test_a_drained_parent_ends_after_the_last_that_it_forked(tmp_path: Path) -> None:
    async def act(warm: WarmProcess) -> None:
        forked = await warm.fork(command(tmp_path, "sleep", "600"))
        await warm.drain()
        assert is_alive(forked.pid)
        await warm.signal(forked, signal.SIGKILL)
        assert (await forked.ended).status == -signal.SIGKILL
        await asyncio.to_thread(eventually, lambda: not is_alive(warm.pid))

    with_parent(act)


def test_what_it_forked_dies_with_it(tmp_path: Path) -> None:
    async def act(warm: WarmProcess) -> None:
        forked = await warm.fork(command(tmp_path, "sleep", "600"))
        os.kill(warm.pid, signal.SIGKILL)
        with pytest.raises(ParentGone):
            await forked.ended
        await asyncio.to_thread(eventually, lambda: not is_alive(forked.pid))
        assert not await warm.is_fresh()

    with_parent(act)


def test_a_parent_that_died_is_replaced(tmp_path: Path) -> None:
    async def acted() -> None:
        async with WarmProcesses(lambda: dict(os.environ)) as parents:
            parents.learn(CodePlace())
            first, forked = await parents.fork(None, command(tmp_path, "true"))
            await forked.ended
            os.kill(first.pid, signal.SIGKILL)
            second, forked = await parents.fork(None, command(tmp_path, "true"))
            assert (await forked.ended).status == 0
            assert second.pid != first.pid

    asyncio.run(acted())


def test_code_of_another_version_of_the_worker_is_not_talked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_process, "_CODE", "of yesterday")

    async def started() -> None:
        with pytest.raises(OutOfDate):
            await WarmProcess.start(None, [], dict(os.environ))

    asyncio.run(started())
