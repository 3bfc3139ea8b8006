"""How long work takes, learnt from work that is done. Pure: measurements in, expectations out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

_PRIOR_WEIGHT = 2  # the spread is assumed to be as large as the mean until a few measurements say otherwise
_CONFIDENCE = 1.645  # of a normal distribution, 90 % lie within so many standard deviations


@dataclass(frozen=True, slots=True)
class Eta:
    """Seconds until something is through, with bounds, and a sentence about what that rests on.

    Of what does not run at the moment: seconds of work, once it goes on; basis says so.
    """

    seconds: float
    low: float
    high: float
    basis: str


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is to do: of a case, its documents and their bytes."""

    documents: float = 0
    bytes: float = 0

    @property
    def measures(self) -> tuple[float, float, float]:
        """By bytes, by documents, and by nothing: some work takes as long whatever there is."""
        return (self.bytes or 1.0, self.documents or 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Sample:
    size: Size
    seconds: float


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds for one unit of a measure, with the relative spread of one piece of work around that."""

    measure: int
    seconds_per_unit: float
    spread: float
    samples: int

    def expected(self, size: Size) -> float:
        return self.seconds_per_unit * size.measures[self.measure]


@dataclass(frozen=True, slots=True)
class Share:
    """What is left of one piece of work: seconds expected, and the pace that says so."""

    seconds: float
    pace: Pace


BY_BYTES, BY_DOCUMENTS, BY_NOTHING = range(3)


def pace_of(
    samples: Sequence[Sample], measures: Iterable[int] = (BY_BYTES, BY_DOCUMENTS, BY_NOTHING)
) -> Pace | None:
    """By the measure that explains these samples best; None without any."""
    if not samples:
        return None
    fits = [_fit(samples, measure) for measure in measures]
    return min(fits, key=lambda fit: (round(fit[0], 6), fit[1].measure))[1]


def spent(elapsed: float, part_done: float, expected: float) -> float:
    """What is left of work under way for so long: the more of it is done, the more its own pace counts."""
    if part_done <= 0:
        return max(expected - elapsed, expected / 10)
    own = part_done * elapsed  # its own pace says elapsed / part_done in all, with weight part_done squared
    return (1 - part_done) * (own + (1 - part_done**2) * expected)


def bounds(shares: Iterable[Share]) -> tuple[float, float, float]:
    """Seconds of all of it together, with a low and a high bound that hold about nine times in ten.

    Pieces differ among each other, which evens out over many, and the pace itself is known only as well as
    the number of samples allows, which does not.
    """
    total = scatter = doubt = 0.0
    by_pace: dict[Pace, float] = {}
    for share in shares:
        total += share.seconds
        scatter += (share.seconds * share.pace.spread) ** 2
        by_pace[share.pace] = by_pace.get(share.pace, 0.0) + share.seconds
    for pace, seconds in by_pace.items():
        doubt += (seconds * pace.spread) ** 2 / pace.samples
    off = _CONFIDENCE * sqrt(scatter + doubt)
    return total, max(total - off, 0.0), total + off


def _fit(samples: Sequence[Sample], measure: int) -> tuple[float, Pace]:
    """How far off the pace is in all, relative to the work, and the pace."""
    units = sum(sample.size.measures[measure] for sample in samples)
    seconds = max(sum(sample.seconds for sample in samples), 1e-6)
    rate = seconds / units
    off = sum(abs(sample.seconds - rate * sample.size.measures[measure]) for sample in samples)
    variance = sum(_variance(sample, measure, rate) for sample in samples) / units
    spread = sqrt((len(samples) * variance + _PRIOR_WEIGHT) / (len(samples) + _PRIOR_WEIGHT))
    return off / seconds, Pace(measure, rate, spread, len(samples))


def _variance(sample: Sample, measure: int, rate: float) -> float:
    """Of one sample, relative and with its size as weight: a tiny one that took long says little."""
    units = sample.size.measures[measure]
    return units * (sample.seconds / (rate * units) - 1) ** 2
