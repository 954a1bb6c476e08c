"""Protect linked tables: the audit held against all else that is shown of the same amounts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, kron, vstack

from cityai.columns import ENTITY, EVERYWHERE
from cityai.disclosure.cells_between import find_narrow, list_narrow_places
from cityai.disclosure.complementary_suppression import measure_work, protect_release
from cityai.disclosure.line_pools import Sparse
from cityai.disclosure.primary_suppression import count_behind, find_few_people, hide_cells, is_few
from cityai.disclosure.small_whole import hide_slices
from cityai.inference.ratio_influence import weigh_cells
from cityai.records.audit_data import AuditData, GroupTable

DECISIONS = ("tp", "fn", "fp", "tn")
"""Sums of people found, missed, wrongly selected, and rightly passed over."""
BY_FOLD = " by fold"
PLACE = "place: "
MOST_FOLD_WORK = 400_000
"""Secret cells x parts of all lines that are not alike beyond which no group is shown by fold."""
MOST_WORK = 8_000_000
"""The same without folds, beyond which less is shown, so that it can be checked."""


@dataclass(frozen=True, slots=True)
class Protection:
    """Views with more of their groups hidden, and what else must stay out."""

    everyone: GroupTable
    """The whole; hidden where it would give a small cell away."""
    single: tuple[GroupTable, ...]
    pairs: tuple[GroupTable, ...]
    """As given, `hidden` extended."""
    folds: dict[str, np.ndarray]
    """(F, G) bool by dimension: figures by fold that may not be shown."""
    withheld: pd.DataFrame
    """`kind` ("overall", "fold", "area", "entity") and `slice` (a fold's number, a place): figures
    of the evaluation that may not be shown beside the audit's."""
    causes: dict[tuple[str, str], str]
    """Dimension and group of what is hidden for another's sake, and whose: for the analyst alone.
    """
    told: bool = True
    """Whether a reader may be told which groups are hidden for another's sake."""

    def say_no_reasons(self) -> Protection:
        """Tell of no group whether it is hidden for itself, or for another's sake."""
        everyone, *views = (
            replace(v, reasons=False) for v in (self.everyone, *self.single, *self.pairs)
        )
        single, pairs = tuple(views[: len(self.single)]), tuple(views[len(self.single) :])
        return replace(self, everyone=everyone, single=single, pairs=pairs)

    def tabulate_causes(self) -> pd.DataFrame:
        """Return the causes as `Audit.causes`."""
        rows = [(*key, cause) for key, cause in self.causes.items()]
        return pd.DataFrame(rows, columns=["dimension", "group", "cause"])


@dataclass(frozen=True, slots=True)
class _Release:
    """All lines of a card (table and group), and what is hidden of them, and what is secret."""

    names: tuple[tuple[str, str], ...]
    lines: Sparse
    hidden: np.ndarray
    secret: np.ndarray

    def given(self, atoms: np.ndarray) -> tuple[Sparse, np.ndarray, np.ndarray, np.ndarray]:
        """Return what `protect_release` takes."""
        return self.lines, atoms, self.hidden, self.secret

    def add_secret(self, cells: Sparse) -> _Release:
        """Add counts that no table holds, as hidden lines."""
        names, more = [("last replay", f"{i + 1}") for i in range(cells.shape[0])], cells.shape[0]
        told = [np.append(marks, np.ones(more, dtype=bool)) for marks in (self.hidden, self.secret)]
        return _Release((*self.names, *names), csr_array(vstack([self.lines, cells])), *told)

    @property
    def work(self) -> int:
        return measure_work(self.lines, self.hidden, self.secret)


def protect_views(
    everyone: GroupTable,
    single: Sequence[GroupTable],
    pairs: Sequence[GroupTable],
    facts: AuditData,
    places: Mapping[str, np.ndarray],
) -> Protection:
    """Hide what could be worked out from all tables together.

    Parameters
    ----------
    everyone : GroupTable
        The whole.
    single, pairs : sequence of GroupTable
        Dimensions and their intersections, small cells hidden table by table.
    facts : AuditData
        The sums.
    places : mapping of str to numpy.ndarray
        (E,) labels of the entities by kind ("area", "entity"), for tables beside the audit that
        list places.

    Notes
    -----
    A small group of residents (soft membership) is a secret where few events are effectively behind
    it (`count_behind`); a small part of many events is an average of areas that anybody can work
    out: it is not shown, and no secret. Where there is too much to check, less is shown: first no
    figures by fold of a group, then no pairs, then no places.
    """
    folds = {v.dimension: _find_small_folds(v, facts) for v in (everyone, *single)}
    causes = {
        (view.dimension, view.groups[g]): _name_small(view)
        for view in (*single, *pairs)
        for g in np.flatnonzero(view.hidden & ~view.small).tolist()
    }
    safe = Protection(everyone, tuple(single), tuple(pairs), folds, _withhold(()), causes)
    if not facts.counts:
        return safe
    for name in (facts.amount, *facts.events):
        safe = _protect_amount(safe, facts, _split_amount(facts, name), places)
    safe = _protect_decisions(safe, facts, places)
    return safe if safe.told else safe.say_no_reasons()


def _protect_decisions(
    safe: Protection, facts: AuditData, places: Mapping[str, np.ndarray]
) -> Protection:
    """Show no dimension by fold of which all tables together tell how few were found, or wrongly.

    Each dimension hides by itself what would tell it of its own (`_find_small_folds`).
    """
    for at in _find_decisions(facts):
        amount = facts.fold_cells.values[..., at]
        while len(gone := _find_told(safe, amount, places, facts.least)):
            shown = {d: marks for d, marks in safe.folds.items() if not marks.all()}
            gone = gone & {*shown} or {*shown} - {EVERYWHERE}
            if not gone:
                break
            folds = {d: marks | (d in gone) for d, marks in safe.folds.items()}
            safe = replace(safe, folds=folds)
    return safe


def _find_told(
    safe: Protection, amount: np.ndarray, places: Mapping[str, np.ndarray], least: float
) -> set[str]:
    """Find the dimensions that have a small count by fold which is not seen to be left open."""
    release = _list_lines(safe, amount, places, least, by_fold=True)
    by_fold = np.array([table.endswith(BY_FOLD) for table, _ in release.names])
    few = np.asarray(is_few(release.lines @ amount.ravel(), least))
    # What is small of a whole group is said in ranges, if at all.
    hidden, small = release.hidden | (few & ~by_fold), few & by_fold
    told = small.copy()
    if small.any() and measure_work(release.lines, hidden, small) <= MOST_FOLD_WORK:
        known = release.lines, amount.reshape(1, -1), hidden, np.zeros_like(hidden)
        told[small] = find_narrow(*known, release.lines[small], least)
    return {release.names[i][0].removesuffix(BY_FOLD) for i in np.flatnonzero(told)}


def _find_decisions(facts: AuditData) -> list[int]:
    """Find where the sums of people by decision and outcome are; nothing of amounts."""
    names = facts.fold_cells.names
    return [names.index(n) for n in DECISIONS if n in names] if facts.events else []


def _split_amount(facts: AuditData, name: str) -> np.ndarray:
    """Split (P, F, E) what happened into what was not foreseen and what was: rates tell both."""
    names, values = facts.fold_cells.names, facts.fold_cells.values
    amount = values[..., names.index(name)]
    if name != "y" or "under" not in names:
        return amount[None]
    missed = np.clip(values[..., names.index("under")], 0.0, amount)
    return np.stack([missed, amount - missed])


def _protect_amount(
    safe: Protection,
    facts: AuditData,
    parts: np.ndarray,
    places: Mapping[str, np.ndarray],
    *,
    by_fold: bool = True,
) -> Protection:
    least, amount, whole = facts.least, parts.sum(axis=0), parts.sum(axis=(0, 1))[None]
    atoms = (parts if by_fold else parts.sum(axis=1)).reshape(len(parts), -1)
    release = _list_lines(safe, amount if by_fold else whole, places, least, by_fold=by_fold)
    if by_fold and release.work > MOST_FOLD_WORK:
        safe = _drop_folds(safe, amount, least)
        return _protect_amount(safe, facts, parts, places, by_fold=False)
    if release.work > MOST_WORK:
        gone = tuple(replace(v, hidden=v.hidden | (v.n > 0)) for v in safe.pairs)
        safe = replace(safe, pairs=gone)
        release = _list_lines(safe, whole, places, least, by_fold=False)
    if release.work > MOST_WORK:
        lost = [(kind, str(p)) for kind, labels in places.items() for p in np.unique(labels)]
        safe = replace(safe, withheld=_withhold((*_pair(safe.withheld), *lost)))
        release = _list_lines(safe, whole, {}, least, by_fold=False)
    hidden, cause, told = protect_release(*release.given(atoms), least)
    if by_fold and len(parts) > 1:  # it is foreseen: forecasts of places are shown
        given = release.lines, parts, hidden, release.secret
        cells = list_narrow_places(*given, places.values(), least)
        release = replace(release, hidden=hidden).add_secret(cells)
        if release.work > MOST_FOLD_WORK:
            safe = _drop_folds(safe, amount, least)
            return _protect_amount(safe, facts, parts, places, by_fold=False)
        if cells.shape[0]:
            first = np.append(cause, np.full(cells.shape[0], -1))
            hidden, cause, told = protect_release(*release.given(atoms), least)
            cause = np.where(cause < 0, first, cause)
    if not release.secret.any():
        return safe
    causes = {
        release.names[i]: f"{table}={group}"
        for i in np.flatnonzero(cause >= 0).tolist()
        for table, group in [release.names[cause[i]]]
    }
    safe = replace(safe, causes={**causes, **safe.causes}, told=safe.told and told)
    return _apply(safe, facts, release.names, hidden)


def _name_small(view: GroupTable) -> str:
    return ", ".join(f"{view.dimension}={view.groups[g]}" for g in np.flatnonzero(view.small))


def _find_small_folds(view: GroupTable, facts: AuditData) -> np.ndarray:
    cells = facts.fold_cells
    n = weigh_cells(cells.values[..., [cells.names.index("n")]], view.weights)[..., 0]
    small = view.hidden & (n > 0)
    for name in (facts.amount, *facts.events) if facts.counts else ():
        held = weigh_cells(cells.values[..., [cells.names.index(name)]], view.weights)[..., 0]
        few = (held < facts.least) if name == facts.amount else is_few(held, facts.least)
        small |= few & (n > 0)
    if at := _find_decisions(facts):
        small = hide_slices(weigh_cells(cells.values[..., at], view.weights), facts.least, small)
    # Beside the whole of a group all its other folds tell the one of few people: none is shown.
    for people in facts.people[1:]:
        small |= (find_few_people(people, view.weights, facts.least) & ~view.hidden).any()
    return small | view.apart.any(axis=0)


def _drop_folds(safe: Protection, amount: np.ndarray, least: float) -> Protection:
    """Show no group by fold; the whole by fold then tells nothing of any group."""
    folds = {name: np.ones_like(marks) for name, marks in safe.folds.items()}
    total = amount.sum(axis=1)
    marked = safe.folds[EVERYWHERE][:, 0] | is_few(total, least)
    folds[EVERYWHERE] = hide_cells(total, marked, least)[:, None]
    return replace(safe, folds=folds)


def _list_lines(
    safe: Protection,
    amount: np.ndarray,
    places: Mapping[str, np.ndarray],
    least: float,
    *,
    by_fold: bool,
) -> _Release:
    """List every line of every table; atoms are folds x entities, or entities alone."""
    names: list[tuple[str, str]] = []
    lines: list[Sparse] = []
    hidden: list[np.ndarray] = []
    secret: list[np.ndarray] = []
    count = len(amount)

    def add(
        table: str, groups: Iterable[str], parts: Sparse, hide: np.ndarray, own: np.ndarray
    ) -> None:
        names.extend((table, group) for group in groups)
        lines.append(csr_array(parts))
        hidden.append(hide)
        secret.append(hide & own)

    for view in (safe.everyone, *safe.single, *safe.pairs):
        own = view.weights + view.apart
        parts = csr_array(own.T)
        behind = count_behind(amount.sum(axis=0), own)
        few = _find_few_residents(view, least) | is_few(behind, least)
        few |= False if view.few_people is None else view.few_people
        add(view.dimension, view.groups, kron(np.ones((1, count)), parts), view.hidden, few)
        if by_fold and view.dimension in safe.folds:
            behind = count_behind(amount, own).ravel()
            few = is_few(behind, least)
            groups = (f"{f}:{group}" for f in range(count) for group in view.groups)
            marks = safe.folds[view.dimension].ravel()
            add(f"{view.dimension}{BY_FOLD}", groups, kron(np.eye(count), parts), marks, few)
    gone = set(_pair(safe.withheld))
    for kind, labels in places.items():
        found, code = np.unique(labels.astype(str), return_inverse=True)
        at = np.arange(len(code))
        parts = csr_array((np.ones(len(code)), (code, at)), shape=(len(found), len(code)))
        held = parts @ amount.sum(axis=0)
        own = is_few(held, least)
        lost = np.array([(kind, place) in gone for place in found])
        add(f"{PLACE}{kind}", found, kron(np.ones((1, count)), parts), own | lost, own)
    whole: Sparse = csr_array(vstack(lines))
    return _Release(tuple(names), whole, np.concatenate(hidden), np.concatenate(secret))


def _find_few_residents(view: GroupTable, least: float) -> np.ndarray:
    """Tell of each group whether all that happens in whole areas happens to few people."""
    people = np.array([view.residents.get(group, np.inf) for group in view.groups])
    return np.isin(view.weights, (0.0, 1.0)).all(axis=0) & (people < least)


def _apply(
    safe: Protection, facts: AuditData, names: Sequence[tuple[str, str]], hidden: np.ndarray
) -> Protection:
    found = {names[i] for i in np.flatnonzero(hidden).tolist()}

    def extend(view: GroupTable) -> GroupTable:
        more = np.array([(view.dimension, group) in found for group in view.groups])
        return replace(view, hidden=view.hidden | more)

    everyone = extend(safe.everyone)
    folds = {}
    for view in (everyone, *safe.single):
        marks = safe.folds[view.dimension].copy()
        for f in range(marks.shape[0]):
            for g, group in enumerate(view.groups):
                marks[f, g] |= (f"{view.dimension}{BY_FOLD}", f"{f}:{group}") in found
        folds[view.dimension] = marks
    lost = [(t.removeprefix(PLACE), g) for t, g in sorted(found) if t.startswith(PLACE)]
    lost += [("fold", str(facts.folds[f])) for f in np.flatnonzero(folds[EVERYWHERE][:, 0])]
    if everyone.hidden[0]:
        lost.append((EVERYWHERE, EVERYWHERE))
    return Protection(
        everyone,
        tuple(extend(v) for v in safe.single),
        tuple(extend(v) for v in safe.pairs),
        folds,
        _withhold((*_pair(safe.withheld), *lost)),
        safe.causes,
        safe.told,
    )


def _withhold(pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(list(dict.fromkeys(pairs)), columns=["kind", "slice"])


def _pair(withheld: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(withheld["kind"], withheld["slice"], strict=True))


def list_places(table: pd.DataFrame, entities: Sequence[str], area: str) -> dict[str, np.ndarray]:
    """List the places that the evaluation shows beside the audit: areas, or else entities."""
    if area in table and table[area].notna().any():
        known = table.drop_duplicates(ENTITY).set_index(table[ENTITY].drop_duplicates().astype(str))
        return {"area": known[area].astype(str).reindex(list(entities)).to_numpy(object)}
    return {"entity": np.array(entities, dtype=object)}
