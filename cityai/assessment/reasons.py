"""Reasons: what moved a single prediction, in plain words. Never a cause."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd

from cityai.assessment.explain import find_families
from cityai.i18n.frames import make_frame
from cityai.modeling.drivers import Drivers

TOP: Final = 5
"""Reasons told of each prediction."""
LEAST_BACKGROUND: Final = 50
"""Rows from which on it can be seen which features move together."""
MOST_BACKGROUND: Final = 4000
SMALL: Final = 0.02
"""Share of a row's movement below which a reason is not worth telling."""

NOT_A_CAUSE: Final = (
    "These are the things that the model looked at, and what they did to its figure. They are not "
    "causes: changing one of them need not change the outcome, and what is not listed may matter "
    "more."
)
NO_REASONS: Final = (
    "No part of this model can be taken apart feature by feature, so no reasons are given."
)
COLUMNS: Final = (
    "row", "place", "feature", "label", "members", "value", "effect", "sensitive", "sentence",
)  # fmt: skip


class Effect(Protocol):
    """Says what a part did, in words: ``raises the chance``."""

    def __call__(self, part: float) -> str:
        """Return the words for a part of a prediction."""


@dataclass(frozen=True, slots=True, eq=False)
class Reasons:
    """What moved each prediction most."""

    table: pd.DataFrame
    """One row a prediction and reason: ``row`` (position of the prediction), ``place`` (from 1),
    ``feature``, ``label``, ``members`` (how many features move together under it), ``value`` (as
    told), ``effect`` (its part), ``sensitive`` (why a feature that stands close to a protected
    group is used; empty for others), ``sentence``."""
    caveat: str
    """What the reasons do not say."""
    note: str
    """How much of the prediction they speak for."""

    def list_sentences(self, row: int) -> tuple[str, ...]:
        """Return the sentences of one prediction, the weightiest first."""
        own = self.table[self.table["row"] == row].sort_values("place", kind="stable")
        return tuple(own["sentence"])


def tell_reasons(
    drivers: Drivers, effect: Effect, *, sensitive: Mapping[str, str] | None = None
) -> Reasons:
    """Tell what moved each prediction most, the near-duplicates taken together.

    Parameters
    ----------
    drivers : Drivers
        The parts of each prediction.
    effect : Effect
        Words for a part.
    sensitive : mapping of str to str, optional
        Features that stand close to a protected group, with the reason why they are used.

    Notes
    -----
    Features that move together share their parts by chance, so their sum is told under the name
    of the weightiest (as `cityai.assessment.explain.find_families` does for a whole model).
    """
    parts = drivers.parts
    if parts.shape[1] == 0:
        return Reasons(pd.DataFrame(columns=list(COLUMNS)), NOT_A_CAUSE, NO_REASONS)
    families = _group(drivers)
    joint = np.column_stack([parts[list(m)].sum(axis=1).to_numpy() for m in families.values()])
    leads, told = list(families), dict(sensitive or {})
    most = np.argsort(-np.abs(joint), axis=1, kind="stable")[:, :TOP]
    total = np.abs(joint).sum(axis=1)
    rows: list[dict[str, Any]] = []
    for i in range(len(parts)):
        place = 0
        for j in most[i]:
            part, lead = float(joint[i, j]), leads[j]
            if total[i] == 0 or abs(part) < SMALL * total[i]:
                continue
            place += 1
            value = write_value(drivers.data[lead].iloc[i])
            label = drivers.labels.get(lead, lead)
            why = next((told[m] for m in families[lead] if m in told), "")
            rows.append(
                {
                    "row": i,
                    "place": place,
                    "feature": lead,
                    "label": label,
                    "members": len(families[lead]),
                    "value": value,
                    "effect": part,
                    "sensitive": why,
                    "sentence": _write(label, value, len(families[lead]), effect(part), why),
                }
            )
    note = ""
    if drivers.weight < 0.999:
        note = f"The reasons speak for {drivers.weight:.0%} of the figure, the part made by trees."
    return Reasons(make_frame(rows, COLUMNS), NOT_A_CAUSE, note)


def write_value(value: Any) -> str:
    """Return a feature's value as a reader takes it: ``3``, ``0.25``, ``not known``."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "not known"
    if not isinstance(value, int | float | np.integer | np.floating):
        return str(value)
    number = float(value)
    if not math.isfinite(number):
        return "not known"
    if abs(number - round(number)) < 1e-6 * max(abs(number), 1.0) and abs(number) < 1e15:
        return f"{round(number):,}"
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def tell_chance(part: float) -> str:
    """Say what a part on the log-odds does to the chance."""
    return "raises the chance" if part > 0 else "lowers the chance"


def tell_amount(unit: str) -> Effect:
    """Return how a part of an amount is told, in its unit."""

    def tell(part: float) -> str:
        size = abs(part)
        digits = 0 if size >= 100 else 1 if size >= 1 else 2
        return f"{'raises' if part > 0 else 'lowers'} the forecast by {size:,.{digits}f} {unit}"

    return tell


def _write(label: str, value: str, members: int, effect: str, sensitive: str) -> str:
    others = members - 1
    with_it = f" (with {others} more that move with it)" if others else ""
    said = f"{label}: {value}{with_it}; {effect}"
    return f"{said}. Close to a protected group: {sensitive}" if sensitive else said


def _group(drivers: Drivers) -> dict[str, tuple[str, ...]]:
    parts, background = drivers.parts, drivers.background
    if len(background) < LEAST_BACKGROUND:
        return {str(name): (str(name),) for name in parts.columns}
    step = max(len(background) // MOST_BACKGROUND, 1)
    return find_families(background.iloc[::step], parts.abs().mean())
