"""Target leakage: a search for a single feature that tells the target almost perfectly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import ENTITY, STEP
from cityai.config.policy import PolicySpec
from cityai.data.rows import Floats, Rows
from cityai.findings import Finding, Status
from cityai.i18n.messages import say

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]

NEAR_PERFECT: Final = "time.near_perfect"
PLANTED: Final = "planted_leak"
"""Name of the feature that a test plants."""
LEAST_ROWS: Final = 20
"""Fewer rows of an entity say nothing about a perfect relation."""
LEAST_OF_EACH: Final = 10
"""Fewer outcomes of either kind say nothing about a perfect relation."""
_NOTHING_LEFT: Final = 1e-12
"""Share of a column's squares under which what is left of it is rounding, not information."""
_LITTLE_LEFT: Final = 1e-4
"""Share under which a difference of squares would lose digits that are looked at."""
_LEAST_SPREAD: Final = 3
"""Least number of rows (effectively) that what is left of a target must be spread over."""
MOST_ENTITIES: Final = 500
"""So many entities, spread evenly over their names, tell a median; more of them only take time."""

MOST_CELLS: Final = 1_000_000
"""Cells of entities that are measured at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The targets of rows, and what any honest feature may tell of them."""

    values: Floats
    """(rows,) float64; NaN where the label is not final."""
    usual: Floats | None = None
    """(rows, 3) float64 of an amount: the latest value, the value one season before, and the recent
    level. None of a yes (1) or no (0)."""


@dataclass(frozen=True, slots=True)
class _Measure:
    """How nearly a feature tells a target, and how that is said."""

    unit: str
    title: str
    few: str
    apply: Callable[[Rows, Labels], dict[str, float]]
    tell: Callable[[str, float, float, bool], str]


def plant_leak(rows: Rows, labels: Labels) -> Rows:
    """Return rows with one more feature, which is the target itself."""
    return replace(
        rows,
        table=rows.table.assign(**{PLANTED: labels.values.astype(np.float32)}),
        features=(*rows.features, PLANTED),
        labels={**rows.labels, PLANTED: "the target itself, planted by a test"},
    )


def choose_measured(rows: Rows, labels: Labels) -> Ints | None:
    """Choose the rows that `check_leaks` measures, by their keys alone; None where it takes all."""
    if labels.usual is None:
        return None
    chosen = [part for step in _list_steps(rows) for part in _choose_step(rows, labels, step)]
    return np.sort(np.concatenate([np.zeros(0, dtype=np.intp), *chosen]))


def check_leaks(
    rows: Rows, labels: Labels, policy: PolicySpec, among: int | None = None
) -> Finding:
    """Look for a single feature that tells the target almost perfectly.

    An amount: entities differ in size and their figures persist, so a plain correlation is near
    one for honest features too. What is measured is what a feature adds: within each entity, the
    part of feature and target that the recent level, the latest value and the value one season
    before do not explain (least squares), correlated; then the median over entities, of which
    `MOST_ENTITIES` are taken, spread evenly over their names. It is measured in the unit of the
    target and as a share of the level, and the larger counts.

    A yes or no: a number is measured by the area under the ROC curve when rows are ranked by it
    alone, upwards or downwards, or by whether it is missing. A text is measured by the rate of yes
    that its value had in the other half of the rows, so many rare values are no perfect relation
    by themselves.

    Parameters
    ----------
    rows : Rows
        Rows of several moments.
    labels : Labels
        Their targets; only final ones are used.
    policy : PolicySpec
        ``near_perfect`` is the limit.
    among : int, optional
        Of how many entities the rows were chosen by `choose_measured`; those of the rows when
        omitted.

    Returns
    -------
    Finding
        ``time.near_perfect``: fail with the features that reach the limit, pass with the largest,
        not enough evidence when no entity has twenty rows at one step, or with fewer than ten
        outcomes of either kind.
    """
    measure = _YES_NO if labels.usual is None else _AMOUNT
    limit = policy.near_perfect
    found = measure.apply(rows, labels)
    if not found:
        return Finding(
            NEAR_PERFECT, Status.NOT_ENOUGH, measure.title, measure.few, None, limit, measure.unit
        )
    ranked = sorted(found, key=lambda name: (-found[name], name))
    worst = ranked[0]
    leaks = [name for name in ranked if found[name] >= limit]
    said = say("'{worst}' ({labels})", worst=worst, labels=rows.labels[worst])
    others = len(leaks) - 1
    said = say("{said} and {others} more", said=said, others=others) if others > 0 else said
    reason = measure.tell(said, found[worst], limit, bool(leaks))
    n = among or int(rows.table[ENTITY].nunique())
    if measure is _AMOUNT and n > MOST_ENTITIES:
        reason = say(
            "{reason} Looked for in {most:,} of {n:,}.", reason=reason, most=MOST_ENTITIES, n=n
        )
    return Finding(
        NEAR_PERFECT,
        Status.FAIL if leaks else Status.PASS,
        measure.title,
        reason,
        found[worst],
        limit,
        measure.unit,
        ", ".join(leaks),
    )


def _correlate_all(rows: Rows, labels: Labels) -> dict[str, float]:
    """Measure what each numeric feature adds at the first and at the last step."""
    found: dict[str, float] = {}
    for step in _list_steps(rows):
        for name, figure in _measure_step(rows, labels, step).items():
            found[name] = float(np.fmax(found.get(name, np.nan), figure))
    return {name: figure for name, figure in found.items() if not np.isnan(figure)}


def _list_steps(rows: Rows) -> list[int]:
    """List the first and the last step."""
    steps = rows.table[STEP]
    return sorted({1, int(steps.max())} if len(steps) else ())


def _choose_step(rows: Rows, labels: Labels, step: int) -> list[Ints]:
    """Choose the entities to measure at a step; each is its rows, whose target is final."""
    assert labels.usual is not None  # noqa: S101 - it is what tells an amount
    known = ~np.isnan(labels.values) & ~np.isnan(labels.usual[:, 0])
    usable = np.flatnonzero((rows.table[STEP] == step).to_numpy() & known)
    entity = rows.table[ENTITY].cat.codes.to_numpy()[usable]
    usable = usable[np.argsort(entity, kind="stable")]
    sizes = np.bincount(entity)
    ends, enough = np.cumsum(sizes), np.flatnonzero(sizes >= LEAST_ROWS)
    spread = np.linspace(0, len(enough) - 1, min(len(enough), MOST_ENTITIES), dtype=int)
    return [usable[ends[i] - sizes[i] : ends[i]] for i in enough[spread]]


def _measure_step(rows: Rows, labels: Labels, step: int) -> dict[str, float]:
    """Partial correlation of each numeric feature with the target: the median over entities."""
    assert labels.usual is not None  # noqa: S101 - it is what tells an amount
    target, (latest, before, level) = labels.values, labels.usual.T
    names = [name for name in rows.features if name not in rows.categorical]
    parts = _choose_step(rows, labels, step)
    # Features of the rows of those alone; from here on a row is its place among them.
    usable = np.concatenate([np.zeros(0, dtype=np.intp), *parts])
    ends = np.cumsum([len(part) for part in parts])
    chosen = np.split(np.arange(len(usable)), ends[:-1]) if len(ends) else []
    features = rows.table[names].iloc[usable].to_numpy(np.float64)
    figures = [np.full((0, len(names)), np.nan)]
    for inside in _stack_alike(chosen, features):
        mine = usable[inside]
        size, y, x = level[mine], target[mine], features[inside]
        recent = np.stack([latest[mine], before[mine]], axis=2)
        whole = _correlate(y, x, np.concatenate([recent, size[..., None]], axis=2))
        scaled = np.concatenate([recent, np.ones_like(size)[..., None]], axis=2) / size[..., None]
        figures.append(np.fmax(whole, _correlate(y / size, x, scaled)))
    medians = _find_medians(np.concatenate(figures))
    return dict(zip(names, medians.tolist(), strict=True)) if chosen else {}


def _stack_alike(parts: Sequence[Ints], features: Floats) -> Iterator[Ints]:
    """Stack the rows of entities whose features are missing in the same rows, (E, n), a few MB."""
    alike: dict[bytes, list[Ints]] = {}
    for part in parts:
        alike.setdefault(np.isnan(features[part]).tobytes(), []).append(part)
    for stacked in alike.values():
        few = max(1, MOST_CELLS // max(1, len(stacked[0]) * features.shape[1]))
        for start in range(0, len(stacked), few):
            yield np.stack(stacked[start : start + few])


def _tell_correlation(said: str, figure: float, limit: float, leaks: bool) -> str:
    if leaks:
        return say(
            "{said} tells the target almost perfectly (correlation {figure:.4f}, limit "
            "{limit}): it is likely to hold the answer itself.",
            said=said,
            figure=figure,
            limit=limit,
        )
    return say(
        "The nearest is {said}, with a correlation of {figure:.3f} beyond what "
        "recent values and the season tell (limit {limit}).",
        said=said,
        figure=figure,
        limit=limit,
    )


def _find_medians(figures: Floats) -> Floats:
    """Median of each column without missing values; NaN where nothing is left."""
    medians = np.full(figures.shape[1], np.nan)
    some = ~np.isnan(figures).all(axis=0)
    medians[some] = np.nanmedian(figures[:, some], axis=0)
    return medians


def _correlate(target: Floats, features: Floats, controls: Floats) -> Floats:
    """Absolute partial correlation of each feature with the target, given the controls.

    Of entities with as many rows (E, n), features (E, n, F) and controls (E, n, C), that miss the
    same cells: (E, F). Columns with missing values are measured on the rows that they have; NaN
    where fewer than `LEAST_ROWS` are left, where the controls explain all of either side, or where
    what they leave of the target is two or three single rows, which anything may fit by chance.
    """
    result = np.full((len(features), features.shape[2]), np.nan)
    patterns, pattern = np.unique(np.isnan(features[0]), axis=1, return_inverse=True)
    for number, missing in enumerate(patterns.T):
        kept, columns = ~missing, np.flatnonzero(pattern == number)
        if kept.sum() < LEAST_ROWS:
            continue
        base = _find_span(controls[:, kept])
        y = _remove(target[:, kept, None], base)
        spread = (y**4).sum(axis=(1, 2)) * _LEAST_SPREAD <= 1
        cells = features if len(patterns.T) == 1 else features[..., columns]
        found = _project(cells if kept.all() else cells[:, kept], y, base)
        result[:, columns] = np.where(spread[:, None], found, np.nan)
    return result


def _project(columns: Floats, y: Floats, basis: Floats) -> Floats:
    """Absolute correlation of `y`, already cleared of the basis, with what it leaves of columns.

    What is left of them is known by its length, without being written down; only where little is,
    and a difference of squares would be rounding, it is taken apart (`_remove`).
    """
    before = np.einsum("enf,enf->ef", columns, columns)
    left = before - ((basis.transpose(0, 2, 1) @ columns) ** 2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.abs((y.transpose(0, 2, 1) @ columns)[:, 0]) / np.sqrt(left)
        little = ~(left > _LITTLE_LEFT * before).all(axis=0)
        found[:, little] = np.abs((_remove(columns[..., little], basis) * y).sum(axis=1))
    return found


def _find_span(controls: Floats) -> Floats:
    """Return an orthonormal basis of a constant and the controls; what is not needed is 0."""
    centred = controls - controls.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=1, keepdims=True))
    scaled = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)
    columns = np.concatenate([np.ones_like(centred[..., :1]), scaled], axis=2)
    left, size, _ = np.linalg.svd(columns, full_matrices=False)
    return left * (size > size[:, :1] * 1e-9)[:, None]


def _remove(columns: Floats, basis: Floats) -> Floats:
    """Remove what the basis explains and scale what is left to length one; NaN when nothing is."""
    left = columns - basis @ (basis.transpose(0, 2, 1) @ columns)
    length = (left**2).sum(axis=1, keepdims=True)
    before = (columns**2).sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled: Floats = np.where(length > _NOTHING_LEFT * before, left / np.sqrt(length), np.nan)
    return scaled


def _rank_all(rows: Rows, labels: Labels) -> dict[str, float]:
    """Measure how well each feature alone ranks the rows."""
    known = ~np.isnan(labels.values)
    yes = labels.values[known] == 1
    if min(int(yes.sum()), int((~yes).sum())) < LEAST_OF_EACH:
        return {}
    return {name: _rank_by(rows.table[name][known], yes) for name in rows.features}


def _tell_area(said: str, figure: float, limit: float, leaks: bool) -> str:
    if leaks:
        return say(
            "{said} alone ranks the cases almost perfectly (area under the curve "
            "{figure:.4f}, limit {limit}): it is likely to hold the answer itself.",
            said=said,
            figure=figure,
            limit=limit,
        )
    return say(
        "The nearest is {said}, which alone ranks the cases with an area under the "
        "curve of {figure:.3f} (limit {limit}).",
        said=said,
        figure=figure,
        limit=limit,
    )


def _rank_by(column: pd.Series, yes: Bools) -> float:
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy()
        even = np.arange(len(codes)) % 2 == 0
        size = len(column.cat.categories)
        score = np.empty(len(codes))
        for half in (even, ~even):
            total = np.bincount(codes[half], minlength=size)
            found = np.bincount(codes[half], yes[half], minlength=size)
            score[~half] = ((found + yes[half].mean()) / (total + 1))[codes[~half]]
        return max(_find_area(score[half], yes[half]) for half in (even, ~even))
    values = column.to_numpy(np.float64)
    missing = np.isnan(values)
    figures = [_find_area(missing.astype(np.float64), yes)]
    if min(int(yes[~missing].sum()), int((~yes[~missing]).sum())) >= LEAST_OF_EACH:
        figures.append(_find_area(values[~missing], yes[~missing]))
    return max(figures)


def _find_area(score: Floats, yes: Bools) -> float:
    """Area under the curve by ranks (Mann-Whitney), upwards or downwards."""
    n_yes, n_no = int(yes.sum()), int((~yes).sum())
    if not n_yes or not n_no:
        return 0.5
    ranks = pd.Series(score).rank().to_numpy(np.float64)
    area = (ranks[yes].sum() - n_yes * (n_yes + 1) / 2) / (n_yes * n_no)
    return float(max(area, 1 - area))


_AMOUNT: Final = _Measure(
    "correlation",
    say("No single feature tells the target almost perfectly"),
    say("No entity has {least_rows} rows with a final label to look at.", least_rows=LEAST_ROWS),
    _correlate_all,
    _tell_correlation,
)
_YES_NO: Final = _Measure(
    "AUC",
    say("No single feature tells the outcome almost perfectly"),
    say(
        "There are fewer than {least_of_each} outcomes of either kind to look at.",
        least_of_each=LEAST_OF_EACH,
    ),
    _rank_all,
    _tell_area,
)
