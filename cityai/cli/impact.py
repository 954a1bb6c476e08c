"""`cityai evaluate`: what acting on the predictions changed, from the design to the decision."""

from __future__ import annotations

import math
import textwrap
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cityai.cli.console import measure_width, open_project, tell, tell_progress

if TYPE_CHECKING:
    import pandas as pd

    from cityai.impact.analysis import Analysis, Impact, Sealed
    from cityai.impact.records import Effect
    from cityai.pipeline.impact.actions import Followed
    from cityai.pipeline.impact.design import Designed

evaluate = typer.Typer(
    name="evaluate",
    help="Find out what acting on the predictions changed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Named = Annotated[Path, typer.Argument(metavar="PROJECT", help="Folder of the project.")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Lists from this day on.")]
Which = Annotated[
    str, typer.Option("--evaluation", metavar="NAME", help="Which, where there are several.")
]
Key = Annotated[Path, typer.Option("--key", envvar="CITYAI_KEY", help="File of the private key.")]
HIDDEN = "too few to show"
REASONS = 12
"""How many reasons why something was not done are listed, the most frequent first."""
WHOM = {
    "discontinuity": "chosen, at the cut-off",
    "stepped wedge": "places whose turn had come",
    "synthetic": "places in which it began",
    "interrupted": "places in which it began",
    "before after": "places in which it began",
}
"""Whose effect the first figure of a design is, where it is not of those whom chance chose."""
LIMITS = {
    "discontinuity": "It holds for those at the cut-off: of those far above or below it, it says "
    "nothing. It holds while nobody moves a case across the cut-off; nobody can see that here.",
    "stepped wedge": "An effect that grows with the time since the start is averaged, with weights "
    "that may mislead.",
    "synthetic": "What else changed in those places alone is part of it. The interval is that of "
    "the same estimate among places in which nothing began.",
    "interrupted": "Whatever else changed at that time is part of it. The interval is that of the "
    "same estimate at earlier times, when nothing began.",
}
"""What a design's figures do not say."""


Taken = Literal["scale", "change", "stop"]
"""What a city does with what was found."""


@evaluate.command("design")
def design(project: Named, evaluation: Which = "") -> None:
    """Show which designs fit, what each can tell, and what it costs."""
    loaded = open_project(project)
    with tell_progress() as progress:
        from cityai.pipeline.impact.design import design_evaluation

        designed = design_evaluation(loaded, evaluation, progress)
    _tell_all(_tell_designs(designed))


@evaluate.command("plan")
def plan(
    project: Named,
    evaluation: Which = "",
    key: Annotated[
        Path | None,
        typer.Option("--key", envvar="CITYAI_KEY", help="Who seals it signs with this key."),
    ] = None,
) -> None:
    """Seal the evaluation before its first outcome: it is announced."""
    from cityai.config.evaluations import find_plan, name_choice

    loaded = open_project(project)
    with tell_progress() as progress, progress.stage("Seal the plan"):
        from cityai.pipeline.impact.plan import seal_plan

        sealed = seal_plan(loaded, evaluation, key)
    spec, made, name = sealed.spec, sealed.plan, loaded.folder.name
    where = find_plan(loaded, sealed.name).relative_to(loaded.folder.parent)
    lines = [
        f"Sealed on {made.day}, before the first outcome: {where}",
        f"seal {made.seal}",
        "",
        *(
            _tell_starts(made.places)
            if spec.of_places
            else [
                f"From {spec.starts} on, for {spec.weeks} weeks: cityai predict {name} --assign "
                "--as-of DAY"
            ]
        ),
        f"From {spec.mature} on: cityai evaluate analyse {name_choice(loaded, sealed.name)}",
        f"Publish the file now (commit it). A change of a byte of it, or of {sealed.name}.yaml, "
        "and nothing is analysed as planned.",
    ]
    if spec.draw:
        asked = name_choice(loaded, sealed.name)
        lines.insert(
            3,
            f"On {spec.draw.on}, {spec.draw.by} signs what this gave ({spec.draw.source}): "
            f"cityai evaluate draw {asked} --chance TEXT --key FILE --reason TEXT",
        )
    _tell_all(lines)


@evaluate.command("draw")
def draw(
    project: Named,
    chance: Annotated[str, typer.Option("--chance", help="What the public source gave.")],
    key: Key,
    reason: Annotated[str, typer.Option("--reason", help="Where it was read, in a sentence.")],
    evaluation: Which = "",
) -> None:
    """Sign what the plan's public source of chance gave: lots follow."""
    from cityai.cli.review import write_link
    from cityai.pipeline.impact.govern import draw_chance
    from cityai.pipeline.impact.plan import open_plan

    link = draw_chance(open_plan(open_project(project), evaluation), chance, key=key, reason=reason)
    tell(write_link(link, measure_width()))
    _tell_all([f"head {link.digest}", "Lists can be drawn now: cityai predict --assign"])


def _tell_starts(places: dict[str, str]) -> list[str]:
    """Say where it begins on which day."""
    days = sorted({day for day in places.values() if day})
    begun = [f"{day}: {', '.join(n for n in places if places[n] == day)}" for day in days]
    others = [name for name, day in places.items() if not day]
    held = [f"held against: {', '.join(others)}"] * bool(others)
    return ["It begins in:", *(f"  {line}" for line in [*begun, *held])]


@evaluate.command("actions")
def actions(
    project: Named,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or Parquet: what was done.")],
    evaluation: Which = "",
) -> None:
    """Take in what was really done: when, by which role, why not."""
    loaded = open_project(project)
    with tell_progress() as progress, progress.stage("Hold it against the assignments"):
        from cityai.pipeline.impact.actions import record_actions
        from cityai.pipeline.impact.plan import open_plan

        followed = record_actions(open_plan(loaded, evaluation), file)
    _tell_all(_tell_followed(followed))


@evaluate.command("analyse")
def analyse(
    project: Named,
    outcome: Annotated[
        str, typer.Option("--outcome", help="Another column of the outcome's table: not planned.")
    ] = "",
    since: Day = None,
    until: Day = None,
    evaluation: Which = "",
) -> None:
    """Tell what it changed: by the sealed plan, or marked as not."""
    from cityai.config.evaluations import name_choice

    loaded = open_project(project)
    with tell_progress() as progress, progress.stage("Analyse"):
        from cityai.pipeline.impact.analyse import Asked, analyse_evaluation

        days = [day.date() if day else None for day in (since, until)]
        made = analyse_evaluation(loaded, Asked(outcome, *days), evaluation)
    _tell_all(tell_analysis(made, name_choice(loaded, made.sealed.name)))


@evaluate.command("decide")
def decide(
    project: Named,
    decision: Annotated[Taken, typer.Argument(metavar="DECISION", help="scale, change or stop.")],
    key: Key,
    reason: Annotated[str, typer.Option("--reason", help="Why, in a sentence.")],
    evaluation: Which = "",
) -> None:
    """Sign what the city does with what was found; "stop" ends its use."""
    from cityai.cli.review import write_link
    from cityai.pipeline.impact.govern import decide as sign

    part, link = sign(project, decision, key=key, reason=reason, name=evaluation)
    tell(write_link(link, measure_width()))
    assert part.found is not None  # noqa: S101 - without it nothing is signed
    harm = part.found.direction == "harmful"
    lines = [f"It was found: {'it does harm' if harm else part.found.word}."]
    if decision == "stop":
        lines.append("Nothing is in use any more, in no phase.")
    _tell_all([*lines, f"head {link.digest}", "The card and the portfolio show it now."])


def _tell_designs(designed: Designed) -> list[str]:
    """Say what each design promises, a row each, and below the table what is to be known of it."""
    spec = designed.spec
    scale, unit = (100.0, " points") if designed.share else (1.0, "")
    tried = f"{designed.cases:,} cases in {designed.lists:,} past lists"
    if spec.of_places:
        tried = f"{designed.cases:,} places in {designed.lists:,} past periods"
    row = "{:<15}{:>7}{:>14}{:>9}{:>14}"
    lines = [
        f"Tried on {tried}. An effect of {scale * spec.smallest:+.3g}{unit} in {spec.weeks} weeks:",
        "",
        row.format("design", "power", "detectable", "weeks", "waits a week"),
    ]
    for option in designed.options:
        figures = [
            _write_plain(option.power, "{:.0%}"),
            _write_plain(option.detectable * scale, "{:.3g}" + unit),
            "over 52" if math.isinf(option.weeks) else _write_plain(option.weeks, "{:.0f}"),
            _write_plain(option.price, "{:+.2f}"),
        ]
        lines.append(row.format(option.design, *(figures if option.fits else ["no", "", "", ""])))
    lines += ["", *(f"{o.design}: {o.reason}" for o in designed.options if o.reason)]
    lines += [
        "",
        "power: how often so large an effect would be told from none. detectable: what four of "
        "five such evaluations would tell. weeks: until they tell the effect above. waits a week: "
        f"how many more cases ({spec.outcome.label}) are left unserved for its sake.",
    ]
    if not designed.own:
        lines.append(
            "No outcome of the evaluation was measured yet: that of the question stands in."
        )
    return lines


def _write_plain(value: float, form: str) -> str:
    return form.format(value) if math.isfinite(value) else "-"


def _tell_all(lines: list[str]) -> None:
    width = measure_width()
    for line in lines:
        if len(line) <= width:
            tell(line.rstrip())
            continue
        # A command or a path that is cut at its hyphen cannot be copied.
        wrapped = textwrap.wrap(
            line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
        tell("\n".join(wrapped))


def _tell_followed(followed: Followed) -> list[str]:
    told, rates = followed.told, followed.rates
    what = "places" if "unit" in told else "cases"
    lines = [f"{len(told):,} {what} told of, {int(told['done'].sum()):,} done"]
    if followed.untold:
        lines.append(f"{followed.untold:,} more were assigned: not told of, counted as not done")
    for name, group, arm, n, share in rates.itertuples(index=False, name=None):
        whom = f"{name} {group}, {arm}" if name else f"all, {arm}"
        lines.append(f"  {whom:<34} followed: {f'{share:.0%} of {n:,}' if n >= 0 else HIDDEN}")
    missed = told.loc[told["done"] == 0, "why_not"].value_counts()
    shown = [f"  {_shorten(str(why)):<34} {n:,}" for why, n in missed[:REASONS].items()]
    rest = [f"  {missed[REASONS:].sum():,} for other reasons"] * (len(missed) > REASONS)
    return [*lines, *["why not:"] * bool(shown), *shown, *rest]


def _shorten(text: str) -> str:
    """Write what somebody typed on one line that is not too long."""
    line = " ".join(text[:200].split())
    return line if len(text) <= 60 else f"{line[:59]}…"


def tell_analysis(impact: Impact, name: str) -> list[str]:
    """Say what was found, in lines."""
    sealed, made = impact.sealed, impact.analysis
    assert made is not None  # noqa: S101 - it was just made
    head = f"Planned: sealed on {sealed.sealed_on}, before the first outcome."
    if not made.planned:
        head = "AFTER SEEING THE DATA: this was not planned. It may give ideas, and proves nothing."
    elif not made.same_code:
        head += " The program has changed since."
    effect = made.effect
    lines = [head, sealed.question, "", f"{made.verdict.word.upper()}{_tell_more(made)}", ""]
    told = {
        WHOM.get(sealed.design, "assigned to be served"): _tell_effect(effect, sealed),
        "served, of those who follow": _tell_effect(made.treated, sealed),
        "smallest effect worth having": _write(sealed.smallest, sealed),
    }
    for one in made.groups:
        shown = HIDDEN if one.effect is None else _tell_effect(one.effect, sealed)
        told[f"{one.dimension} {one.group}"] = shown
    lines += [f"  {label:<34} {said}" for label, said in told.items()]
    share = "points: " * sealed.is_share + sealed.label
    places = "period" in made.rows
    whom = f"{made.rows['unit'].nunique():,} places" if places else f"{effect.n:,} who took part"
    lines += ["", f"In {share}, from {whom} in {made.weeks} weeks."]
    if made.planned and made.weeks < sealed.weeks:
        lacks = "nothing was measured in others" if places else "the lists of others are not there"
        lines.append(f"{sealed.weeks} weeks were announced: {lacks}.")
    lines += [f"{effect.method}. {effect.reason}".strip(), *_tell_probe(made.probe)]
    lines += [LIMITS[sealed.design]] if sealed.design in LIMITS else []
    if made.planned:
        lines.append(
            f"Next: cityai run {name.partition(' ')[0]} puts it on the card, then "
            f"{sealed.who_decides} decides: cityai evaluate decide {name} scale|change|stop --key "
            "FILE --reason TEXT"
        )
    return lines


def _tell_probe(probe: pd.DataFrame) -> list[str]:
    """Say what visits drawn by chance tell of everybody; nothing without a random probe."""
    from cityai.card.impact_words import PROBED_WORDS

    if probe.empty:
        return []
    lines = ["", "By visits drawn by chance, also where nobody would have looked:"]
    columns = ["dimension", "group", "metric", "value", "low", "high", "reason"]
    shown, few = probe.loc[probe["metric"].isin(list(PROBED_WORDS)), columns], 0
    for name, group, metric, value, low, high, reason in shown.itertuples(index=False, name=None):
        if reason and name != group:
            few += 1
            continue
        whom = "all" if name == group else f"{name} {group}"
        if metric == "calibration_in_the_large":  # a difference of shares: points
            said = reason or f"{100 * value:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"
        else:
            said = reason or f"{value:.1%} ({low:.1%} to {high:.1%})"
        word = PROBED_WORDS[metric]
        lines.append(f"  {f'{whom}: {word[:1].lower()}{word[1:]}':<46} {said}")
    return [*lines, *([f"  {few} figures of groups: {HIDDEN}, or to tell"] if few else [])]


def _tell_more(made: Analysis) -> str:
    more = made.verdict.more_periods
    if not made.effect.known:
        return f": {made.verdict.reason.partition(';')[0]}"
    if made.verdict.word != "cannot tell":
        return f", {made.verdict.direction}" * (made.verdict.direction != "open")
    if more != more or more == float("inf"):
        return "; more weeks like these would not settle it"
    return f": about {more:,.0f} more weeks settle it"


def _tell_effect(effect: Effect, sealed: Sealed) -> str:
    if effect.estimate is None or effect.low is None or effect.high is None:
        return f"not known: {effect.reason}"
    ends = f"{_write(effect.low, sealed)} to {_write(effect.high, sealed)}"
    return f"{_write(effect.estimate, sealed)} ({ends})"


def _write(value: float, sealed: Sealed) -> str:
    return f"{100 * value:+.1f}" if sealed.is_share else f"{value:+.3g}"
