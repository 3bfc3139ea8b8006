"""A fork parent, without a server: what it forks, tells and ends."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from casemill.worker import warm_process, warm_processes
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
    """One that does not outlive the test: it may be killed."""

    async def acted() -> None:
        warm = await WarmProcess.start(None, [], dict(os.environ))
        try:
            await act(warm)
        finally:
            await warm.close()

    asyncio.run(acted())


Act = Callable[[Callable[[WarmProcess], Awaitable[None]]], None]


@pytest.fixture(scope="module")
def with_warm() -> Iterator[Act]:
    """with_warm(act): with one that is shared, for starting one takes seconds."""
    with asyncio.Runner() as runner:
        warm = runner.run(WarmProcess.start(None, [], dict(os.environ)))

        async def acted(act: Callable[[WarmProcess], Awaitable[None]]) -> None:
            await act(warm)

        yield lambda act: runner.run(acted(act))
        runner.run(warm.close())


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_it_tells_how_what_it_forked_ended(tmp_path: Path, with_warm: Act) -> None:
    async def act(warm: WarmProcess) -> None:
        good = await warm.fork(command(tmp_path, "sh", "-c", "pwd > where"))
        bad = await warm.fork(command(tmp_path, "sh", "-c", "exit 7"))
        killed = await warm.fork(command(tmp_path, "sh", "-c", "kill -SEGV $$"))
        ended = await asyncio.gather(good.ended, bad.ended, killed.ended)
        assert [one.status for one in ended] == [0, 7, -signal.SIGSEGV]
        assert (tmp_path / "where").read_text().strip() == str(tmp_path)

    with_warm(act)


def test_a_signal_reaches_the_whole_group_and_what_is_left_of_it_is_killed(
    tmp_path: Path, with_warm: Act
) -> None:
    async def act(warm: WarmProcess) -> None:
        script = "sh -c 'trap \"\" TERM; echo $$ > stubborn; while :; do sleep 1; done' & wait"
        forked = await warm.fork(command(tmp_path, "sh", "-c", script))
        await asyncio.to_thread(
            eventually, lambda: (tmp_path / "stubborn").exists() and (tmp_path / "stubborn").read_text()
        )
        warm.signal(forked, signal.SIGTERM)
        assert (await forked.ended).status == -signal.SIGTERM
        stubborn = int((tmp_path / "stubborn").read_text())
        await asyncio.to_thread(eventually, lambda: not is_alive(stubborn))

    with_warm(act)


def test_an_answer_that_nobody_waits_for_any_more_keeps_no_other_from_being_heard(
    tmp_path: Path, with_warm: Act
) -> None:
    """A worker that was told to end while it asked heard nothing any more, and waited for ever."""

    async def act(warm: WarmProcess) -> None:
        asked = asyncio.create_task(warm.is_fresh())
        await asyncio.sleep(0)
        asked.cancel()
        forked = await warm.fork(command(tmp_path, "true"))
        assert (await forked.ended).status == 0
        assert await warm.is_fresh()

    with_warm(act)


def test_what_a_stopped_parent_forked_is_killed_all_the_same(tmp_path: Path, with_warm: Act) -> None:
    async def act(warm: WarmProcess) -> None:
        forked = await warm.fork(command(tmp_path, "sleep", "600"))
        os.kill(warm.pid, signal.SIGSTOP)
        try:
            await warm.kill(forked)
            assert (await forked.ended).status == -signal.SIGKILL
            await asyncio.to_thread(eventually, lambda: not is_alive(forked.pid))
        finally:
            os.kill(warm.pid, signal.SIGCONT)
        assert await warm.is_fresh()

    with_warm(act)


def test_a_drained_parent_ends_after_the_last_that_it_forked(tmp_path: Path) -> None:
    async def act(warm: WarmProcess) -> None:
        forked = await warm.fork(command(tmp_path, "sleep", "600"))
        warm.drain()
        assert is_alive(forked.pid)
        warm.signal(forked, signal.SIGKILL)
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


def test_a_parent_that_died_or_does_not_answer_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_process, "_ANSWER_SECONDS", 1)

    async def acted() -> None:
        async with WarmProcesses(lambda: dict(os.environ)) as parents:
            parents.learn(CodePlace())
            first, forked = await parents.fork(None, command(tmp_path, "true"))
            await forked.ended
            os.kill(first.pid, signal.SIGKILL)
            second, forked = await parents.fork(None, command(tmp_path, "true"))
            assert (await forked.ended).status == 0
            assert second.pid != first.pid
            os.kill(second.pid, signal.SIGSTOP)
            begun = asyncio.create_task(parents.fork(None, command(tmp_path, "true")))
            await asyncio.sleep(0)
            await parents.refresh()
            third, forked = await begun
            assert (await forked.ended).status == 0
            assert third.pid != second.pid
            assert not is_alive(second.pid)

    asyncio.run(acted())


def test_code_of_another_version_of_the_worker_is_not_talked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_process, "_CODE", "of yesterday")

    async def started() -> None:
        with pytest.raises(OutOfDate):
            await WarmProcess.start(None, [], dict(os.environ))

    asyncio.run(started())


class Environment:
    """Of this process; what is started in it dies at once while it is broken. Counts who asked for it."""

    def __init__(self, nowhere: Path, is_broken: bool = False) -> None:
        self.nowhere, self.is_broken = nowhere, is_broken
        self.asked = 0

    def __call__(self) -> dict[str, str]:
        self.asked += 1
        return {**os.environ, **({"PYTHONHOME": str(self.nowhere)} if self.is_broken else {})}


def test_a_parent_that_does_not_start_is_tried_again_later_or_when_a_run_needs_it(tmp_path: Path) -> None:
    environment = Environment(tmp_path, is_broken=True)

    async def acted() -> None:
        async with WarmProcesses(environment) as parents:
            parents.learn(CodePlace())
            with pytest.raises(ParentGone):
                await parents.refresh()
            await parents.refresh()
            assert environment.asked == 1
            assert parents.health()["missing"] == 1
            environment.is_broken = False
            _, forked = await parents.fork(None, command(tmp_path, "true"))
            assert (await forked.ended).status == 0
            assert (parents.health()["missing"], parents.health()["warm"]) == (0, 1)

    asyncio.run(acted())


def test_a_parent_whose_directory_is_gone_is_not_started_again(tmp_path: Path) -> None:
    environment = Environment(tmp_path)

    async def acted() -> None:
        async with WarmProcesses(environment) as parents:
            parents.learn(CodePlace(str(tmp_path / "gone")))
            await parents.refresh()

    asyncio.run(acted())
    assert environment.asked == 0


def test_of_many_directories_the_last_used_stay_warm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_processes, "_AT_MOST", 1)
    environment = Environment(tmp_path)

    async def acted() -> None:
        async with WarmProcesses(environment) as parents:
            for place in (CodePlace(), CodePlace(str(tmp_path))):
                parents.learn(place)
                _, forked = await parents.fork(place.directory, command(tmp_path, "true"))
                await forked.ended
            await parents.refresh()
            await parents.refresh()

    asyncio.run(acted())
    assert environment.asked == 2


def test_when_its_worker_has_ended_nothing_is_started_any_more(tmp_path: Path) -> None:
    environment = Environment(tmp_path)

    async def acted() -> None:
        async with WarmProcesses(environment) as parents:
            parents.learn(CodePlace())
        with pytest.raises(ParentGone):
            await parents.fork(None, command(tmp_path, "true"))

    asyncio.run(acted())
    assert environment.asked == 0
