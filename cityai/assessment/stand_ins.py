"""What is said of a baseline that has nothing to repeat for some of the forecasts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from cityai.assessment.baseline_words import label_baseline, name_baseline
from cityai.config.project import ProjectSpec
from cityai.findings import Finding, Status
from cityai.i18n.messages import capitalize, say

STAND_IN: Final = "backtest.stand_in"
MOST: Final = 0.05
"""Share of the forecasts from which on a comparison is not what its name says."""


def judge_stand_ins(
    counted: Mapping[str, int], rows: int, stand_in: str, spec: ProjectSpec
) -> Iterator[Finding]:
    """Say for how many forecasts a baseline has nothing to repeat; nothing where it always has.

    Parameters
    ----------
    counted : mapping of str to int
        From `cityai.modeling.stand_ins.count_stand_ins`.
    rows : int
        Forecasts that were scored.
    stand_in : str
        Name of the baseline that stands in.
    spec : ProjectSpec
        Its ``question`` gives the baselines their names.
    """
    period = spec.question.period
    for name, count in counted.items():
        if not count:
            continue
        label = label_baseline(name, spec)
        reason = say(
            "{label} is not in the history for {count:,} of {rows:,} forecasts of the tests: "
            "{other} stands in for it there, and figures of it are partly of that.",
            label=label,
            count=count,
            rows=rows,
            other=name_baseline(stand_in, period),
        )
        yield Finding(
            STAND_IN,
            Status.NOT_ENOUGH if count >= MOST * rows else Status.PASS,
            say("A history long enough for {label}", label=label),
            capitalize(reason),
            count / rows,
            MOST,
            "share",
            name,
        )
