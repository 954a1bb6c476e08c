"""Check a card against the saved predictions: every figure counted again, one row at a time.

Nothing here is shared with the assessment: no sums, no tensor, only masks, weights and plain
arithmetic on the table of predictions. What is shared is how finely a figure is published.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from cityai.card.draft.rounding import count_decimals, find_size, round_total
from cityai.card.record import CardRecord, digest_record, write_canonical
from cityai.card.record.part import Number
from cityai.columns import (
    BASELINE,
    CANDIDATE,
    ENTITY,
    EVERYWHERE,
    FOLD,
    NOT_RECORDED,
    PERIOD_START,
    SCALE,
    STEP,
    Y_HIGH,
    Y_LOW,
    Y_PRED,
    Y_TRUE,
)
from cityai.data.groups import Membership
from cityai.errors import DataError
from cityai.findings import Finding, Status
from cityai.modeling.predictions import Predictions
from cityai.spec.project import ProjectSpec


@dataclass(frozen=True, slots=True)
class Claim:
    """One printed figure and what it should be.

    Attributes
    ----------
    path : str
        Where it stands in the record.
    printed : float or None
        What the record says.
    counted : float
        What the predictions say; NaN when undefined.
    decimals : int
        Decimals that it was printed with.
    """

    path: str
    printed: float | None
    counted: float
    decimals: int

    @property
    def holds(self) -> bool:
        """Whether both agree to the printed rounding."""
        if self.printed is None:
            return not math.isfinite(self.counted)
        if not math.isfinite(self.counted):
            return False
        half = 0.5 * 10.0**-self.decimals
        return abs(self.counted - self.printed) <= half * (1 + 1e-6) + 1e-12 * abs(self.counted)


def verify_card(
    card: CardRecord | Path,
    predictions: Predictions,
    memberships: Sequence[Membership],
    spec: ProjectSpec,
) -> tuple[Finding, ...]:
    """Verify a card: its own digest, the pages beside it, and every figure from the predictions.

    Parameters
    ----------
    card : CardRecord or Path
        The record, or ``card.json``, or the folder that holds it; pages beside it are checked too.
    predictions : Predictions
        The saved predictions.
    memberships : sequence of Membership
        Groups of the audit.
    spec : ProjectSpec
        The project.

    Returns
    -------
    tuple of Finding
        ``card.digest``, ``card.pages`` (for a path) and ``card.figures``; the last names the first
        figure that differs, with what is printed and what was counted.

    Raises
    ------
    DataError
        When the file cannot be read as a card.
    """
    if isinstance(card, CardRecord):
        return _check_digest(card), _check_figures(card, predictions, memberships, spec)
    path = card / "card.json" if card.is_dir() else card
    text = _read_text(path)
    record = read_record(text, where=str(path))
    own = _check_digest(record, text)
    pages = _check_pages(path.parent, record)
    return own, pages, _check_figures(record, predictions, memberships, spec)


def read_record(text: str, *, where: str = "card.json") -> CardRecord:
    """Read a record from its JSON.

    Raises
    ------
    DataError
        When it is not a card of this version.
    """
    try:
        return CardRecord.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(
            f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}",
            where=where,
            expected="a card of this version, as `cityai run` writes it",
            next_step="run `cityai run` again, or use the version that wrote it",
        ) from error


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"the card cannot be read ({error})",
            where=str(path),
            next_step="give the folder of a published card",
        ) from error


def _check_digest(record: CardRecord, text: str = "") -> Finding:
    title, code = "The record is as it was sealed", "card.digest"
    printed, counted = record.record.content_digest, digest_record(record)
    if printed != counted:
        reason = f"The record says {printed[:12] or 'nothing'}, its content gives {counted[:12]}."
        return Finding(code, Status.FAIL, title, reason)
    if text and _digest_text(text) != _digest_text(write_canonical(record)):
        return Finding(code, Status.FAIL, title, "The file is not the record's canonical JSON.")
    return Finding(code, Status.PASS, title, f"The content gives {counted[:12]}, as it says.")


def _digest_text(text: str) -> str:
    return hashlib.sha256(json.dumps(json.loads(text), sort_keys=True).encode()).hexdigest()


def _check_pages(folder: Path, record: CardRecord) -> Finding:
    title, code = "The pages were made from this record", "card.pages"
    digest, found = record.record.content_digest, []
    for name, mark in (
        ("card.html", f'<meta name="cityai-record" content="{digest}">'),
        ("card.md", f"record `{digest}`"),
    ):
        if (folder / name).is_file():
            if mark not in _read_text(folder / name):
                reason = f"{name} was made from another record than card.json."
                return Finding(code, Status.FAIL, title, reason, subject=name)
            found.append(name)
    if not found:
        return Finding(code, Status.NOT_APPLICABLE, title, "There is no page beside the record.")
    return Finding(code, Status.PASS, title, f"{' and '.join(found)} carry its digest.")


def _check_figures(
    record: CardRecord,
    predictions: Predictions,
    memberships: Sequence[Membership],
    spec: ProjectSpec,
) -> Finding:
    title, code = "Every figure follows from the predictions", "card.figures"
    checked = 0
    for claim in list_claims(record, predictions, memberships, spec):
        if not claim.holds:
            counted = f"{claim.counted:.10g}" if math.isfinite(claim.counted) else "nothing"
            reason = f"{claim.path} is printed as {claim.printed}, the predictions give {counted}."
            observed = claim.counted if math.isfinite(claim.counted) else None
            return Finding(
                code, Status.FAIL, title, reason, observed, claim.printed, "", claim.path
            )
        checked += 1
    return Finding(code, Status.PASS, title, f"{checked:,} figures were counted again and agree.")


def list_claims(
    record: CardRecord,
    predictions: Predictions,
    memberships: Sequence[Membership],
    spec: ProjectSpec,
) -> Iterator[Claim]:
    """List every figure that follows from the predictions, each counted again."""
    table = _prepare(predictions.table)
    yield from _claim_metrics(record.eval.metrics, "eval.metrics", table)
    for i, place in enumerate(record.eval.places):
        yield from _claim_metrics(place.figures, f"eval.places[{i}].figures", table)
    yield from _claim_series(record, table)
    weights = _weigh_groups(memberships, table)
    yield from _claim_groups(record, table, weights)
    for i, number in enumerate(record.fairness.by_fold):
        if number.value is None:
            continue
        (dimension, group), fold = _split_fold(number)
        part = (table[FOLD].astype(str) == fold).to_numpy()
        weight = weights[dimension][group] * part
        yield _claim(
            f"fairness.by_fold[{i}].value",
            number.value,
            number.metric,
            number.unit,
            table,
            weight,
            coarse=True,
        )


def _prepare(table: pd.DataFrame) -> pd.DataFrame:
    """Add, for each forecast, the row's part of a capacity shared in proportion to it."""
    table = table.reset_index(drop=True)
    forecasts = [c for c in table if c == Y_PRED or c.startswith((BASELINE, CANDIDATE))]
    given = {f"given.{c}": np.full(len(table), np.nan) for c in forecasts}
    for _, rows in table.groupby([FOLD, STEP], sort=False):
        for column in forecasts:
            scored = np.isfinite(rows[Y_TRUE]) & np.isfinite(rows[column])
            wanted = rows[column].where(scored, 0.0).clip(lower=0.0)
            if wanted.sum() > 0:
                capacity = rows[Y_TRUE].where(scored, 0.0).sum()
                given[f"given.{column}"][rows.index] = capacity * wanted / wanted.sum()
    return table.assign(**given)


def _claim_metrics(numbers: Sequence[Number], path: str, table: pd.DataFrame) -> Iterator[Claim]:
    for i, number in enumerate(numbers):
        if number.value is None and number.n is None:
            continue
        mask = np.ones(len(table))
        for kind, value in number.slice.items():
            if kind != "model":
                column = {"entity": ENTITY, "area": "area_id", "fold": FOLD, "step": STEP}[kind]
                mask *= (table[column].astype(str) == value).to_numpy()
        model = number.slice["model"]
        column = Y_PRED if model == "forecast" else model
        yield _claim(
            f"{path}[{i}].value", number.value, number.metric, number.unit, table, mask, column
        )
        counted = float((mask * _usable(number.metric, table, column)).sum())
        yield Claim(f"{path}[{i}].n", number.n, counted, 0)


def _claim_series(record: CardRecord, table: pd.DataFrame) -> Iterator[Claim]:
    known = table[np.isfinite(table[Y_TRUE])]
    for i, point in enumerate(record.eval.series):
        rows = known[known[PERIOD_START] == pd.Timestamp(point.period_start)]
        least = rows.groupby(rows[ENTITY].astype(str))[STEP].transform("min")
        rows = rows[rows[STEP] == least]
        columns = {"actual": Y_TRUE, "forecast": Y_PRED, "low": Y_LOW, "high": Y_HIGH}
        if record.eval.practice:
            columns["practice"] = f"{BASELINE}{record.eval.practice}"
        for field, column in columns.items():
            printed = getattr(point, field)
            if printed is not None:
                total = round_total(math.fsum(rows[column]))
                yield Claim(
                    f"eval.series[{i}].{field}", printed, math.nan if total is None else total, 3
                )


def _weigh_groups(
    memberships: Sequence[Membership], table: pd.DataFrame
) -> dict[str, dict[str, np.ndarray]]:
    """Give each row's part in each group, and in each pair of groups."""
    entities = table[ENTITY].astype(str)
    single: dict[str, dict[str, np.ndarray]] = {}
    for membership in memberships:
        unknown = ~entities.isin(membership.weights.index.astype(str)).to_numpy()
        groups = {}
        for group in membership.weights.columns:
            lookup = membership.weights[group].to_dict()
            groups[str(group)] = np.array([lookup.get(e, math.nan) for e in entities])
        unknown |= np.isnan(np.column_stack(list(groups.values()))).any(axis=1)
        groups = {g: np.where(unknown, 0.0, w) for g, w in groups.items()}
        if unknown.any():
            groups[NOT_RECORDED] = groups.get(NOT_RECORDED, np.zeros(len(table))) + unknown
        single[membership.dimension] = groups
    both = dict(single)
    for i, first in enumerate(memberships):
        for second in memberships[i + 1 :]:
            both[f"{first.dimension} * {second.dimension}"] = {
                f"{a} and {b}": v * w
                for a, v in single[first.dimension].items()
                for b, w in single[second.dimension].items()
            }
    return both


def _claim_groups(
    record: CardRecord, table: pd.DataFrame, weights: Mapping[str, Mapping[str, np.ndarray]]
) -> Iterator[Claim]:
    whole = np.ones(len(table))
    for i, result in enumerate(record.fairness.results):
        if result.value is None:
            continue
        path = f"fairness.results[{i}]"
        own = weights[result.dimension][result.group]
        claim = _claim(f"{path}.value", result.value, result.metric, result.unit, table, own)
        yield claim
        n = float((own * _usable("wape", table, Y_PRED)).sum())
        yield Claim(f"{path}.n", result.n, n, 0)
        beside = (
            whole if result.reference == EVERYWHERE else weights[result.dimension][result.reference]
        )
        if result.reference_value is not None:
            yield _claim(
                f"{path}.reference_value",
                result.reference_value,
                result.metric,
                result.unit,
                table,
                beside,
            )
        if result.gap is not None:
            counted = claim.counted - _count(result.metric, table, beside, Y_PRED)
            size = _size(result.metric, table, own, Y_PRED)
            yield Claim(
                f"{path}.gap", result.gap, counted, count_decimals(counted, result.unit, size)
            )


def _split_fold(number: Number) -> tuple[tuple[str, str], str]:
    pair = next((k, v) for k, v in number.slice.items() if k != FOLD)
    return pair, number.slice[FOLD]


def _claim(
    path: str,
    printed: float | None,
    metric: str,
    unit: str,
    table: pd.DataFrame,
    weight: np.ndarray,
    column: str = Y_PRED,
    *,
    coarse: bool = False,
) -> Claim:
    counted = _count(metric, table, weight, column)
    size = None if coarse else _size(metric, table, weight, column)
    decimals = count_decimals(counted, unit, size) if math.isfinite(counted) else 0
    return Claim(path, printed, counted, decimals)


def _size(metric: str, table: pd.DataFrame, weight: np.ndarray, column: str) -> float | None:
    n = float((weight * _usable(metric, table, column)).sum())
    return find_size(metric, n, float((weight * table[Y_TRUE].fillna(0.0)).sum()))


def _usable(metric: str, table: pd.DataFrame, column: str) -> np.ndarray:
    rows = np.isfinite(table[Y_TRUE]) & np.isfinite(table[column])
    if metric in {"coverage", "interval_width"}:
        rows &= np.isfinite(table[Y_LOW]) & np.isfinite(table[Y_HIGH])
    elif metric == "mase":
        rows &= np.isfinite(table[SCALE]) & (table[SCALE] > 0)
    return rows.to_numpy()


def _count(metric: str, table: pd.DataFrame, weight: np.ndarray, column: str) -> float:
    """Count one metric over weighted rows, as its definition says it."""
    kept = _usable(metric, table, column) & (weight > 0)
    rows, w = table[kept], weight[kept]
    y, p = rows[Y_TRUE].to_numpy(), rows[column].to_numpy()
    if match := re.fullmatch(r"error_against_(.+)", metric):
        other = rows[f"{BASELINE}{match.group(1)}"].to_numpy()
        both = np.isfinite(other)
        return _divide((w * abs(p - y))[both], (w * abs(other - y))[both])
    given = rows[f"given.{column}"].fillna(0.0).to_numpy()
    parts = {
        "wape": (abs(p - y), y),
        "mae": (abs(p - y), None),
        "rmse": ((p - y) ** 2, None),
        "bias": (p - y, y),
        "mase": (abs(p - y) / rows[SCALE].to_numpy(), None),
        "under_forecast_share": (np.where(y > p, y - p, 0.0), y),
        "over_forecast_share": (np.where(p > y, p - y, 0.0), y),
        "coverage": ((rows[Y_LOW] <= y).to_numpy() & (y <= rows[Y_HIGH]).to_numpy(), None),
        "interval_width": ((rows[Y_HIGH] - rows[Y_LOW]).to_numpy(), None),
        "unmet_need": (np.where(y > given, y - given, 0.0), y),
        "idle_capacity": (np.where(given > y, given - y, 0.0), given),
    }
    above, below = parts[metric]
    value = _divide(w * above, w if below is None else w * below)
    return math.sqrt(value) if metric == "rmse" else value


def _divide(above: np.ndarray, below: np.ndarray) -> float:
    bottom = math.fsum(below)
    return math.fsum(above) / bottom if bottom > 0 else math.nan
