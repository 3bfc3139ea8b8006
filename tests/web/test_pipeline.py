"""What Pipeline Dashboard says of batches."""

from uuid import uuid4

import pytest

from casemill.models.columns import utc_now
from casemill.operations.batch_status import BatchStatus
from casemill.steps.options import BatchOptions
from casemill.web.dashboard.pipeline import OPTIONS, actions_of, time_left
from casemill.web.shown_batches import ShownBatch, ShownEta


@pytest.mark.parametrize(
    ("seconds", "low", "high", "words"),
    [
        (250, 190, 440, "about 4 min, 3 to 7 min"),
        (100, 40, 200, "about 100 s, 40 s to 3 min"),
        (9000, 7300, 12000, "about 2 h 30 min, 2 h 1 min to 3 h 20 min"),
        (0, 0, 0, "about 0 s"),
    ],
    ids=["minutes", "two units", "hours", "nothing"],
)
def test_the_time_left_has_its_range(seconds: float, low: float, high: float, words: str) -> None:
    assert time_left(ShownEta(seconds=seconds, low=low, high=high, basis="from 3 steps")) == words


@pytest.mark.parametrize(
    ("status", "why", "actions"),
    [
        (BatchStatus.PENDING, None, ["pause", "cancel"]),
        (BatchStatus.RUNNING, None, ["pause", "cancel"]),
        (BatchStatus.PAUSING, None, ["cancel"]),
        (BatchStatus.PAUSED, None, ["resume", "cancel"]),
        (BatchStatus.PAUSED, "Its queue is paused", ["cancel"]),
        (BatchStatus.CANCELLING, None, []),
        (BatchStatus.CANCELLED, None, ["resume", "restart"]),
        (BatchStatus.FAILED, None, ["retry", "restart"]),
        (BatchStatus.FAILED, "3 steps are not done", ["resume", "restart"]),
        (BatchStatus.COMPLETED, None, ["restart"]),
    ],
    ids=str,
)
def test_only_what_makes_sense_is_offered(status: BatchStatus, why: str | None, actions: list[str]) -> None:
    batch = ShownBatch(
        batch_id=uuid4(),
        user_id=None,
        status=status,
        why=why,
        percent=50,
        case_count=2,
        steps=["parse"],
        options=BatchOptions(),
        priority=0,
        created_at=utc_now(),
    )
    assert actions_of(batch) == actions


def test_options_come_from_their_declaration() -> None:
    known = {option.name: option for option in OPTIONS}
    assert (known["size"].is_number, known["size"].least, known["size"].most) == (True, 1, 100_000)
    assert known["method"].choices == ("characters", "tokens", "delimiter")
    assert known["delimiter"].shown_default == r"\n\n"
    assert all(option.hint for option in OPTIONS)
