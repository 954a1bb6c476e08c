"""An outsider with a solver against figures of groups in single replays of a list of people.

All that the card prints of groups by replay, of replays as a whole and of groups as a whole is
written down as constraints on the people of each kind in each replay and combination of groups;
each small count of a group in a replay is then made as small and as large as that allows. A group
of nine people in a replay is open as far as nine: what counts is what its figures by replay add.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pandas as pd

from cityai.card.record.part import Number
from tests.promises import trials

from .test_attack_people import (
    KINDS,
    OVERALL,
    PARTS,
    SAME,
    K,
    Outsider,
    half_of,
    make_ranked,
    mark,
    name_cells,
    pool_groups,
)

ATTACKS = trials(60, 5)


class OutsiderByReplay(Outsider):
    """Bounds on people of four kinds in each replay and combination of groups."""

    def __init__(self, rows: pd.DataFrame) -> None:
        super().__init__(rows)
        folds = sorted(rows["fold"].unique())
        self.cells = list(product(folds, *(sorted(rows[d].unique()) for d in ("kind", "side"))))
        counted = rows.groupby(["fold", "kind", "side", "cell"]).size()
        self.truth = np.array([counted.get((*c, k), 0) for c in self.cells for k in KINDS], float)

    def line(self, dimension: str, group: str, words: np.ndarray, fold: int = 0) -> np.ndarray:
        at = {"kind": 1, "side": 2}.get(dimension)
        held = [(at is None or c[at] == group) and fold in (0, c[0]) for c in self.cells]
        return np.outer(held, words).ravel()

    def find_width(self, aim: np.ndarray, among: int | None = None) -> float:
        """How far a count is left open by the first constraints, or by all."""
        kept = OutsiderByReplay.__new__(OutsiderByReplay)
        kept.rows, kept.tops = self.rows[:among], self.tops[:among]
        return Outsider.find_width(kept, aim)

    def know(self, row: np.ndarray) -> None:
        for sign in (1, -1):
            self.add(sign * row, sign * float(self.truth @ row))

    def read(self, number: Number, dimension: str, group: str, fold: int) -> None:
        name = SAME.get(number.metric, number.metric)
        if name not in PARTS or name == "selection_for_need":
            return
        above, below = (self.line(dimension, group, mark(w), fold) for w in PARTS[name])
        if number.between is not None:
            low, high = number.between
        elif number.value is not None and math.isfinite(number.value):
            half = half_of(number.value)
            low, high = number.value - half, number.value + half
        else:
            return
        self.add(above - high * below, 0.0)
        self.add(low * below - above, 0.0)


def attack(seed: int) -> tuple[int, list[str], int]:
    city = make_ranked(seed)
    fairness, kept = city.card.fairness, city.predictions.table
    rows = city.frame.set_index("case_id").loc[kept["case_id"]].reset_index()
    rows["cell"] = name_cells(rows["y_true"].to_numpy(), rows["decision"].to_numpy())
    rows = pool_groups(rows, fairness)
    outsider = OutsiderByReplay(rows)
    folds = [int(f) for f in sorted(rows["fold"].unique())]
    groups = [(d, g) for d in ("kind", "side") for g in sorted(rows[d].unique())]
    for at in [(OVERALL, OVERALL), *groups]:
        for fold in (0, *folds):
            size, yes = (outsider.line(*at, mark(w), fold) for w in (" ".join(KINDS), "tp fn"))
            outsider.know(size)
            few, many = (float(outsider.truth @ x) for x in (yes, size))
            if K <= few <= many - K:  # how many had the outcome may be known from elsewhere
                outsider.know(yes)
    for number in city.card.eval.metrics:
        if number.slice.get("model") == "forecast" and set(number.slice) <= {"model", "fold"}:
            outsider.read(number, OVERALL, OVERALL, int(number.slice.get("fold", 0)))
    for result in fairness.results:
        if " * " not in result.dimension:
            outsider.read(result, result.dimension, result.group, 0)
    without, told = len(outsider.rows), 0
    for number in fairness.by_fold:
        named = {k: v for k, v in number.slice.items() if k != "fold"}
        [(dimension, group)] = named.items()
        outsider.read(number, dimension, group, int(number.slice["fold"]))
        told += number.value is not None
    worst = np.array(outsider.rows) @ outsider.truth - np.array(outsider.tops)
    assert worst.max() < 1e-6, worst.max()
    attacked, opened = 0, []
    for at, fold, words in product(groups, folds, KINDS):
        aim = outsider.line(*at, mark(words), fold)
        if 0 < outsider.truth @ aim < K:
            attacked += 1
            width = outsider.find_width(aim)
            if width < K - 0.01 and width < outsider.find_width(aim, without) - 0.01:
                opened.append(
                    f"{at}, replay {fold}, {words}: {outsider.truth @ aim:g}, {width:.2f}"
                )
    return attacked, opened, told


def test_no_small_count_of_a_group_in_a_replay_follows_from_a_card(observe) -> None:
    found = [attack(seed) for seed in range(ATTACKS)]
    attacked = sum(n for n, _, _ in found)
    opened = [f"card {seed}: {line}" for seed, (_, lines, _) in enumerate(found) for line in lines]
    observe(f"{len(opened)} of {attacked} small counts of groups in single replays of lists")
    assert attacked >= ATTACKS
    assert any(told for _, _, told in found)
    assert not opened, f"{len(opened)} of {attacked}: {opened[:10]}"


def test_the_attack_finds_what_is_shown_of_small_counts(monkeypatch) -> None:
    monkeypatch.setattr("cityai.disclosure.protect.DECISIONS", ())
    assert any(opened for _, opened, _ in (attack(seed) for seed in range(12)))
