"""Proof that the features of cases do not see the future, and a search for those that seem to."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import AS_OF, CASE, KNOWN_AT, Y_TRUE
from cityai.config.load import Project
from cityai.config.policy import PolicySpec
from cityai.config.risk import RiskSpec
from cityai.data.cases.as_of_join import Floats
from cityai.data.cases.cases import Cases, cut_cases
from cityai.data.cases.features import build_case_rows
from cityai.data.cases.rows import CaseRows
from cityai.data.truncation import NEAR_PERFECT, PLANTED, TRUNCATION, tell_shuffle
from cityai.errors import DataError
from cityai.findings import Finding, Status
from cityai.i18n.messages import say

LEAST_OF_EACH: Final = 10
"""Fewer outcomes of either kind say nothing about a perfect relation."""


def check_case_truncation(
    cases: Cases, rows: CaseRows, project: Project[RiskSpec], n_moments: int = 6
) -> Finding:
    """Compare features from all data with features from data cut at the moment of the question.

    At sampled moments every feature of the cases asked about then is built a second time from
    `cut_cases`, with the project's own functions loaded afresh. The two must be equal to the last
    bit.

    Parameters
    ----------
    cases, rows : Cases, CaseRows
        Everything, and the features made from it.
    project : Project
        The question.
    n_moments : int, optional
        How many moments to sample, evenly from those at which cases are asked about; the last is
        always among them.

    Returns
    -------
    Finding
        ``time.truncation``: pass, or fail with the feature, case and moment that differ first and
        the number of features that differ; not enough evidence when there are no cases.

    Raises
    ------
    DataError
        When one of the project's own functions gives no number for any case.
    """
    _refuse_undefined(rows, project)
    title = say("Features at a moment use only what was known then")
    asked = cases.table[AS_OF]
    moments = asked.drop_duplicates().reset_index(drop=True)
    if moments.empty:
        return Finding(TRUNCATION, Status.NOT_ENOUGH, title, say("No case is ever asked about."))
    at = np.unique(np.linspace(0, len(moments) - 1, min(n_moments, len(moments)), dtype=int))
    differing: dict[str, str] = {}
    compared = 0
    for moment in moments.iloc[at]:
        cut = build_case_rows(cut_cases(cases, moment), project, moment.normalize()).table
        whole = rows.table[asked == moment].reset_index(drop=True)
        again = cut[cut[AS_OF] == moment].reset_index(drop=True)
        compared += len(whole)
        for name, where in _find_differences(whole, again, rows.features).items():
            differing.setdefault(name, say(f"{where} on {moment:%Y-%m-%d}"))
    count = say(f"{len(rows.features)} features at {at.size} moments ({compared:,} cases)")
    if not differing:
        reason = say(
            f"{count} are the same, to the last bit, when everything known later is removed."
        )
        return Finding(TRUNCATION, Status.PASS, title, reason, 0.0, 0.0, "features")
    name, where = next(iter(differing.items()))
    reason = say(
        f"{len(differing)} of {count} change when everything known later is removed; the first is "
        f"'{name}' ({rows.labels.get(name, name)}) for {where}. It looks into the future."
    )
    observed = float(len(differing))
    return Finding(TRUNCATION, Status.FAIL, title, reason, observed, 0.0, "features", name)


def _refuse_undefined(rows: CaseRows, project: Project[RiskSpec]) -> None:
    for name in project.spec.features.own:
        if name in rows.features and bool(rows.table[name].isna().all()):
            raise DataError(
                f"the function {name} gave no number for any of {len(rows.table):,} cases",
                where=f"{project.own_features}, {name}()",
                expected="at least one number, and NaN where there is none",
                next_step="correct the function, or take its name out of `features.own`",
            )


def check_case_shuffle(
    cases: Cases, rows: CaseRows, project: Project[RiskSpec], moment: pd.Timestamp, seed: int
) -> Finding:
    """Put all that became known later in another order, and see whether features change.

    Returns
    -------
    Finding
        ``time.shuffle``: pass, or fail with the feature and case that differ first.
    """
    title = "Features at a moment do not depend on what comes later"
    rng = np.random.default_rng(seed)

    def mix(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
        later = np.flatnonzero((frame[KNOWN_AT] >= moment).to_numpy())
        mixed = frame.copy()
        for name in columns:
            values = frame[name].to_numpy().copy()
            values[later] = values[rng.permutation(later)]
            mixed[name] = values
        return mixed

    mixed = replace(
        cases,
        table=mix(cases.table, [Y_TRUE]),
        events={
            name: mix(frame, list(map(str, frame.select_dtypes("number").columns)))
            for name, frame in cases.events.items()
        },
    )
    asked = cases.table[AS_OF] <= moment
    again = build_case_rows(mixed, project).table[asked].reset_index(drop=True)
    differing = _find_differences(rows.table[asked].reset_index(drop=True), again, rows.features)
    return tell_shuffle(title, differing, len(rows.features))


def plant_case_leak(rows: CaseRows, cases: Cases) -> CaseRows:
    """Return rows with one more feature, which is the outcome itself."""
    planted = cases.table[Y_TRUE].to_numpy(np.float32)
    return replace(
        rows,
        table=rows.table.assign(**{PLANTED: planted}),
        features=(*rows.features, PLANTED),
        labels={**rows.labels, PLANTED: "the outcome itself, planted by a test"},
    )


def _find_differences(
    whole: pd.DataFrame, cut: pd.DataFrame, features: tuple[str, ...]
) -> dict[str, str]:
    """Return the features that differ in any bit, each with the first case concerned."""
    if whole[CASE].tolist() != cut[CASE].tolist():
        return {"cases": say(f"{len(cut)} cases in place of {len(whole)}")}
    found: dict[str, str] = {}
    for name in features:
        if name not in cut:
            found[name] = say("every case")
            continue
        differs = _read_bits(whole[name]) != _read_bits(cut[name])
        if differs.any():
            found[name] = f"'{whole[CASE].iloc[int(np.argmax(differs))]}'"
    return found


def _read_bits(column: pd.Series) -> npt.NDArray[np.generic]:
    """Return a column as integers or texts: equal when, and only when, the bits are equal."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.astype("object").to_numpy()
    values = np.ascontiguousarray(column.to_numpy())
    return values.view(f"i{values.dtype.itemsize}")


def check_case_leaks(rows: CaseRows, cases: Cases, policy: PolicySpec) -> Finding:
    """Look for a single feature that tells the outcome almost perfectly.

    A number is measured by the area under the curve when cases are ranked by it alone, upwards or
    downwards, or by whether it is missing. A text is measured by the rate of yes that its value
    had in the other half of the cases, so many rare values are no perfect relation by themselves.

    Parameters
    ----------
    rows, cases : CaseRows, Cases
        Features, and the outcomes that are known.
    policy : PolicySpec
        ``near_perfect`` is the limit.

    Returns
    -------
    Finding
        ``time.near_perfect``: fail with the features beyond the limit, pass with the largest, not
        enough evidence with fewer than ten outcomes of either kind.
    """
    title = say("No single feature tells the outcome almost perfectly")
    limit = policy.near_perfect
    y_true = cases.table[Y_TRUE].to_numpy(np.float64)
    known = ~np.isnan(y_true)
    yes = y_true[known] == 1
    if min(int(yes.sum()), int((~yes).sum())) < LEAST_OF_EACH or not rows.features:
        reason = say(f"There are fewer than {LEAST_OF_EACH} outcomes of either kind to look at.")
        return Finding(NEAR_PERFECT, Status.NOT_ENOUGH, title, reason, None, limit, "AUC")
    found = {name: _measure(rows.table[name][known], yes) for name in rows.features}
    ranked = sorted(found, key=lambda name: (-found[name], name))
    worst = ranked[0]
    leaks = [name for name in ranked if found[name] >= limit]
    said = say(f"'{worst}' ({rows.labels[worst]})")
    if leaks:
        others = len(leaks) - 1
        said = say(f"{said} and {others} more") if others else said
        reason = say(
            f"{said} alone ranks the cases almost perfectly (area under the curve "
            f"{found[worst]:.4f}, limit {limit}): it is likely to hold the answer itself."
        )
        status = Status.FAIL
    else:
        reason = say(
            f"The nearest is {said}, which alone ranks the cases with an area under the curve of "
            f"{found[worst]:.3f} (limit {limit})."
        )
        status = Status.PASS
    leaking = ", ".join(leaks)
    return Finding(NEAR_PERFECT, status, title, reason, found[worst], limit, "AUC", leaking)


def _measure(column: pd.Series, yes: npt.NDArray[np.bool_]) -> float:
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy()
        even = np.arange(len(codes)) % 2 == 0
        size = len(column.cat.categories)
        score = np.empty(len(codes))
        for half in (even, ~even):
            total = np.bincount(codes[half], minlength=size)
            found = np.bincount(codes[half], yes[half], minlength=size)
            score[~half] = ((found + yes[half].mean()) / (total + 1))[codes[~half]]
        return max(_rank(score[half], yes[half]) for half in (even, ~even))
    values = column.to_numpy(np.float64)
    missing = np.isnan(values)
    figures = [_rank(missing.astype(np.float64), yes)]
    if min(int(yes[~missing].sum()), int((~yes[~missing]).sum())) >= LEAST_OF_EACH:
        figures.append(_rank(values[~missing], yes[~missing]))
    return max(figures)


def _rank(score: Floats, yes: npt.NDArray[np.bool_]) -> float:
    """Area under the curve by ranks (Mann-Whitney), upwards or downwards."""
    n_yes, n_no = int(yes.sum()), int((~yes).sum())
    if not n_yes or not n_no:
        return 0.5
    ranks = pd.Series(score).rank().to_numpy(np.float64)
    area = (ranks[yes].sum() - n_yes * (n_yes + 1) / 2) / (n_yes * n_no)
    return float(max(area, 1 - area))
