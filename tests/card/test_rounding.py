from __future__ import annotations

from math import ceil, floor, gcd

from cityai.card.draft.rounding import SMALL_GROUP, count_decimals, round_figure


def find_fractions(rate: float, decimals: int, most: int) -> set[tuple[int, int]]:
    """Find every fraction in lowest terms that a published rate could be."""
    half = 0.5 * 10.0**-decimals
    found = set()
    for bottom in range(1, most + 1):
        first = ceil((rate - half) * bottom - 1e-9)
        last = floor((rate + half) * bottom + 1e-9)
        for top in range(max(first, 0), min(last, bottom) + 1):
            shared = gcd(top, bottom)
            found.add((top // shared, bottom // shared))
    return found


def test_no_rate_of_a_small_group_names_its_counts() -> None:
    """Continued fractions, exhausted: no fraction stands alone."""
    hits = 0
    for n in range(11, SMALL_GROUP):
        for top in range(1, n):
            if gcd(top, n) > 1:
                continue
            rate = round_figure(top / n, "share", float(n))
            assert rate is not None
            hits += len(find_fractions(rate, count_decimals(rate, "share", float(n)), 199)) < 2
    assert hits == 0


def test_four_decimals_would() -> None:
    assert find_fractions(round(7 / 43, 4), 4, 50) == {(7, 43)}
