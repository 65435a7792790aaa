"""Free shapes as numbers that a sampler can take: the simplex of increments, from independent coordinates."""

from __future__ import annotations

from collections.abc import Sequence


def increments(coordinates: Sequence[float]) -> list[float]:
    """k increments >= 0 with sum 1 from k - 1 coordinates in [0, 1], by stick-breaking.

    Increment i is the share v[i] = 1 - (1 - x[i])^(1 / (k - i)) of what the increments before it left, i = 1
    .. k - 1; the last takes the rest. Shares with these exponents make the simplex uniform (Dirichlet(1, ..,
    1)) where the coordinates are: v[i] must be Beta(1, k - i) (Connor and Mosimann, JASA 64, 1969). k numbers
    divided by their sum would need one parameter more than the shape has, so many points for the same one.
    """
    count = len(coordinates) + 1
    rest, result = 1.0, []
    for place, x in enumerate(coordinates, start=1):
        kept = (1 - x) ** (1 / (count - place))
        result.append(rest * (1 - kept))
        rest *= kept
    return [*result, rest]


def coordinates(increments: Sequence[float]) -> list[float]:
    """The inverse of :func:`increments`, of numbers >= 0 with any sum > 0; 0 where nothing is left."""
    count, rest = len(increments), sum(increments)
    result = []
    for place, one in enumerate(increments[:-1], start=1):
        share = min(one / rest, 1.0) if rest > 0 else 0.0
        result.append(1 - (1 - share) ** (count - place))
        rest -= one
    return result
