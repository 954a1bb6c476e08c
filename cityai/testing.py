"""The kit that a city's own tests call: one line a project.

    from cityai.testing import check_project

    def test_project():
        check_project("projects/my_requests")

What it cannot tell: whether a declared moment of knowledge (`data.known`) is true; whether the
source was changed after the fact; whether the groups are the right ones; whether the words of the
card are true. These need people.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cityai.findings import Finding, Status, sort_findings

if TYPE_CHECKING:
    import pandas as pd

    from cityai.config.load import Project
    from cityai.config.project import BaseProjectSpec
    from cityai.modeling.backtest import Backtest

__all__ = ["Checkup", "check_project", "check_workspace"]

LIMITS: Final = (
    "The kit cannot tell whether the declared moments of knowledge are true, whether the source "
    "was changed after the fact, whether the groups are the right ones, or whether the card's "
    "words are true."
)
EARLY: Final = ("planned", "design", "development")
"""Phases in which gaps of the card are told and allowed."""
_SHARES: Final = 1e-9


@dataclass(frozen=True)
class Checkup:
    """What the kit found.

    Attributes
    ----------
    project : str
        Name of the project.
    findings : tuple of Finding
        One a check, the gravest first.
    """

    project: str
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The checks that failed."""
        return tuple(f for f in self.findings if f.status in (Status.FAIL, Status.ERROR))

    def __str__(self) -> str:
        lines = [f"{self.project}: {len(self.findings)} checks, {len(self.failed)} failed"]
        lines += [f"  {f.status.value:<20} {f.title}: {f.reason}" for f in self.findings]
        return "\n".join([*lines, f"  {LIMITS}"])


def check_project(folder: str | Path, folds: int | None = None) -> Checkup:
    """Check that a project keeps its promises about time, groups and its card.

    What a run of the project would do, or has done, up to its predictions; then once more from the
    start, to compare. Nothing is published.

    Parameters
    ----------
    folder : str or Path
        The project's folder.
    folds : int, optional
        Test folds instead of the project's own: a few hold every promise in a part of the time.

    Returns
    -------
    Checkup
        Every check and its outcome; also printed by its ``str``.

    Raises
    ------
    AssertionError
        When a check fails, with all of them.
    UserError
        When the project or its data cannot be read.
    """
    from cityai.assessment.audit import audit_predictions
    from cityai.assessment.mitigation import apply_choice
    from cityai.config.load import load_project
    from cityai.data.time_checks import check_permuted, check_planted
    from cityai.pipeline.known import snapshot
    from cityai.pipeline.run import (
        final_backtest,
        find_mitigation,
        memberships,
        problem,
        read_and_check,
    )
    from cityai.pipeline.stage import hold_run

    project = load_project(folder)
    spec = project.spec
    if folds is not None:
        fewer = spec.backtest.model_copy(update={"folds": folds})
        spec = spec.model_copy(update={"backtest": fewer})
        project = replace(project, spec=spec)
    with hold_run(project) as run:
        findings = read_and_check(run)
        source, groups = snapshot(run), memberships(run)
        kind, asked, made, tried = (
            run.fitted,
            problem(run),
            final_backtest(run),
            find_mitigation(run),
        )
    again = kind.backtest(source, kind.build_problem(source))
    if tried is not None:
        again = apply_choice(again, tried)
    audit = audit_predictions(made.predictions, groups, spec)
    rows = kind.find_rows(source, asked)
    checkup = Checkup(
        spec.name,
        sort_findings(
            (
                *findings,
                check_permuted(rows, spec.models.seed),
                _expect_leak(check_planted(rows)),
                _check_grain(made.predictions.table),
                _check_repeat(made.predictions.table, again.predictions.table),
                _check_sums(audit.table, audit.dimensions),
                _check_sensitive(project, made),
                _check_card(project),
            )
        ),
    )
    assert not checkup.failed, str(checkup)  # noqa: S101 - this is the kit's way to fail a test
    return checkup


def check_workspace(folder: str | Path) -> tuple[str, ...]:
    """Check that a workspace's city, policy and every project can be read.

    Returns
    -------
    tuple of str
        Names of the projects.

    Raises
    ------
    UserError
        For the first file that does not hold what it should.
    """
    from cityai.config.load import load_project
    from cityai.kinds import open_kind

    found = []
    for path in sorted(Path(folder).glob("projects/*/project.yaml")):
        project = load_project(path.parent)
        open_kind(project).check()
        found.append(project.spec.name)
    return tuple(found)


def _expect_leak(found: Finding) -> Finding:
    title = "A planted leak is caught"
    if found.status is Status.FAIL:
        return Finding("kit.leak", Status.PASS, title, "A feature that is the answer was found.")
    if found.status is Status.NOT_ENOUGH:
        return Finding("kit.leak", Status.NOT_ENOUGH, title, found.reason)
    return Finding("kit.leak", Status.FAIL, title, f"It was not: {found.reason}")


def _check_grain(table: pd.DataFrame) -> Finding:
    key = [c for c in ("fold", "case_id", "entity_id", "step") if c in table]
    key = ["fold", "case_id"] if "case_id" in key else key
    twice = int(table.duplicated(key).sum())
    title, said = "One row a question", f"{len(table):,} predictions, one each by {', '.join(key)}"
    if twice:
        return Finding("kit.grain", Status.FAIL, title, f"{twice:,} predictions occur twice.")
    return Finding("kit.grain", Status.PASS, title, f"{said}.")


def _check_repeat(first: pd.DataFrame, second: pd.DataFrame) -> Finding:
    title = "The same seed gives the same predictions"
    if first.equals(second):
        return Finding("kit.repeat", Status.PASS, title, "Two backtests agree to the last bit.")
    return Finding("kit.repeat", Status.FAIL, title, "Two backtests with the same seed differ.")


def _check_sums(table: pd.DataFrame, dimensions: pd.DataFrame) -> Finding:
    """Groups of people or places add up to everybody, those not recorded included."""
    title = "Groups add up to the whole"
    whole = table.loc[table["dimension"] == "overall", "n"].max()
    for name in dimensions["dimension"]:
        rows = table[table["dimension"] == name]
        parts = rows.groupby("group")["n"].max()
        if parts.isna().any():
            continue
        if abs(float(parts.sum()) - float(whole)) > _SHARES * max(float(whole), 1.0):
            reason = f"The groups of '{name}' hold {parts.sum():,.3f} of {whole:,.0f} rows."
            return Finding("kit.sums", Status.FAIL, title, reason)
    count = len(dimensions)
    reason = f"{count} dimensions add up." if count else "The audit has no dimension."
    return Finding("kit.sums", Status.PASS if count else Status.NOT_APPLICABLE, title, reason)


def _check_sensitive(project: Project[BaseProjectSpec], backtest: Backtest) -> Finding:
    title = "A protected attribute that is a feature has its reason"
    spec = project.spec
    used = set(backtest.fitted.feature_names)
    reasons = spec.features.sensitive
    # A forecast's features name an attribute `attribute.sex`, a list's name it `sex`.
    found = {d.attribute for d in spec.audit.dimensions.values() if d.protected and d.attribute}
    names = {name: {name, f"attribute.{name}"} for name in found}
    bare = sorted(name for name, both in names.items() if both & used and not both & set(reasons))
    if bare:
        reason = (
            f"{', '.join(bare)} is audited as protected and used as a feature: leave it out "
            "(`features.exclude`), or write down why it is used (`features.sensitive`)."
        )
        return Finding("kit.sensitive", Status.FAIL, title, reason)
    return Finding("kit.sensitive", Status.PASS, title, f"{len(reasons)} reasons are given.")


def _check_card(project: Project[BaseProjectSpec]) -> Finding:
    from cityai.card.draft.gaps import list_gaps

    title, words = "The card's human part is complete", project.spec.words
    gaps = [gap for gap in list_gaps(words) if gap.required]
    phase = words.system.phase or "development"
    if not gaps:
        return Finding("kit.card", Status.PASS, title, "No required answer is missing.")
    reason = f"{len(gaps)} required answers are missing ({phase})."
    early = phase in EARLY
    return Finding("kit.card", Status.NOT_ENOUGH if early else Status.FAIL, title, reason)
