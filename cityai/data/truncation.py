"""Proof that features do not see the future, and a search for those that seem to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import ENTITY, KNOWN, ORIGIN, PERIOD, STEP, VALUE
from cityai.config.load import Project
from cityai.config.policy import PolicySpec
from cityai.data.features.plan import FeaturePlan, Floats, plan_features
from cityai.data.rows import LEVEL, MATURE_AT, Rows, build_rows
from cityai.data.snapshot import Snapshot, cut_snapshot
from cityai.errors import DataError
from cityai.findings import Finding, Status
from cityai.i18n.messages import say

if TYPE_CHECKING:
    from cityai.data.panel import Panel

TRUNCATION: Final = "time.truncation"
NEAR_PERFECT: Final = "time.near_perfect"
SHUFFLE: Final = "time.shuffle"
PLANTED: Final = "planted_leak"
"""Name of the feature that a test plants."""
LEAST_ROWS: Final = 20
"""Fewer mature rows of an entity say nothing about a perfect relation."""
_NOTHING_LEFT: Final = 1e-12
"""Share of a column's squares under which what is left of it is rounding, not information."""
_LEAST_SPREAD: Final = 3
"""Least number of rows (effectively) that what is left of a target must be spread over."""


def check_truncation(
    panel: Panel, snapshot: Snapshot, project: Project, n_origins: int = 6
) -> Finding:
    """Compare features from all data with features from data cut at the moment of the question.

    At sampled origins, every column of the rows is built twice: from the whole snapshot, and from
    one without whatever became known later. The two must be equal to the last bit. The second time
    the latest is asked first: own functions begin anew at each, so what depends on a memory of
    other moments differs too.

    Parameters
    ----------
    panel : Panel
        The cohort, with final values; it is emptied of the future for the second building.
    snapshot : Snapshot
        Everything.
    project : Project
        The question.
    n_origins : int, optional
        How many origins to sample, evenly from those with rows; the last is always among them.

    Returns
    -------
    Finding
        ``time.truncation``: pass, or fail with the feature, entity and moment that differ first
        and the number of features that differ; not enough evidence when there are no rows.

    Raises
    ------
    DataError
        When one of the project's own functions gives no number at any origin.
    """
    title = say("Features at a moment use only what was known then")
    asked = np.flatnonzero(panel.active.any(axis=1))
    if not asked.size:
        return Finding(TRUNCATION, Status.NOT_ENOUGH, title, say("No entity is ever asked about."))
    plan = plan_features(panel, snapshot, project.spec)
    sample = np.unique(asked[np.linspace(0, asked.size - 1, min(n_origins, asked.size), dtype=int)])
    whole = build_rows(panel, snapshot, project, sample.tolist(), plan)
    _refuse_undefined(panel, snapshot, project, plan, _list_undefined(whole, project))
    differing: dict[str, str] = {}
    for origin in sample[::-1].tolist():
        cut = _rebuild(panel, snapshot, project, origin, plan)
        expected = whole.table[whole.table[ORIGIN] == origin].reset_index(drop=True)
        found = _find_differences(expected, cut.table)
        on = f"{panel.periods.start(origin):%Y-%m-%d}"
        differing = {name: f"{where} on {on}" for name, where in found.items()} | {
            name: where for name, where in differing.items() if name not in found
        }
    count = say(
        f"{len(whole.features)} features at {sample.size} moments ({len(whole.table):,} rows)"
    )
    if not differing:
        reason = say(
            f"{count} are the same, to the last bit, when everything known later is removed."
        )
        return Finding(TRUNCATION, Status.PASS, title, reason, 0.0, 0.0, "features")
    name, where = next(iter(differing.items()))
    said = whole.labels.get(name, name)
    reason = say(
        f"{len(differing)} of {count} change when everything known later is removed; the first is "
        f"'{name}' ({said}) for {where}. It looks into the future."
    )
    observed = float(len(differing))
    return Finding(TRUNCATION, Status.FAIL, title, reason, observed, 0.0, "features", name)


def check_shuffle(
    panel: Panel, snapshot: Snapshot, project: Project, origin: int, seed: int
) -> Finding:
    """Put all that became known later in another order, and see whether features change.

    Returns
    -------
    Finding
        ``time.shuffle``: pass, or fail with the feature and entity that differ first.
    """
    title = "Features at a moment do not depend on what comes later"
    plan = plan_features(panel, snapshot, project.spec)
    before = build_rows(panel, snapshot, project, [origin], plan)
    mixed = _mix_future(snapshot, origin, np.random.default_rng(seed))
    after = build_rows(panel, mixed, project, [origin], plan)
    return tell_shuffle(title, _find_differences(before.table, after.table), len(before.features))


def tell_shuffle(title: str, differing: dict[str, str], count: int) -> Finding:
    """Say whether features changed when what comes later was put in another order."""
    if not differing:
        reason = f"All {count} features stay the same when everything known later is shuffled."
        return Finding(SHUFFLE, Status.PASS, title, reason, 0.0, 0.0, "features")
    name, where = next(iter(differing.items()))
    reason = f"'{name}' changes for {where} when everything known later is shuffled."
    return Finding(
        SHUFFLE, Status.FAIL, title, reason, float(len(differing)), 0.0, "features", name
    )


def plant_leak(rows: Rows, panel: Panel) -> Rows:
    """Return rows with one more feature, which is the target itself."""
    entity = {name: i for i, name in enumerate(panel.entity_ids)}
    period = rows.table[PERIOD].to_numpy(np.int64)
    at = rows.table[ENTITY].astype("str").map(entity).to_numpy(np.int64)
    inside = period < panel.periods.count
    target = np.where(inside, panel.final[np.where(inside, period, 0), at], np.nan)
    return replace(
        rows,
        table=rows.table.assign(**{PLANTED: target.astype(np.float32)}),
        features=(*rows.features, PLANTED),
        labels={**rows.labels, PLANTED: "the target itself, planted by a test"},
    )


def _mix_future(snapshot: Snapshot, origin: int, rng: np.random.Generator) -> Snapshot:
    """Return a snapshot in which amounts and covariates known later have changed places."""

    def mix(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
        later = np.flatnonzero(frame[KNOWN].to_numpy() > origin)
        mixed = frame.copy()
        for name in columns:
            values = frame[name].to_numpy().copy()
            values[later] = values[rng.permutation(later)]
            mixed[name] = values
        return mixed

    keys = {"key", PERIOD, KNOWN}
    return replace(
        snapshot,
        cells=mix(snapshot.cells, [VALUE, "n"]),
        covariates={
            name: mix(frame, [str(c) for c in frame if c not in keys])
            for name, frame in snapshot.covariates.items()
        },
    )


def _list_undefined(rows: Rows, project: Project) -> set[str]:
    """Return the project's own functions that are NaN in every row."""
    names = set(project.spec.features.own).intersection(rows.features)
    return {name for name in names if bool(rows.table[name].isna().all())}


def _refuse_undefined(
    panel: Panel, snapshot: Snapshot, project: Project, plan: FeaturePlan, suspects: set[str]
) -> None:
    """Refuse functions, NaN at the sampled origins, that are so at every other one too."""
    asked = np.flatnonzero(panel.active.any(axis=1))
    for origin in asked[::-1].tolist():
        if not suspects:
            return
        suspects &= _list_undefined(build_rows(panel, snapshot, project, [origin], plan), project)
    for function in sorted(suspects):
        raise DataError(
            f"the function {function} gave no number for any entity at any of {asked.size:,} "
            "moments",
            where=f"{project.own_features}, {function}()",
            expected="at least one number, and NaN where there is none",
            next_step="correct the function, or take its name out of `features.own`",
        )


def _rebuild(
    panel: Panel, snapshot: Snapshot, project: Project, origin: int, plan: FeaturePlan
) -> Rows:
    """Build the rows of one origin from what was known just before it."""
    blind = np.full_like(panel.final, np.nan)
    past = replace(panel, final=blind, late=panel.late.iloc[:0], parts=None)
    return build_rows(past, cut_snapshot(snapshot, origin), project, [origin], plan)


def _find_differences(whole: pd.DataFrame, cut: pd.DataFrame) -> dict[str, str]:
    """Return the columns that differ in any bit, each with the first entity concerned."""
    if len(whole) != len(cut):
        return {"rows": f"{len(cut)} rows in place of {len(whole)}"}
    found: dict[str, str] = {}
    for name in whole.columns:
        differs = _read_bits(whole[name]) != _read_bits(cut[name])
        if differs.any():
            found[str(name)] = f"'{whole[ENTITY].iloc[int(np.argmax(differs))]}'"
    return found


def _read_bits(column: pd.Series) -> npt.NDArray[np.generic]:
    """Return a column as integers or texts: equal when, and only when, the bits are equal."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.astype("object").to_numpy()
    values = np.ascontiguousarray(column.to_numpy())
    return values.view(f"i{values.dtype.itemsize}")


def check_leaks(rows: Rows, panel: Panel, policy: PolicySpec) -> Finding:
    """Look for a single feature that tells the target almost perfectly.

    Entities differ in size and their figures persist, so a plain correlation is near one for honest
    features too. What is measured is what a feature adds: within each entity, the part of feature
    and target that the recent level, the latest value and the value one season before do not
    explain (least squares), correlated; then the median over entities. It is measured in the unit
    of the target and as a share of the level, and the larger counts. A feature that equals the
    target, or is a straight line of it, has a correlation of one.

    Parameters
    ----------
    rows : Rows
        Rows of several origins, features included.
    panel : Panel
        The final targets; only rows whose label is mature are used.
    policy : PolicySpec
        ``near_perfect`` is the limit.

    Returns
    -------
    Finding
        ``time.near_perfect``: fail with the features beyond the limit, pass with the largest, not
        enough evidence when no entity has twenty mature rows at one step.
    """
    title = say("No single feature tells the target almost perfectly")
    limit = policy.near_perfect
    found: dict[str, float] = {}
    for step in sorted({1, int(rows.table[STEP].max())} if len(rows.table) else ()):
        for name, figure in _measure_step(rows, panel, step).items():
            found[name] = float(np.fmax(found.get(name, np.nan), figure))
    known = {name: figure for name, figure in found.items() if not np.isnan(figure)}
    if not known:
        reason = say(f"No entity has {LEAST_ROWS} rows with a final label to look at.")
        return Finding(NEAR_PERFECT, Status.NOT_ENOUGH, title, reason, None, limit, "correlation")
    ranked = sorted(known, key=lambda name: (-known[name], name))
    worst = ranked[0]
    leaks = [name for name in ranked if known[name] > limit]
    said = say(f"'{worst}' ({rows.labels[worst]})")
    if leaks:
        status, others = Status.FAIL, len(leaks) - 1
        said = say(f"{said} and {others} more") if others else said
        reason = say(
            f"{said} tells the target almost perfectly (correlation {known[worst]:.4f}, "
            f"limit {limit}): it is likely to hold the answer itself."
        )
    else:
        status = Status.PASS
        reason = say(
            f"The nearest is {said}, with a correlation of {known[worst]:.3f} beyond what recent "
            f"values and the season tell (limit {limit})."
        )
    return Finding(
        NEAR_PERFECT, status, title, reason, known[worst], limit, "correlation", ", ".join(leaks)
    )


def _measure_step(rows: Rows, panel: Panel, step: int) -> dict[str, float]:
    """Measure what each numeric feature adds at one step: the median over entities."""
    table = rows.table
    mature = (table[STEP] == step) & (table[MATURE_AT] <= panel.periods.count)
    table = table[mature & (table[ORIGIN] > 0)]
    entity = table[ENTITY].cat.codes.to_numpy()
    origin, level = table[ORIGIN].to_numpy(), table[LEVEL].to_numpy()
    period = table[PERIOD].to_numpy()
    final, filled = panel.final, pd.DataFrame(panel.final).ffill().to_numpy()
    target, latest = final[period, entity], filled[origin - 1, entity]
    season = panel.periods.season
    same = period + (origin - 1 - period) // season * season
    before = np.where(same >= 0, filled[np.maximum(same, 0), entity], np.nan)
    before = np.where(np.isnan(before), latest, before)
    names = [name for name in rows.features if name not in rows.categorical]
    features = table[names].to_numpy(np.float64)
    usable = ~np.isnan(target) & ~np.isnan(latest)
    figures = []
    for one in np.unique(entity[usable]):
        mine = usable & (entity == one)
        size, y, x = level[mine], target[mine], features[mine]
        recent = np.column_stack([latest[mine], before[mine]])
        whole = _correlate(y, x, np.column_stack([recent, size]))
        share = _correlate(y / size, x, np.column_stack([recent / size[:, None], 1 / size]))
        figures.append(np.fmax(whole, share))
    if not figures:
        return {}
    return dict(zip(names, _find_medians(np.stack(figures)).tolist(), strict=True))


def _find_medians(figures: Floats) -> Floats:
    """Median of each column without missing values; NaN where nothing is left."""
    medians = np.full(figures.shape[1], np.nan)
    some = ~np.isnan(figures).all(axis=0)
    medians[some] = np.nanmedian(figures[:, some], axis=0)
    return medians


def _correlate(target: Floats, features: Floats, controls: Floats) -> Floats:
    """Absolute partial correlation of each feature with the target, given the controls.

    Columns with missing values are measured on the rows that they have; NaN where fewer than
    `LEAST_ROWS` are left, where the controls explain all of either side, or where what they leave
    of the target is two or three single rows, which anything may fit by chance.
    """
    result = np.full(features.shape[1], np.nan)
    missing = np.isnan(features)
    for pattern in np.unique(missing, axis=1).T:
        kept = ~pattern
        if kept.sum() < LEAST_ROWS:
            continue
        columns = np.flatnonzero((missing == pattern[:, None]).all(axis=0))
        base = _find_span(controls[kept])
        y = _remove(target[kept][:, None], base)
        if not (y**4).sum() * _LEAST_SPREAD <= 1:
            continue
        x = _remove(features[np.ix_(kept, columns)], base)
        with np.errstate(invalid="ignore"):
            result[columns] = np.abs((x * y).sum(axis=0))
    return result


def _find_span(controls: Floats) -> Floats:
    """Return an orthonormal basis of a constant and the controls."""
    centred = controls - controls.mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    scaled = centred[:, spread > 0] / spread[spread > 0]
    columns = np.column_stack([np.ones(len(controls)), scaled])
    left, size, _ = np.linalg.svd(columns, full_matrices=False)
    basis: Floats = left[:, size > size[0] * 1e-9]
    return basis


def _remove(columns: Floats, basis: Floats) -> Floats:
    """Remove what the basis explains and scale what is left to length one; NaN when nothing is."""
    left = columns - basis @ (basis.T @ columns)
    length, before = (left**2).sum(axis=0), (columns**2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled: Floats = np.where(length > _NOTHING_LEFT * before, left / np.sqrt(length), np.nan)
    return scaled
