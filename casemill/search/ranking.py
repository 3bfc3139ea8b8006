"""Experts ranked by all their documents taken together."""

import math
from collections.abc import Mapping, Sequence

SATURATION, LENGTH_PENALTY = 1.2, 0.75
"""k1 and b of BM25 (Robertson and Zaragoza, 2009), at their usual values."""


def rank_owners(
    lengths: Mapping[int, int], frequencies: Sequence[Mapping[int, int]]
) -> list[tuple[int, float]]:
    """Owners that have every term, with their BM25 scores, best first; equal ones in order of their number.

    lengths: passages of each owner that takes part.
    frequencies: for each term, in how many passages of each owner it stands. Passages rather than
        occurrences: someone who writes of a thing on forty pages knows more of it than a page that
        says it forty times.
    """
    if not lengths or not frequencies:
        return []
    average = sum(lengths.values()) / len(lengths)
    scores = dict.fromkeys(set[int].intersection(*(set(term) & set(lengths) for term in frequencies)), 0.0)
    for term in frequencies:
        holders = len(set(term) & set(lengths))
        rarity = math.log(1 + (len(lengths) - holders + 0.5) / (holders + 0.5))
        for owner in scores:
            longer = SATURATION * (1 - LENGTH_PENALTY + LENGTH_PENALTY * lengths[owner] / average)
            scores[owner] += rarity * term[owner] * (SATURATION + 1) / (term[owner] + longer)
    return sorted(scores.items(), key=lambda ranked: (-ranked[1], ranked[0]))
