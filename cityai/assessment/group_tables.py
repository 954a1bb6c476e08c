"""Ways to look at the predictions: the facts once, then a view for each dimension and pair."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from cityai.assessment.metrics import find_metric
from cityai.columns import EVERYWHERE, NOT_RECORDED
from cityai.config.project import AuditableSpec
from cityai.disclosure.primary_suppression import (
    count_behind,
    count_people,
    find_few_people,
    gather_people,
    hide_cells,
    is_few,
    join_small,
)
from cityai.errors import DataError
from cityai.findings import Status
from cityai.i18n.messages import join, say
from cityai.inference.group_gaps import choose_design, describe_design
from cityai.inference.ratio_influence import sum_cells, weigh_cells
from cityai.records.audit_data import AuditData, Cells, GroupTable, People, Scored
from cityai.records.groups import Membership

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
    "counted_with",
]
"""Columns of `Audit.dimensions`."""


def gather_audit_data(scored: Scored, spec: AuditableSpec) -> AuditData:
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
    return AuditData(
        Cells(by_moment, sums.names),
        Cells(by_fold, sums.names),
        tuple(str(e) for e in entities),
        tuple(int(f) for f in folds),
        scored.counts,
        design,
        scored.unit_name,
        scored.metrics,
        policy.small_cell,
        scored.amount,
        scored.events,
        _gather_people(scored, entity, fold, len(entities)),
    )


def _gather_people(
    scored: Scored, unit: np.ndarray, fold: np.ndarray, units: int
) -> tuple[Mapping[str, People], ...]:
    """Gather whom rows of yes or no are about, where one has several; areas are nobody."""
    if not scored.events or scored.areas:
        return ()
    person = unit if scored.entity is None else np.asarray(scored.entity, np.int64)
    if len(np.unique(person)) == len(person):
        return ()
    names = scored.sums.names
    held = {
        name: scored.sums.values[:, names.index(name)] > 0
        for name in (scored.amount, *scored.events)
    }
    folds = range(int(fold.max(initial=0)) + 1)
    return tuple(
        {
            name: gather_people(person[rows & of], unit[rows & of], units)
            for name, rows in held.items()
        }
        for of in (np.ones(len(fold), dtype=bool), *(fold == f for f in folds))
    )


def tabulate_whole(facts: AuditData) -> GroupTable:
    """View all rows as one group."""
    weights = np.ones((len(facts.entities), 1))
    amount, n = _count_amounts(facts, weights)
    small = _find_small(facts, weights, n, np.full(1, np.nan))
    return GroupTable(
        EVERYWHERE,
        "Everyone",
        "hard",
        "",
        (EVERYWHERE,),
        weights,
        "overall",
        amount,
        n,
        small,
        (1,),
        {},
        (),
        small,
        ("",),
        np.zeros_like(weights),
        facts.least,
        _find_few_people(facts, weights),
    )


def tabulate_dimension(membership: Membership, facts: AuditData) -> GroupTable:
    """View one dimension, small groups and what would reveal them hidden.

    Groups that are too small, and too few beside a large one to change its figures, are counted
    with the largest, so that no other group has to be hidden for their sake.
    """
    weights, groups = _align_weights(membership, facts.entities)
    residents = np.array([membership.residents.get(g, np.nan) for g in groups])
    small = _find_small(facts, weights, _count_amounts(facts, weights)[1], residents)
    weights, apart, other = join_small(
        weights, small & (not membership.places), [*_list_held(facts, weights)], facts.least
    )
    tiny = np.asarray(apart.any(axis=0))
    amount, n = _count_amounts(facts, weights)
    small = tiny | _find_small(facts, weights, n, residents)
    reference: Literal["overall", "best"] | int = "overall"
    if membership.reference == "best":
        reference = "best"
    elif membership.reference != "overall":
        reference = groups.index(membership.reference)
    return GroupTable(
        membership.dimension,
        membership.label,
        membership.kind,
        membership.caveat,
        groups,
        weights,
        reference,
        amount,
        n,
        tiny | _hide_table(facts, amount, weights, small & ~tiny, (len(groups),)),
        (len(groups),),
        membership.residents,
        membership.cuts,
        small,
        tuple(groups[other] if t else "" for t in tiny),
        apart,
        facts.least,
        _find_few_people(facts, weights + apart),
    )


def _list_held(facts: AuditData, weights: np.ndarray) -> Iterator[np.ndarray]:
    """Yield (G,) how many rows groups hold, and what else counts people or events."""
    for name in ("n", *((facts.amount,) if facts.counts else ()), *facts.events):
        yield facts.cells.values[..., facts.cells.names.index(name)].sum(axis=0) @ weights
    for held in facts.people[0].values() if facts.people else ():
        yield count_people(held, weights)


def tabulate_pairs(views: Sequence[GroupTable], facts: AuditData) -> tuple[GroupTable, ...]:
    """View the intersections of every two dimensions whose cells allow it.

    Products of memberships: for soft groups this takes the two as unrelated within an area, which
    the caveat says. A pair is left out when it has too many cells, when there are too few periods
    for any interval, or when fewer than two of its cells may be shown.
    """
    if facts.cells.values.shape[0] < facts.design.min_blocks and facts.design.blocks == "periods":
        return ()
    pairs = [
        _cross(first, second, facts)
        for first, second in combinations(views, 2)
        if min(len(first.groups), len(second.groups)) > 1
        and len(first.groups) * len(second.groups) <= MOST_CELLS
    ]
    return tuple(p for p in pairs if ((p.n > 0) & ~p.hidden).sum() > 1)


def _cross(first: GroupTable, second: GroupTable, facts: AuditData) -> GroupTable:
    shape = (len(first.groups), len(second.groups))
    weights = (first.weights[:, :, None] * second.weights[:, None, :]).reshape(
        -1, shape[0] * shape[1]
    )
    amount, n = _count_amounts(facts, weights)
    small = _find_small(facts, weights, n, np.full(len(amount), np.nan))
    lost = ((first.hidden[:, None] | second.hidden[None, :]).ravel()) & (n > 0)
    hidden = _hide_table(facts, amount, weights, small | lost, shape)
    tiny = np.logical_or.outer(first.apart.any(axis=0), second.apart.any(axis=0)).ravel()
    soft = "soft" in (first.kind, second.kind)
    caveat = join(" ", dict.fromkeys(c for c in (first.caveat, second.caveat) if c))
    if first.kind == second.kind == "soft":
        caveat += " " + say("The two are taken as unrelated within an area.")
    return GroupTable(
        f"{first.dimension} * {second.dimension}",
        _name_pair(first.label, second.label),
        "soft" if soft else "hard",
        caveat,
        tuple(say("{a} and {b}", a=a, b=b) for a in first.groups for b in second.groups),
        weights,
        "overall",
        amount,
        n,
        hidden | tiny,
        shape,
        {},
        (),
        small | tiny,
        ("",) * len(amount),
        np.zeros_like(weights),
        facts.least,
        _find_few_people(facts, weights),
    )


def count_under(view: GroupTable, facts: AuditData, denominator: str) -> np.ndarray:
    """Count what a figure is a share of: of a yes or no, those in its own denominator.

    Returns
    -------
    numpy.ndarray
        (G,) float64.
    """
    if not facts.events:
        return view.amount
    under = facts.cells.values[..., facts.cells.names.index(denominator)].sum(axis=0)
    return under @ view.weights


def find_hidden(table: pd.DataFrame) -> frozenset[tuple[str, str]]:
    """List the groups of an audit's table that may not be shown anywhere."""
    columns = [table[name].astype(str) for name in ("dimension", "group", "metric", "status")]
    return list_hidden(zip(*columns, strict=True))


def list_hidden(rows: Iterable[tuple[str, str, str, str]]) -> frozenset[tuple[str, str]]:
    """List the groups that may not be shown anywhere, not those of which one figure is not said.

    Parameters
    ----------
    rows : iterable of tuple of str
        Dimension, group, metric and status of figures.
    """
    kept = {True: set(), False: set()}  # type: dict[bool, set[tuple[str, str]]]
    for dimension, group, metric, status in rows:
        known = find_metric(metric)
        if known is None or not known.alone:
            kept[status == Status.SUPPRESSED.value].add((dimension, group))
    return frozenset(kept[True] - kept[False])


def describe_view(view: GroupTable, facts: AuditData, *, whole: bool) -> dict[str, object]:
    """Describe a dimension or pair: one row of `Audit.dimensions`.

    Where the whole is hidden there are no shares of it: beside a group's own amount, which its
    figures tell, a share tells the whole.
    """
    people = np.array([view.residents.get(g, np.nan) for g in view.groups])
    known = float(np.nansum(people))
    amount = np.where(view.hidden | (not whole), np.nan, view.amount)
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
        "counted_with": list(view.counted_with),
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


def _count_amounts(facts: AuditData, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    names = facts.cells.names
    pair = facts.cells.values[..., [names.index(facts.amount), names.index("n")]].sum(axis=0)
    totals = weigh_cells(pair[None], weights)[0]
    return totals[:, 0], totals[:, 1]


def _find_small(
    facts: AuditData, weights: np.ndarray, n: np.ndarray, residents: np.ndarray
) -> np.ndarray:
    """Find the groups of few people or events; a small part of many is an average of areas.

    An amount in tons counts nobody; then only the number of residents can be too small.
    """
    names, sums = facts.cells.names, facts.cells.values.sum(axis=0)
    behind = {
        name: count_behind(sums[:, names.index(name)], weights)
        for name in (facts.amount, *facts.events)
    }
    few = behind[facts.amount] < facts.least if facts.counts else np.zeros(len(n), dtype=bool)
    for name in facts.events:
        few |= is_few(behind[name], facts.least)
    few |= _find_few_people(facts, weights)
    return (n > 0) & (few | (residents < facts.least))


def _find_few_people(facts: AuditData, weights: np.ndarray) -> np.ndarray:
    """Tell of each group, (G,), whether its many rows are of few people."""
    if not facts.people:
        return np.zeros(weights.shape[1], dtype=bool)
    return find_few_people(facts.people[0], weights, facts.least)


def _hide_table(
    facts: AuditData,
    amount: np.ndarray,
    weights: np.ndarray,
    small: np.ndarray,
    shape: tuple[int, ...],
) -> np.ndarray:
    """Hide more cells of a table, (G,), until its totals tell neither few rows nor few people."""
    hidden = hide_cells(amount.reshape(shape), small.reshape(shape), facts.least)
    for held in facts.people[0].values() if facts.people and small.any() else ():
        hidden |= hide_cells(count_people(held, weights).reshape(shape), hidden, facts.least)
    return hidden.ravel()


def _name_pair(first: str, second: str) -> str:
    other = f"{second[:1].lower()}{second[1:]}"
    return say("{first} and {other}", first=first, other=other)
