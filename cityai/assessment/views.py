"""Ways to look at the predictions: the facts once, then a view for each dimension and pair."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from cityai.assessment.disclosure import hide_cells
from cityai.assessment.gaps import Design, choose_design, describe_design
from cityai.assessment.scored import Scored
from cityai.assessment.statistics import Cells, sum_cells, weigh_cells
from cityai.columns import EVERYWHERE, NOT_RECORDED
from cityai.data.groups import Membership
from cityai.errors import DataError
from cityai.messages import say
from cityai.spec.project import JudgedSpec

DAY = np.timedelta64(1, "D")
MOST_CELLS = 36
"""A pair of dimensions with more intersections than this is not audited."""


DIMENSION_COLUMNS = [
    "dimension",
    "label",
    "kind",
    "caveat",
    "infers",
    "block",
    "groups",
    "cuts",
    "residents_share",
    "data_share",
]
"""Columns of `Audit.dimensions`."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the audit takes from the predictions: one pass over the rows.

    Attributes
    ----------
    cells, fold_cells : Cells
        Sums by moment (`as_of`, in order of time), or by fold, and entity.
    entities : tuple of str
        Sorted keys of units; the second axis of both.
    folds : tuple of int
        First axis of `fold_cells`.
    counts : bool
        Whether amounts count people or events: every outcome is a whole number.
    design : Design
        What the intervals are about.
    unit : str
        Unit of the target.
    amount : str
        The sum that says how much of the whole a group is.
    events : tuple of str
        Sums that count people; a group with few of them, but some, is not shown.
    """

    cells: Cells
    fold_cells: Cells
    entities: tuple[str, ...]
    folds: tuple[int, ...]
    counts: bool
    design: Design
    unit: str
    amount: str = "y"
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """One dimension, or the intersections of two.

    Attributes
    ----------
    dimension, label, kind, caveat : str
        As in `Membership`; ``a * b`` for intersections.
    groups : tuple of str
        G groups.
    weights : numpy.ndarray
        (E, G) float64.
    reference : "overall", "best" or int
        What each is compared with.
    amount, n : numpy.ndarray
        (G,) sum of outcomes and of rows, weighted.
    hidden : numpy.ndarray
        (G,) bool: may not be shown.
    shape : tuple of int
        (G,), or (G1, G2) for intersections.
    residents : dict of str to float
        Residents by group, where known.
    cuts : tuple of float
        Cut points of bands.
    """

    dimension: str
    label: str
    kind: str
    caveat: str
    groups: tuple[str, ...]
    weights: np.ndarray
    reference: Literal["overall", "best"] | int
    amount: np.ndarray
    n: np.ndarray
    hidden: np.ndarray
    shape: tuple[int, ...]
    residents: dict[str, float]
    cuts: tuple[float, ...]


def gather_facts(scored: Scored, spec: JudgedSpec) -> Facts:
    """Sum the rows by moment and entity, and by fold and entity."""
    sums = scored.sums
    entity, entities = pd.factorize(scored.unit, sort=True)
    moment, moments = pd.factorize(scored.moment, sort=True)
    fold, folds = pd.factorize(scored.fold, sort=True)
    by_moment = sum_cells(sums.values, moment, entity, len(moments), len(entities))
    by_fold = sum_cells(sums.values, fold, entity, len(folds), len(entities))
    policy = spec.policy
    times = np.asarray(moments)
    steps = np.diff(times) / DAY if np.issubdtype(times.dtype, np.datetime64) else np.empty(0)
    design = choose_design(
        *(spec.audit.infers, len(moments), policy.confidence, policy.min_blocks, scored.called),
        days=float(np.median(steps)) if len(steps) else math.nan,
    )
    return Facts(
        Cells(by_moment, sums.names),
        Cells(by_fold, sums.names),
        tuple(str(e) for e in entities),
        tuple(int(f) for f in folds),
        scored.counts,
        design,
        scored.unit_name,
        scored.amount,
        scored.events,
    )


def view_everything(facts: Facts, least: float) -> View:
    """View all rows as one group."""
    weights = np.ones((len(facts.entities), 1))
    amount, n = _count_amounts(facts, weights)
    return View(
        EVERYWHERE,
        "Everyone",
        "hard",
        "",
        (EVERYWHERE,),
        weights,
        "overall",
        amount,
        n,
        _find_small(facts, weights, amount, n, np.full(1, np.nan), least),
        (1,),
        {},
        (),
    )


def view_dimension(membership: Membership, facts: Facts, least: float) -> View:
    """View one dimension, small groups and what would reveal them hidden."""
    weights, groups = _align_weights(membership, facts.entities)
    amount, n = _count_amounts(facts, weights)
    residents = np.array([membership.residents.get(g, np.nan) for g in groups])
    small = _find_small(facts, weights, amount, n, residents, least)
    reference: Literal["overall", "best"] | int = "overall"
    if membership.reference == "best":
        reference = "best"
    elif membership.reference != "overall":
        reference = groups.index(membership.reference)
    return View(
        membership.dimension,
        membership.label,
        membership.kind,
        membership.caveat,
        groups,
        weights,
        reference,
        amount,
        n,
        hide_cells(amount, small, least),
        (len(groups),),
        membership.residents,
        membership.cuts,
    )


def view_pairs(views: Sequence[View], facts: Facts, least: float) -> tuple[View, ...]:
    """View the intersections of every two dimensions whose cells allow it.

    Products of memberships: for soft groups this takes the two as unrelated within an area, which
    the caveat says. A pair is left out when it has too many cells, when there are too few periods
    for any interval, or when fewer than two of its cells may be shown.
    """
    if facts.cells.values.shape[0] < facts.design.min_blocks and facts.design.blocks == "periods":
        return ()
    pairs = [
        _cross(first, second, facts, least)
        for first, second in combinations(views, 2)
        if min(len(first.groups), len(second.groups)) > 1
        and len(first.groups) * len(second.groups) <= MOST_CELLS
    ]
    return tuple(p for p in pairs if ((p.n > 0) & ~p.hidden).sum() > 1)


def _cross(first: View, second: View, facts: Facts, least: float) -> View:
    shape = (len(first.groups), len(second.groups))
    weights = (first.weights[:, :, None] * second.weights[:, None, :]).reshape(
        -1, shape[0] * shape[1]
    )
    amount, n = _count_amounts(facts, weights)
    small = _find_small(facts, weights, amount, n, np.full(len(amount), np.nan), least)
    small |= (n > 0) & (n < least)
    small |= ((first.hidden[:, None] | second.hidden[None, :]).ravel()) & (n > 0)
    soft = "soft" in (first.kind, second.kind)
    caveat = " ".join(dict.fromkeys(c for c in (first.caveat, second.caveat) if c))
    if first.kind == second.kind == "soft":
        caveat += " " + say("The two are taken as unrelated within an area.")
    return View(
        f"{first.dimension} * {second.dimension}",
        _name_pair(first.label, second.label),
        "soft" if soft else "hard",
        caveat,
        tuple(say(f"{a} and {b}") for a in first.groups for b in second.groups),
        weights,
        "overall",
        amount,
        n,
        hide_cells(amount.reshape(shape), small.reshape(shape), least).ravel(),
        shape,
        {},
        (),
    )


def count_under(view: View, facts: Facts, denominator: str) -> np.ndarray:
    """Count what a figure is a share of: of a yes or no, those in its own denominator.

    Returns
    -------
    numpy.ndarray
        (G,) float64.
    """
    if not facts.events:
        return view.amount
    under = facts.cells.values[..., facts.cells.names.index(denominator)].sum(axis=0)
    total: np.ndarray = under @ view.weights
    return total


def describe_view(view: View, facts: Facts) -> dict[str, object]:
    """Describe a dimension or pair: one row of `Audit.dimensions`."""
    people = np.array([view.residents.get(g, np.nan) for g in view.groups])
    known = float(np.nansum(people))
    amount = np.where(view.hidden, np.nan, view.amount)
    total = float(view.amount.sum())
    return {
        "dimension": view.dimension,
        "label": view.label,
        "kind": view.kind,
        "caveat": view.caveat,
        "infers": facts.design.infers,
        "block": describe_design(facts.design, facts.cells.values.shape[0]),
        "groups": list(view.groups),
        "cuts": list(view.cuts),
        "residents_share": (people / known if known > 0 else people * np.nan).tolist(),
        "data_share": (amount / total if total > 0 else amount * np.nan).tolist(),
    }


def _align_weights(
    membership: Membership, entities: tuple[str, ...]
) -> tuple[np.ndarray, tuple[str, ...]]:
    frame = membership.weights.reindex(list(entities)).astype(np.float64)
    unknown = frame.isna().any(axis=1).to_numpy()
    if unknown.any():
        frame[unknown] = 0.0
        if NOT_RECORDED not in frame:
            frame[NOT_RECORDED] = 0.0
        frame.loc[unknown, NOT_RECORDED] = 1.0
    weights = frame.to_numpy(np.float64)
    if (weights < 0).any() or (np.abs(weights.sum(axis=1) - 1) > 1e-9).any():
        raise DataError(
            "the parts of an entity in the groups do not add up to one",
            where=f"membership '{membership.dimension}'",
            expected="weights from 0 to 1 that add up to 1 for every entity",
        )
    return weights, tuple(str(c) for c in frame.columns)


def _count_amounts(facts: Facts, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    names = facts.cells.names
    pair = facts.cells.values[..., [names.index(facts.amount), names.index("n")]].sum(axis=0)
    totals = weigh_cells(pair[None], weights)[0]
    return totals[:, 0], totals[:, 1]


def _find_small(
    facts: Facts,
    weights: np.ndarray,
    amount: np.ndarray,
    n: np.ndarray,
    residents: np.ndarray,
    least: float,
) -> np.ndarray:
    # An amount in tons counts nobody; then only the number of residents can be too small.
    few = amount < least if facts.counts else np.zeros(len(amount), dtype=bool)
    for name in facts.events:
        counted = facts.cells.values[..., facts.cells.names.index(name)].sum(axis=0) @ weights
        few |= (counted > 0) & (counted < least)
    return (n > 0) & (few | (residents < least))


def _name_pair(first: str, second: str) -> str:
    other = f"{second[:1].lower()}{second[1:]}"
    return say(f"{first} and {other}")
