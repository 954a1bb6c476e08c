"""Two real trials: what was published, by one command each, and no effect where there is none."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from cityai.impact.difference_in_means import difference_in_means
from cityai.impact.fixed_effects import two_way_fixed_effects
from cityai.impact.group_effects import compare_groups
from cityai.impact.records import Direction, Effect, Law, Word
from cityai.impact.verdict import judge_effect
from tests.impact.trials import (
    FORMS,
    LETTERS,
    Letters,
    Wedge,
    needs_trials,
    read_letters,
    read_santa_clara,
)

DRAWN = int(os.environ.get("CITYAI_DRAWN") or 0)
"""Permuted assignments of each trial; the full number is 1,000."""
pytestmark = needs_trials


@pytest.fixture(scope="module")
def wedge() -> Wedge:
    return read_santa_clara()


@pytest.fixture(scope="module")
def letters() -> Letters:
    return read_letters()


def fit(wedge: Wedge, outcome: np.ndarray, **options: object) -> Effect:
    law = wedge.law
    return two_way_fixed_effects(
        outcome, law.arm, law.unit, law.period, arms=FORMS, weights=wedge.weights, **options
    )


@pytest.mark.parametrize(
    ("rows", "instrument", "told"),
    [
        ("published", False, (-0.0179, 0.0056, 193)),
        ("published", True, (-0.2548, 0.0679, 193)),
        ("outcome", False, (-0.0188, 0.0053, 231)),
        ("outcome", True, (-0.2628, 0.0651, 231)),
    ],
)
def test_santa_clara_as_published_and_with_the_rows_that_were_dropped(
    wedge, rows, instrument, told
):
    received = wedge.received if instrument else None
    effect = fit(wedge, getattr(wedge, rows), received=received, errors="iid")
    assert (round(effect.estimate, 4), round(effect.standard_error, 4), effect.n) == told
    assert ("38 of 231 rows without an outcome" in effect.reason) == (rows == "published")


def test_santa_clara_by_what_was_drawn_is_less_certain_than_published(wedge):
    """ZIP codes were drawn, not rows: with errors by cluster, and by the draw itself."""
    published = fit(wedge, wedge.outcome, errors="iid")
    clustered = fit(wedge, wedge.outcome)
    drawn = fit(wedge, wedge.outcome, law=wedge.law, draws=2000)
    assert clustered.standard_error > 1.15 * published.standard_error
    assert clustered.blocks == 29
    assert drawn.low < drawn.estimate < drawn.high < 0
    assert drawn.p_value <= 0.05


def test_dc_letters_as_published(letters):
    share = [letters.outcome[letters.law.arm == code].mean() for code in range(3)]
    assert [round(100 * value, 1) for value in share] == [39.9, 46.2, 44.5]
    assert np.bincount(letters.law.arm).tolist() == [1177, 1181, 1181]
    told = {}
    for arms in (LETTERS[:2], LETTERS[::2], LETTERS[:0:-1]):
        effect = difference_in_means(letters.outcome, letters.law, arms, draws=2000)
        told[arms] = effect
        assert (effect.p_value <= 0.05) == (not effect.low <= 0 <= effect.high)
    opened, fixed, between = told.values()
    assert opened.estimate == pytest.approx(0.063, abs=0.002)
    assert fixed.estimate == pytest.approx(0.045, abs=0.002)
    assert opened.low > 0
    assert fixed.low > 0
    assert between.low < 0 < between.high
    verdict = judge_effect(opened, 0.03, 5)
    assert (verdict.word, verdict.direction) == (Word.CANNOT_TELL, Direction.HELPS)
    assert verdict.more_periods > 0


def test_dc_letters_by_service_center(letters):
    found = compare_groups(letters.outcome, letters.law, letters.center, LETTERS[:2])
    by = dict(zip(found.groups, found.effects, strict=True))
    whole = difference_in_means(letters.outcome, letters.law, LETTERS[:2])
    few = ("Offc_Spec_Svcs", "Virginia_Williams")
    assert [by[name].estimate for name in few] == [None, None]
    assert found.counted_with == ("", "", "", "", "Fort_Davis", "", "Fort_Davis")
    shown = [effect for effect in found.effects if effect.known]
    assert len(shown) == 5
    assert sum(effect.n for effect in shown) == whole.n
    assert all(e.confidence == pytest.approx(0.95 ** (1 / 5), abs=2e-3) for e in shown)
    assert all(e.high - e.low > whole.high - whole.low for e in shown)


def permute(law: Law, drawn: np.ndarray) -> Law:
    """The law as it would stand had chance decided so."""
    start = law.start
    if start is not None:
        last = int(law.period.max()) + 1
        first = np.full(int(law.cluster.max()) + 1, last)
        np.minimum.at(first, law.cluster[drawn == 1], law.period[drawn == 1])
        start = first[law.cluster]
    return replace(law, arm=drawn.astype(np.int64), start=start)


def count_accusations(effects: list[Effect], smallest: float) -> float:
    told = [judge_effect(effect, smallest) for effect in effects]
    return float(np.mean([v.word is Word.WORTH or v.harmful for v in told]))


@pytest.mark.parametrize(
    "count", [60, pytest.param(DRAWN or 1000, marks=pytest.mark.long)], ids=["few", "all"]
)
@pytest.mark.parametrize("trial", ["wedge", "letters"])
def test_no_effect_is_told_of_permuted_assignments(trial, count, request):
    """Against an effect worth having, at most 5 % are worth it or harmful."""
    found = request.getfixturevalue(trial)
    redrawn = found.law.redraw(np.random.default_rng(7), count)
    effects = []
    for drawn in redrawn:
        law = permute(found.law, drawn)
        if trial == "wedge":
            effects.append(
                two_way_fixed_effects(
                    *(found.outcome, law.arm, law.unit, law.period),
                    **{"arms": FORMS, "weights": found.weights, "law": law, "draws": 400},
                )
            )
        else:
            effects.append(difference_in_means(found.outcome, law, LETTERS[:2], draws=200))
    side, worthwhile = (-1, 0.01) if trial == "wedge" else (1, 0.02)
    assert count_accusations(effects, side * worthwhile) <= 0.05
    # Told from none at all, exactly 5 %: of 1,000 draws 6.4 % is two errors away.
    assert count_accusations(effects, side * 1e-9) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / count)
