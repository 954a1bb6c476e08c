"""What is known of given predictions before any figure: their rows, decisions, outcomes, limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cityai.assessment.maturity import check_maturity
from cityai.assessment.metrics import find_metric
from cityai.assessment.metrics.confusion import find_selective
from cityai.columns import AS_OF, DECISION, Y_PRED, Y_TRUE
from cityai.config.audit_file import AuditFileSpec
from cityai.data.external_predictions import ALIKE, UNSAID_NO
from cityai.data.quality_facts import ONE_VALUE
from cityai.findings import Finding, Status
from cityai.i18n.messages import join, say, write
from cityai.records.events import Events
from cityai.records.predictions import Predictions

FIGURES: Final = ["good", "total", "figure"]
"""Of a fact of the rows (`collect_facts`)."""


def check_given(
    events: Events, predictions: Predictions, spec: AuditFileSpec, fitted: AuditFileSpec
) -> Iterator[Finding]:
    """Say what holds for all rows, and what no figure can show.

    Parameters
    ----------
    events, predictions : Events, Predictions
        The rows as they were read, and as they are judged.
    spec : AuditFileSpec
        The audit file.
    fitted : AuditFileSpec
        The same with the limits that apply to these predictions alone.
    """
    yield check_maturity(predictions, spec)
    yield _find_rejected(events)
    yield _find_outcomes(predictions)
    yield _find_predictions(predictions)
    yield from _find_unsaid(events)
    yield from _find_alike(events)
    yield from _find_repeats(events)
    yield from _find_several(events, spec)
    if predictions.kind == "yes/no":
        yield _find_decision(predictions, fitted)
        yield from _find_selective(predictions)
    else:
        yield from _find_below_zero(predictions)
    yield from _find_periods(predictions, spec)
    yield from _find_limits(spec, fitted)


def _find_rejected(given: Events) -> Finding:
    code, title = "audit.rejected_rows", say("Every row could be used")
    if not given.counts.rejected:
        return Finding(
            code, Status.PASS, title, say("All {read:,} rows were used.", read=given.counts.read)
        )
    first = given.rejects.iloc[0]
    reason = say(
        "{rejected:,} of {read:,} rows could not be used; the first is row "
        "{row_number}, column '{column}': {reason}.",
        rejected=given.counts.rejected,
        read=given.counts.read,
        row_number=first["row_number"],
        column=first["column"],
        reason=first["reason"],
    )
    return Finding(code, Status.FAIL, title, reason, float(given.counts.rejected), 0.0, "rows")


def _find_outcomes(predictions: Predictions) -> Finding:
    code, title = "audit.outcomes", say("What came to pass is known")
    outcome = predictions.table[Y_TRUE]
    known, total = int(outcome.notna().sum()), len(outcome)
    if known and outcome.nunique() == 1:
        reason = say("Every known outcome is the same, so no figure can tell good from bad.")
        return Finding(code, Status.FAIL, title, reason)
    if known == total:
        return Finding(
            code, Status.PASS, title, say("All {total:,} rows have an outcome.", total=total)
        )
    if known == 0:
        reason = say(
            "No outcome is known yet. Who is in the rows and who receives is said; errors, and "
            "whether they differ between groups, cannot be."
        )
        return Finding(code, Status.NOT_APPLICABLE, title, reason)
    reason = say(
        "{total:,} of {total2:,} rows have no outcome. Figures rest on the others; "
        "they do not hold for those without one if these differ.",
        total=total - known,
        total2=total,
    )
    return Finding(code, Status.NOT_ENOUGH, title, reason, float(total - known), 0.0, "rows")


def _find_predictions(predictions: Predictions) -> Finding:
    """Say how many rows have no prediction, or of a yes or no none of the decisions."""
    code, title = "audit.predictions", say("Every row has a prediction")
    table = predictions.table
    decided = DECISION in table and table[DECISION].notna().any()
    made = table[DECISION if decided else Y_PRED].notna()
    lacks, total = int((~made).sum()), len(table)
    if not lacks:
        return Finding(code, Status.PASS, title, say("All {total:,} rows have one.", total=total))
    reason = say(
        "{lacks:,} of {total:,} rows have no prediction or decision. Figures rest on the others; "
        "they do not hold for those without one if these differ.",
        lacks=lacks,
        total=total,
    )
    return Finding(code, Status.NOT_ENOUGH, title, reason, float(lacks), 0.0, "rows")


def _find_unsaid(events: Events) -> Iterator[Finding]:
    """Tell answers that count as no, though they may say that nothing is known."""
    for column, good, total, _ in _list_facts(events, UNSAID_NO):
        reason = say(
            "{count:,} rows of '{column}' hold a text such as 'unknown', which counts as no. If it "
            "says that nothing is known, list it as `predictions.file.missing`.",
            count=int(total - good),
            column=column,
        )
        code, title, share = "audit.answers", say("Every answer is a yes or a no"), 1 - good / total
        yield Finding(code, Status.FAIL, title, reason, float(share), 0.0, "share", column)


def _find_alike(events: Events) -> Iterator[Finding]:
    """Tell values of a column of groups that differ in their spelling alone."""
    facts = events.quality_facts
    told = facts[facts["fact"] == ALIKE]
    for column, rows in told.groupby("column", sort=True):
        reason = say(
            "Values of '{column}' differ in capitals, spaces or accents alone, and each is a group "
            "of its own: {values}. If they are one, write them alike in the file.",
            column=column,
            values=join("; ", list(rows["slice"][:3])) + ("; ..." if len(rows) > 3 else ""),
        )
        share = float(1 - rows["good"].sum() / rows["total"].sum())
        title = say("Groups are written in one way")
        code, status, subject = "audit.spelling", Status.NOT_ENOUGH, str(column)
        yield Finding(code, status, title, reason, share, 0.0, "share", subject)


def _find_below_zero(predictions: Predictions) -> Iterator[Finding]:
    """Tell amounts below zero: shares of what came to pass are then no parts of a whole."""
    table = predictions.table
    below, total = int((table[[Y_TRUE, Y_PRED]] < 0).any(axis=1).sum()), len(table)
    if not below:
        return
    reason = say(
        "In {below:,} of {total:,} rows the outcome or the forecast is below zero. A share of the "
        "amount is then no part of it: it may exceed 100%, and a sum near zero makes it large. "
        "Figures in {unit} hold.",
        below=below,
        total=total,
        unit=predictions.unit,
    )
    title = say("No amount is below zero")
    code, status = "audit.below_zero", Status.NOT_ENOUGH
    yield Finding(code, status, title, reason, float(below), 0.0, "rows")


def _find_periods(predictions: Predictions, spec: AuditFileSpec) -> Iterator[Finding]:
    """Tell that there are too few periods to say anything of other times, and what else can be."""
    periods, least = predictions.table[AS_OF].nunique(), spec.policy.min_blocks
    if spec.audit.infers != "this city" or periods >= least:
        return
    reason = say(
        "There are {periods} periods, and what is said of other times takes {least}: no gap has an "
        "interval. `infers: others like these` asks about other {entities} in the same periods.",
        periods=periods,
        least=least,
        entities=spec.entities,
    )
    title = say("There are periods enough to tell")
    yield Finding(
        "audit.periods", Status.NOT_ENOUGH, title, reason, float(periods), float(least), "periods"
    )


def _list_facts(events: Events, fact: str) -> Iterator[tuple[str, float, float, float]]:
    facts = events.quality_facts
    told = facts.loc[facts["fact"] == fact, ["column", *FIGURES]]
    yield from told.itertuples(index=False, name=None)


def _find_limits(spec: AuditFileSpec, fitted: AuditFileSpec) -> tuple[Finding, ...]:
    """Say which of the policy's limits do not apply, and whether any does."""
    code, title = "audit.limits", say("Limits")
    left = sorted(set(spec.policy.limits) - set(fitted.policy.limits) - set(spec.audit.limits))
    kind = say("predictions of {kind}", kind=spec.predictions.kind)
    told = say("The policy's limits on {left} do not apply.", left=join(", ", left)) if left else ""
    if not fitted.limits:
        reason = say(
            "Neither the audit file nor the policy sets a limit for {kind}: nothing was judged.",
            kind=kind,
        )
        return (Finding(code, Status.NOT_APPLICABLE, title, (reason + " " + told).rstrip()),)
    if not left:
        return ()
    judged = say("Judged by {limits}.", limits=join(", ", sorted(fitted.limits)))
    return (Finding(code, Status.PASS, title, (judged + " " + told)),)


def _find_repeats(events: Events) -> Iterator[Finding]:
    """Tell rows that are the same in every column of the file."""
    facts = events.quality_facts
    [good, read, has_key] = facts.loc[facts["fact"] == "unique", FIGURES].iloc[0]
    repeats = int(read - good)
    if not repeats:
        return
    reason = say(
        "{repeats:,} of {read:,} rows are the same as an earlier one in every column of the file.",
        repeats=repeats,
        read=int(read),
    )
    if has_key:
        status = Status.FAIL
        reason += " " + say("They are the same ones again, and count twice.")
    else:
        status = Status.NOT_ENOUGH
        reason += " " + say("No column tells whether they are the same ones again.")
    title = say("Each row is there once")
    yield Finding("audit.repeated_rows", status, title, reason, repeats / read, 0.0, "share")


def _find_several(events: Events, spec: AuditFileSpec) -> Iterator[Finding]:
    """Tell columns of groups that have two values for one entity at one time."""
    for column, good, total, _ in _list_facts(events, ONE_VALUE):
        if good < total:
            reason = say(
                "'{column}' has several values for the same {label} at the same moment; each "
                "row counts in the group that it names.",
                column=column,
                label=spec.predictions.label,
            )
            title = say("One value of an attribute at a time")
            code, share = "audit.one_value", float(1 - good / total)
            yield Finding(code, Status.FAIL, title, reason, share, 0.0, "share", column)


def _find_decision(predictions: Predictions, fitted: AuditFileSpec) -> Finding:
    """Say whether it is known who is selected, and whether there was a choice."""
    code, title = "audit.decision", say("Who is selected is known")
    decided = predictions.table[DECISION].dropna()
    columns = fitted.predictions.columns
    if columns.decision is None and fitted.predictions.threshold is None:
        reason = say(
            "The audit file names neither a decision (`columns.decision`) nor a `threshold`: who "
            "is selected is not known, and nothing about selection can be judged."
        )
        waiting = [n for n in fitted.limits if (m := find_metric(n)) and "decision" in m.needs]
        status = Status.FAIL if waiting else Status.NOT_APPLICABLE
        return Finding(code, status, title, reason)
    if decided.nunique() == 1:
        reason = (
            say("Every row with a decision is selected: nobody was told apart.")
            if decided.iloc[0] == 1
            else say("No row with a decision is selected: nobody was told apart.")
        )
        return Finding(code, Status.FAIL, title, reason)
    threshold, score = fitted.predictions.threshold, predictions.table[Y_PRED].dropna()
    if threshold is not None and 0 < threshold < 1 and score.min() >= 0 and score.max() > 1:
        reason = say(
            "`threshold: {threshold}` is a share, and scores go up to {most}: if they are percent, "
            "others are selected than were.",
            threshold=write(threshold, "g"),
            most=write(float(score.max()), ".4g"),
        )
        return Finding(code, Status.NOT_ENOUGH, title, reason)
    return Finding(code, Status.PASS, title, say("Some are selected, and others are not."))


def _find_selective(predictions: Predictions) -> Iterator[Finding]:
    """Tell outcomes that are known of those selected alone, or mostly: selective labels."""
    known = find_selective(predictions.table)
    if known is None:
        return
    chosen, passed = (write(share, ".0%") for share in known)
    reason = say(
        "The outcome is known of {chosen} of those selected and of {passed} of the "
        "others (selective labels).",
        chosen=chosen,
        passed=passed,
    )
    if 0 in known:
        reason += " " + say(
            "How many of the others would have had it cannot be seen, so how many were found or "
            "missed, and false alarms, are not said."
        )
    else:
        reason += " " + say("Figures that need both sides lean to the side that is known.")
    title = say("Outcomes are known whoever was selected")
    yield Finding(
        "audit.selective_labels", Status.FAIL, title, reason, abs(known[0] - known[1]), 0.0, "share"
    )
