"""Amounts below 0 that a city's own models forecast, where nothing can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cityai.findings import Finding, Status
from cityai.i18n.messages import say


def judge_negative(
    negative: Mapping[tuple[str, str], int], names: Sequence[str]
) -> tuple[Finding, ...]:
    """Say how many forecasts of a city's own models lay below 0 where nothing can.

    Parameters
    ----------
    negative : mapping of (str, str) to int
        Such rows, by candidate and moment.
    names : sequence of str
        The city's own candidates.
    """
    own = {key: count for key, count in negative.items() if key[0] in names}
    if not own:
        return ()
    title = say("The city's own models forecast no amount below 0")
    count = sum(own.values())
    (name, moment), most = max(own.items(), key=lambda item: (item[1], item[0]))
    reason = say(
        "{count:,} forecasts lay below 0, though nothing measured ever did; they "
        "were taken as 0. Most were of {name} at {moment}, in predict: {most:,}.",
        count=count,
        name=name,
        moment=moment,
        most=most,
    )
    found = float(count)
    return (Finding("models.negative", Status.FAIL, title, reason, found, 0.0, "rows", name),)
