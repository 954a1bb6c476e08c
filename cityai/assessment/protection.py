"""What the audit shows, held against everything else that is shown of the same amounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cityai.assessment.disclosure import hide_cells
from cityai.assessment.release import Line, protect_release
from cityai.assessment.statistics import weigh_cells
from cityai.assessment.views import Facts, View
from cityai.columns import ENTITY, EVERYWHERE, FOLD

BY_FOLD = " by fold"


@dataclass(frozen=True, slots=True)
class Protection:
    """Views with more of their groups hidden, and what else must stay out.

    Attributes
    ----------
    single, pairs : tuple of View
        As given, `hidden` extended.
    folds : dict of str to numpy.ndarray
        (F, G) bool by dimension: figures by fold that may not be shown.
    withheld : pandas.DataFrame
        `table` ("area", "entity_id", "fold") and `slice`: figures of the evaluation that may not
        be shown beside the audit's.
    """

    single: tuple[View, ...]
    pairs: tuple[View, ...]
    folds: dict[str, np.ndarray]
    withheld: pd.DataFrame


def protect_views(
    everyone: View,
    single: Sequence[View],
    pairs: Sequence[View],
    facts: Facts,
    places: Mapping[str, np.ndarray],
    least: float,
) -> Protection:
    """Hide what could be worked out from all tables together.

    Parameters
    ----------
    everyone : View
        The whole.
    single, pairs : sequence of View
        Dimensions and their intersections, small cells hidden table by table.
    facts : Facts
        The sums.
    places : mapping of str to numpy.ndarray
        (E,) labels of the entities, for tables beside the audit that list places.
    least : float
        The policy's threshold.

    Notes
    -----
    Groups of residents (soft membership) are averages that anybody can work out from areas that
    are shown: they count as known, and what is hidden of them is no secret of persons.
    """
    folds = {v.dimension: _hide_folds(v, facts, least) for v in (everyone, *single)}
    done = Protection(tuple(single), tuple(pairs), folds, pd.DataFrame(columns=["table", "slice"]))
    amount = facts.fold_cells.values[..., facts.fold_cells.names.index(facts.amount)]
    lines, secret, small = _list_lines((everyone, *single, *pairs), folds, amount, places, least)
    if not facts.counts or not (small & secret).any():
        return done
    # A hidden group of residents is neither a secret nor known.
    kept = secret | ~small
    hidden = small.copy()
    chosen = [line for line, keep in zip(lines, kept, strict=True) if keep]
    hidden[kept] = protect_release(chosen, amount.ravel(), small[kept], least)
    return _apply(done, everyone, lines, hidden)


def _hide_folds(view: View, facts: Facts, least: float) -> np.ndarray:
    names = facts.fold_cells.names
    tensor = weigh_cells(facts.fold_cells.values, view.weights)
    amount, n = tensor[..., names.index(facts.amount)], tensor[..., names.index("n")]
    small = (view.hidden & (n > 0)) | ((amount < least) & (n > 0) & facts.counts)
    return hide_cells(amount, small, least) if facts.counts else small


def _list_lines(
    views: Sequence[View],
    folds: Mapping[str, np.ndarray],
    amount: np.ndarray,
    places: Mapping[str, np.ndarray],
    least: float,
) -> tuple[list[Line], np.ndarray, np.ndarray]:
    """Every line, whether it is about whole entities, and whether it is hidden already."""
    n_folds = len(amount)
    lines: list[Line] = []
    secret: list[bool] = []
    small: list[bool] = []

    def add(table: str, group: str, parts: np.ndarray, hard: bool, hide: bool) -> None:
        lines.append(Line(table, group, parts.ravel()))
        secret.append(hard)
        small.append(hide)

    for view in views:
        hard = view.kind != "soft"
        for g, group in enumerate(view.groups):
            parts = np.broadcast_to(view.weights[:, g], amount.shape)
            add(view.dimension, group, parts, hard, bool(view.hidden[g]))
            for f in range(n_folds if view.dimension in folds else 0):
                only = np.zeros(amount.shape)
                only[f] = view.weights[:, g]
                hide = bool(folds[view.dimension][f, g])
                add(f"{view.dimension}{BY_FOLD}", f"{f}:{group}", only, hard, hide)
    for table, labels in places.items():
        for label in np.unique(labels):
            parts = np.broadcast_to((labels == label).astype(float), amount.shape)
            held = float((parts * amount).sum())
            add(f"place:{table}", str(label), parts, True, 0 < held < least)
    return lines, np.array(secret), np.array(small)


def _apply(
    done: Protection, everyone: View, lines: Sequence[Line], hidden: np.ndarray
) -> Protection:
    found = {(lines[i].table, lines[i].group) for i in np.flatnonzero(hidden).tolist()}

    def extend(view: View) -> View:
        more = np.array([(view.dimension, group) in found for group in view.groups])
        return replace(view, hidden=view.hidden | more)

    folds = {}
    for view in (everyone, *done.single):
        marks = done.folds[view.dimension].copy()
        for f in range(marks.shape[0]):
            for g, group in enumerate(view.groups):
                marks[f, g] |= (f"{view.dimension}{BY_FOLD}", f"{f}:{group}") in found
        folds[view.dimension] = marks
    rows = [(t.removeprefix("place:"), g) for t, g in sorted(found) if t.startswith("place:")]
    rows += [(FOLD, g.split(":", 1)[0]) for t, g in sorted(found) if t == f"{EVERYWHERE}{BY_FOLD}"]
    return Protection(
        tuple(extend(v) for v in done.single),
        tuple(extend(v) for v in done.pairs),
        folds,
        pd.DataFrame(rows, columns=["table", "slice"]),
    )


def list_places(table: pd.DataFrame, entities: Sequence[str], area: str) -> dict[str, np.ndarray]:
    """List the places that the evaluation shows beside the audit: entities, and their areas."""
    places = {ENTITY: np.array(entities, dtype=object)}
    if area in table:
        known = table.drop_duplicates(ENTITY).set_index(table[ENTITY].drop_duplicates().astype(str))
        places[area] = known[area].astype(str).reindex(list(entities)).to_numpy(object)
    return places
