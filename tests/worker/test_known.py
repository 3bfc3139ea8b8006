"""What Prefect was asked for is known for a while, and asked for once by all who need it."""

import asyncio
from uuid import UUID, uuid4

import pytest

from casemill.worker.known import Known


class Prefect:
    """Answers when it is let, with the number of the question."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = asyncio.Event()

    async def read(self, _id: UUID) -> int:
        self.asked += 1
        number = self.asked
        await self.may_answer.wait()
        if number == 1:
            raise ConnectionError
        return number


def test_of_many_who_need_it_one_asks_and_one_who_leaves_takes_it_from_nobody() -> None:
    async def act() -> None:
        prefect, id = Prefect(), uuid4()
        known = Known(prefect.read, seconds=60)
        waiting = [asyncio.create_task(known.get(id)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        prefect.may_answer.set()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(answer) for answer in answers] == [
            asyncio.CancelledError,
            ConnectionError,
            ConnectionError,
        ]
        assert await asyncio.gather(*(known.get(id) for _ in range(3))) == [2, 2, 2], "an error is not kept"
        assert await known.get(id) == 2

    asyncio.run(act())


@pytest.mark.parametrize(("seconds", "asked"), [(0, 2), (60, 1)])
def test_it_is_asked_for_again_when_it_may_have_changed(seconds: float, asked: int) -> None:
    async def act() -> None:
        count = 0

        async def read(_id: UUID) -> int:
            nonlocal count
            count += 1
            return count

        known, id = Known(read, seconds), uuid4()
        for _ in range(2):
            await known.get(id)
        assert count == asked

    asyncio.run(act())
