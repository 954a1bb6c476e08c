"""What is known of given predictions before any figure: their rows, outcomes, periods, limits."""

from __future__ import annotations

from collections.abc import Iterator

from cityai.assessment.given_amounts import find_amounts
from cityai.assessment.given_answers import find_answers, find_predictions
from cityai.assessment.given_groups import FIGURES, find_groups, list_facts
from cityai.assessment.maturity import check_maturity
from cityai.columns import AS_OF, Y_TRUE
from cityai.config.audit_file import AuditFileSpec
from cityai.data.quality_facts import ONE_VALUE
from cityai.findings import Finding, Status
from cityai.i18n.messages import join, say
from cityai.records.events import Events
from cityai.records.predictions import Predictions


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
    yield find_predictions(predictions)
    yield from find_groups(events)
    yield from _find_repeats(events)
    yield from _find_several(events, spec)
    if predictions.kind == "yes/no":
        yield from find_answers(events, predictions, fitted)
    else:
        yield from find_amounts(predictions)
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
    for column, good, total, _ in list_facts(events, ONE_VALUE):
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
