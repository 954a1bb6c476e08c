"""Proxies: whether the model could guess the groups from its inputs.

A model that is never told a group may still know it. Membership is predicted from the features by
ridge regression, every entity by a fit that never saw it; what is reported is the share of the
differences between entities that is recovered. Whether that is more than chance is judged against
the same under permutation of group labels over the entities, all features together, so that many
features of few entities do not find a proxy by luck. Labels of places cannot be permuted:
neighbours are alike, and two smooth maps resemble each other. There the figure is told without a
verdict.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.assessment.group_recovery import (
    LEAST_ENTITIES,
    SEED,
    Inputs,
    ScaledFold,
    average_entities,
    part_features,
    part_groups,
    recover_dealt,
    recover_groups,
)
from cityai.config.project import BaseProjectSpec
from cityai.findings import Finding, Status, sort_findings
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import say
from cityai.records.groups import Groups, Membership

if TYPE_CHECKING:
    from cityai.data.rows import Rows

CODE = "audit.proxy"
TOGETHER = "all together"
DEALS = 199
"""Permutations of the group labels."""
FEWEST_DEALS = 99
MOST_CELLS = 20_000_000
MOST_ENTITIES = 4_000
"""Of more entities so many are drawn, the same ones every time."""
LEAST_RECOVERED = 0.10
"""Less than this is hardly anything, however sure it is."""
COLUMNS: Final = [
    "dimension",
    "feature",
    "label",
    "recovered",
    "low",
    "high",
    "chance",
    "verdict",
    "entities",
    "reason",
]
FOUND, HARDLY, NOT_SHOWN = "found", "hardly", "not shown"
ON_MAP, UNKNOWN = "on the map", "unknown"
FEW = say("{n:,} entities have a known group; at least {least} are needed to say so.")
ALIKE = say("All entities belong to the groups alike, so there is nothing to recover.")
TOLD_FOUND = say(
    "The inputs tell the groups apart. Together they recover {value:.0%} of the differences between"
    " {n:,} entities ({low:.0%} to {high:.0%}); the most telling one is {feature} ({best:.0%})."
)
TOLD_HARDLY = say(
    "The inputs hardly tell the groups apart. Together they recover {value:.0%} of the differences"
    " between {n:,} entities ({low:.0%} to {high:.0%}); the most telling one is {feature}"
    " ({best:.0%})."
)
TOLD_NOT = say(
    "Nothing shows that the inputs tell the groups apart: together they recover {value:.0%} of the"
    " differences between {n:,} entities ({low:.0%} to {high:.0%}), and by chance {chance:.0%}"
    " would not be rare."
)
TOLD_MAP = say(
    "Together the inputs recover {value:.0%} of the differences between {n:,} entities ({low:.0%}"
    " to {high:.0%}); the most telling one is {feature} ({best:.0%}). Places near each other are"
    " alike, so inputs and groups may both just follow the map: whether one gives the other away"
    " is not judged."
)
TOLD = {FOUND: TOLD_FOUND, HARDLY: TOLD_HARDLY, NOT_SHOWN: TOLD_NOT, ON_MAP: TOLD_MAP}
"""What is said of a dimension, the first verdict that any of its rows has."""
ALONE = say("Each of its values belongs to a single entity, so nothing can be learnt from it.")


@dataclass(frozen=True)
class Proxies:
    """How well features recover group membership."""

    table: pd.DataFrame
    """One row a dimension and feature, and one for all together: `feature`, `label`, `recovered` (1
    for perfectly, 0 for no better than the average), `low`, `high`, `chance` (what the most telling
    of all features exceeds by chance once in twenty), `verdict`, `entities`, `reason` (why there is
    none). A verdict is "found" where the figure exceeds chance, its interval lies above 0 and it is
    at least `LEAST_RECOVERED`; "hardly" where it is less; "on the map" where places cannot be
    judged; else "not shown", or "unknown" without a figure."""
    findings: tuple[Finding, ...]
    """`audit.proxy`, one a dimension. They inform, and have no status of a check."""


def measure_proxies(rows: Rows, groups: Groups, spec: BaseProjectSpec) -> Proxies:
    """Measure how well the model's inputs recover the groups of entities.

    Parameters
    ----------
    rows : Rows
        What the model looks at.
    groups : Groups
        Of entities as a whole every group is one of places; of cases, those by area or entity.
    spec : BaseProjectSpec
        Its dimensions and policy.
    """
    whole, dimensions = groups.keyed_by == "entity", spec.audit.dimensions
    memberships = groups.memberships if whole else groups.list_entities()
    on_map = {n for n, d in dimensions.items() if whole or d.attribute in ("area", "entity")}
    return _find_proxies(rows, memberships, spec.policy.confidence, on_map)


def _find_proxies(
    rows: Rows, memberships: Sequence[Membership], confidence: float, on_map: Container[str] = ()
) -> Proxies:
    """Find how well features recover the groups of each dimension.

    The verdicts of a dimension hold together: each is held against the largest figure of any
    feature under permutation (Westfall and Young 1993, Resampling-Based Multiple Testing).
    """
    inputs = average_entities(rows.table, rows.features, rows.labels)
    see = cache(partial(_see_entities, inputs))
    parts = [
        _judge_dimension(inputs, m, confidence, m.kind != "hard" or m.dimension in on_map, see)
        for m in memberships
    ]
    table = pd.concat([p[0] for p in parts]) if parts else pd.DataFrame(columns=COLUMNS)
    return Proxies(table.reset_index(drop=True), sort_findings(p[1] for p in parts))


@dataclass(frozen=True)
class _Seen:
    """What is seen of some entities: (E, F) columns of each feature, the last of all together."""

    inside: dict[str, np.ndarray]

    @cached_property
    def folds(self) -> list[list[ScaledFold]]:
        """Each feature's folds: whatever the groups are, they are scaled once."""
        return [part_features(part) for part in self.inside.values()]


def _see_entities(inputs: Inputs, shared: tuple[str, ...]) -> _Seen:
    at = inputs.entities.get_indexer(pd.Index(list(shared)))
    inside = {f: block[at] for f, block in inputs.blocks.items() if block.shape[1]}
    inside[TOGETHER] = np.column_stack([np.zeros((len(shared), 0)), *inside.values()])
    return _Seen(inside)


def _judge_dimension(
    inputs: Inputs,
    membership: Membership,
    confidence: float,
    on_map: bool,
    see: Callable[[tuple[str, ...]], _Seen],
) -> tuple[pd.DataFrame, Finding]:
    weights, subject, labels = membership.weights, membership.dimension, inputs.labels
    shared = _draw_entities([e for e in inputs.entities if e in weights.index])
    groups = weights.loc[shared].to_numpy(np.float64)
    seen = see(tuple(shared))
    inside = seen.inside
    n, reason = len(shared), ""
    if n < LEAST_ENTITIES or inside[TOGETHER].shape[1] == 0:
        reason = FEW.format(n=n, least=LEAST_ENTITIES)
    elif ((groups - groups.mean(axis=0)) ** 2).sum() < 1e-9:
        reason = ALIKE
    title = say("Could the groups be guessed from the inputs: {label}", label=membership.label)
    blind = [f for f in inputs.blocks if f not in inside]
    rows: list[tuple[object, ...]] = []
    for name in [*inputs.blocks, TOGETHER] if reason else blind:
        nothing, label = (math.nan,) * 4, labels.get(name, name)
        rows.append((subject, name, label, *nothing, UNKNOWN, n, reason or ALONE))
    if reason:
        table = make_frame(rows, COLUMNS)
        return table, Finding(CODE, Status.NOT_APPLICABLE, title, reason, subject=subject)
    parted = part_groups(groups)
    found = [recover_groups(folds, parted, confidence) for folds in seen.folds]
    chance = math.nan
    if not on_map:
        chance = max(_find_chance(list(inside.values()), groups, confidence), 0.0)
    for name, figures in zip(inside, found, strict=True):
        verdict = ON_MAP if on_map else _judge(figures, chance)
        said = np.clip(figures, 0.0, 1.0)
        rows.append((subject, name, labels.get(name, name), *said, chance, verdict, n, ""))
    table = make_frame(rows, COLUMNS)
    return table, _tell_dimension(table, title, subject, inputs.note)


def _judge(figures: tuple[float, float, float], chance: float) -> str:
    """Judge a figure by chance, by its own interval, and by whether it matters."""
    value, low, _ = figures
    if not (value > chance and low > 0):
        return NOT_SHOWN
    return FOUND if value >= LEAST_RECOVERED else HARDLY


def _draw_entities(entities: list[str]) -> list[str]:
    if len(entities) <= MOST_ENTITIES:
        return entities
    drawn = np.random.default_rng(SEED).choice(len(entities), MOST_ENTITIES, replace=False)
    return [entities[i] for i in np.sort(drawn)]


def _tell_dimension(table: pd.DataFrame, title: str, subject: str, note: str) -> Finding:
    whole, single = table.iloc[-1], table.iloc[:-1]
    best = single.iloc[int(np.nanargmax(single["recovered"].to_numpy(np.float64)))]
    verdict = next(v for v in TOLD if (table["verdict"] == v).any())
    reason = TOLD[verdict].format(
        **{name: whole[name] for name in ("low", "high", "chance")},
        value=whole["recovered"],
        n=int(whole["entities"]),
        feature=best["label"],
        best=best["recovered"],
    )
    reason += note + " " + say("No limit is declared.")
    observed = float(whole["recovered"])
    return Finding(CODE, Status.NOT_APPLICABLE, title, reason, observed, None, "share", subject)


def _find_chance(parts: Sequence[np.ndarray], groups: np.ndarray, confidence: float) -> float:
    """Find the share that the most telling features seldom recover under permuted labels."""
    deals = int(np.clip(MOST_CELLS // max(groups.size, 1), FEWEST_DEALS, DEALS))
    rng = np.random.default_rng(SEED + 1)
    dealt = np.stack([groups[rng.permutation(len(groups))] for _ in range(deals)])
    # With the real deal among them, so many may be larger that chance alone stays within bounds.
    allowed = math.floor((1 - confidence) * (deals + 1))
    most = recover_dealt(parts, dealt).max(axis=0)
    return float(np.sort(most)[::-1][max(allowed - 1, 0)])
