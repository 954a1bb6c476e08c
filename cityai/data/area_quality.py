"""The quality of the data of areas: worse than the city's, of no known area, or silent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import EVERYWHERE, NOT_RECORDED
from cityai.config.project import AuditableSpec, ProjectSpec
from cityai.data.outages import Silence, find_areas, find_silences, mark_reports
from cityai.data.phrases import list_names, write_share
from cityai.data.quality_facts import UNKNOWN_AREA
from cityai.findings import Finding, Status
from cityai.i18n.messages import count_periods, join, say, say_n
from cityai.records.events import Events

SURE: Final = 3.0
"""Standard errors by which an area must differ from the city."""
_APART: Final = 5
"""Silences with a finding of their own; those of fewer areas share one."""


def compare_areas(measures: pd.DataFrame, spec: AuditableSpec) -> Iterator[Finding]:
    """Say for each measure which areas' figures are clearly worse than the city's."""
    limit = spec.policy.quality.area_gap
    keys = ["dimension", "measure"]
    city = measures[measures["slice"] == EVERYWHERE].set_index(keys)["value"].rename("city")
    is_area = ~measures["slice"].isin([EVERYWHERE, NOT_RECORDED]) & measures["limit"].notna()
    areas = measures[is_area & (measures["n"] >= spec.policy.small_cell)].join(city, on=keys)
    areas = areas.assign(gap=areas["city"] - areas["value"])
    # The city's share stands in for the area's own, so that an area of 0 % has an error too.
    error = np.sqrt((areas["city"] * (1 - areas["city"])).clip(lower=0) / areas["n"])
    bad = areas[(areas["gap"] > limit) & (areas["gap"] > SURE * error)]
    title = say("Data of areas compared with the city's")
    for (_, measure), rows in bad.groupby(keys, sort=False):
        ranked = rows.sort_values(["gap", "slice"], ascending=[False, True]).to_dict("records")
        named = [
            join(
                "",
                (
                    r["slice"],
                    " (",
                    say("{share} of {n:,}", share=write_share(r["value"]), n=r["n"]),
                    ")",
                ),
            )
            for r in ranked
        ]
        yield Finding(
            "quality.area_gap",
            Status.FAIL,
            title,
            say(
                "Clearly more than {limit:.0%} under the {city} of the city, {measure}: {named}.",
                limit=limit,
                city=write_share(ranked[0]["city"]),
                measure=measure,
                named=list_names(named),
            ),
            float(ranked[0]["gap"]),
            limit,
            "share",
            str(measure),
        )
    if bad.empty:
        yield Finding(
            "quality.area_gap",
            Status.PASS,
            title,
            say(
                "No area's figure lies clearly more than {limit:.0%} under the city's.", limit=limit
            ),
            max(float(areas["gap"].max()), 0.0) if len(areas) else None,
            limit,
            "share",
        )


def count_unknown(facts: pd.DataFrame) -> Finding:
    """Count rows that name an area which is in no area table; what they name may be any text."""
    facts = facts[facts["fact"] == UNKNOWN_AREA]
    whole = facts[facts["slice_kind"] == "overall"].iloc[0]
    codes, rows, kept = int(whole["figure"]), int(whole["total"]), int(whole["good"])
    title = say("Areas of the data in the area table")
    if not rows:
        reason = say("Every area that a row names is in the area table.")
        return Finding("quality.unknown_area", Status.PASS, title, reason, 0.0, 0.0, "rows")
    naming = say_n("{n:,} row names", "{n:,} rows name", rows)
    reason = say_n(
        "{naming} {n:,} area that is not in the area table ({kept:,} of them accepted).",
        "{naming} {n:,} areas that are not in the area table ({kept:,} of them accepted).",
        codes,
        naming=naming,
        kept=kept,
    )
    # Rows that are refused anyway are counted as refused, and spoil nothing that was used.
    status = Status.FAIL if kept else Status.NOT_APPLICABLE
    return Finding("quality.unknown_area", status, title, reason, float(kept), 0.0, "rows")


def list_unknown(facts: pd.DataFrame) -> str:
    """Name what `count_unknown` counts: for the terminal of those who work with the data alone."""
    facts = facts[facts["fact"] == UNKNOWN_AREA]
    single = facts[facts["slice_kind"] == "code"]
    named = [f"{code} ({n:,})" for code, n in zip(single["slice"], single["total"], strict=True)]
    return list_names(named, int(facts["figure"].max())) if named else ""


def find_silent_areas(snapshot: Events, spec: ProjectSpec) -> Iterator[Finding]:
    """Name the areas that sent no row for much longer than is their way, and when."""
    reports = mark_reports(snapshot)
    count, freq = snapshot.periods.count, spec.question.period
    # An area of one entity that is silent at the end is a silent entity, and said to be one.
    alone = find_areas(snapshot).value_counts().eq(1)
    silences = [
        s
        for s in find_silences(reports)
        if s.end < count or not all(bool(alone[area]) for area in s.areas)
    ]
    silences.sort(key=lambda s: (-len(s.areas), s.first, s.end))
    code, title = "quality.silent_area", say("Areas without a row for long")
    if not silences:
        reason = say(
            "None of {reports:,} areas was silent for much longer than is its way.",
            reports=len(reports),
        )
        yield Finding(code, Status.PASS, title, reason, 0.0, 0.0, "areas")
        return
    for silence in silences[:_APART]:
        yield Finding(
            code,
            Status.FAIL,
            title,
            say(
                "{areas:,} of {reports:,} areas sent no row from {silence} ({end}), more "
                "than twice as long as ever else: {areas2}.",
                areas=len(silence.areas),
                reports=len(reports),
                silence=_write_span(silence, snapshot),
                end=count_periods(silence.end - silence.first, freq),
                areas2=list_names(snapshot.call_places(silence.areas)),
            ),
            float(len(silence.areas)),
            0.0,
            "areas",
            _write_span(silence, snapshot),
        )
    if others := silences[_APART:]:
        yield _sum_up(others, snapshot, code, title)


def _sum_up(others: Sequence[Silence], snapshot: Events, code: str, title: str) -> Finding:
    named = [
        join("", (list_names(snapshot.call_places(s.areas)), " (", _write_span(s, snapshot), ")"))
        for s in sorted(others, key=lambda s: (s.first - s.end, s.first))
    ]
    areas = {area for s in others for area in s.areas}
    reason = say(
        "{others:,} other silences of {areas:,} areas: {named}.",
        others=len(others),
        areas=len(areas),
        named=list_names(named),
    )
    return Finding(code, Status.FAIL, title, reason, float(len(areas)), 0.0, "areas", "others")


def _write_span(silence: Silence, snapshot: Events) -> str:
    last = snapshot.periods.start(silence.end) - pd.Timedelta(days=1)
    return say(
        "{first:%Y-%m-%d} to {last:%Y-%m-%d}",
        first=snapshot.periods.start(silence.first),
        last=last,
    )
