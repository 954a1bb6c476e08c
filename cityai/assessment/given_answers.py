"""Decisions, scores and outcomes of given predictions: what they may mean, and what is unseen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from cityai.assessment.given_groups import list_facts, list_values
from cityai.assessment.metrics import find_metric
from cityai.assessment.metrics.confusion import FEWEST, are_shares, find_selective
from cityai.assessment.metrics.ranking import measure_auc
from cityai.columns import DECISION, ENTITY, Y_PRED, Y_TRUE
from cityai.config.audit_file import AuditFileSpec
from cityai.data.given_facts import SEVERAL_NO, UNSAID_NO
from cityai.findings import Finding, Status
from cityai.i18n.messages import say, write
from cityai.inference.clustered_intervals import bound_by_entity
from cityai.records.events import Events
from cityai.records.predictions import Predictions

CHANCE: Final = 1e-6
"""Nobody with the outcome among the others, by chance this seldom, is told."""


def find_answers(
    events: Events, predictions: Predictions, fitted: AuditFileSpec
) -> Iterator[Finding]:
    """Say what the answers of a yes or no mean, who is selected, and what cannot be seen."""
    yield from _find_unsaid(events)
    yield from _find_several_no(events)
    yield _find_decision(predictions, fitted)
    yield from _find_direction(predictions, fitted)
    yield from _find_selective(predictions)
    yield from _find_looked_for(predictions)


def find_predictions(predictions: Predictions) -> Finding:
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
    for column, good, total, _ in list_facts(events, UNSAID_NO):
        reason = say(
            "{count:,} rows of '{column}' hold a text such as 'unknown', which counts as no. If it "
            "says that nothing is known, list it as `predictions.file.missing`.",
            count=int(total - good),
            column=column,
        )
        code, title, share = "audit.answers", say("Every answer is a yes or a no"), 1 - good / total
        yield Finding(code, Status.FAIL, title, reason, float(share), 0.0, "share", column)


def _find_several_no(events: Events) -> Iterator[Finding]:
    """Tell different texts that count as no, where one of them says so and the others do not."""
    title = say("Every answer is a yes or a no")
    for column, values, share in list_values(events, SEVERAL_NO):
        reason = say(
            "Several values of '{column}' count as no: {values}. If one of them says that nothing "
            "is known, list it as `predictions.file.missing`.",
            column=column,
            values=values,
        )
        # Where none says no by itself, as with Denied and Withdrawn, which do is for people to say.
        status = Status.NOT_ENOUGH if share < 1 else Status.PASS
        yield Finding("audit.several_no", status, title, reason, share, None, "share", column)


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
        if len(decided) < len(predictions.table):
            reason += " " + say(
                "Empty cells say nothing; where one means the other answer, write that into the "
                "file."
            )
        return Finding(code, Status.FAIL, title, reason)
    threshold, score = fitted.predictions.threshold, predictions.table[Y_PRED].dropna()
    if threshold is not None and 0 < threshold < 1 and not are_shares(score.to_numpy(np.float64)):
        reason = say(
            "`threshold: {threshold}` is a share, and scores go from {least} to {most}: if it is "
            "not in their unit, others are selected than were.",
            threshold=write(threshold, "g"),
            least=write(float(score.min()), ".4g"),
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


def _find_direction(predictions: Predictions, fitted: AuditFileSpec) -> Iterator[Finding]:
    """Tell scores that fall where they should rise: with the outcome, or among those selected."""
    outcome = _rises(predictions, Y_TRUE, fitted)
    chosen = (
        None if fitted.predictions.threshold is not None else _rises(predictions, DECISION, fitted)
    )
    if outcome is not False and chosen is not False:
        return
    code, title = "audit.score_direction", say("The higher the score, the likelier")
    if outcome is False:
        reason = say(
            "The higher the score, the fewer have the outcome, beyond chance. If a high score "
            "means safe, turn it round (1 minus the score, say) before it is audited: `prediction` "
            "is read as the higher, the likelier."
        )
        yield Finding(code, Status.FAIL, title, reason)
        return
    reason = say(
        "Those selected have lower scores than the others, while a score is read as the higher, "
        "the likelier. If being selected means that the outcome is not expected, as with a loan "
        "that is granted, false alarms and missed are said of the wrong people: let `decision_yes` "
        "name the other decision. If a high score means safe, turn it round."
    )
    yield Finding(code, Status.FAIL if outcome else Status.NOT_ENOUGH, title, reason)


def _rises(predictions: Predictions, column: str, fitted: AuditFileSpec) -> bool | None:
    """Tell whether scores are higher where an answer is yes, beyond chance; None if unclear."""
    rows = predictions.table[[ENTITY, Y_PRED, column]].dropna()
    yes = rows[column].to_numpy(np.float64)
    if min(yes.sum(), (1 - yes).sum()) < FEWEST:
        return None
    policy, entity = fitted.policy, pd.factorize(rows[ENTITY])[0].astype(np.int64)
    auc = measure_auc(yes, rows[Y_PRED].to_numpy(np.float64))
    if auc.value in (0, 1):  # nothing varies, so there is no interval
        return auc.value == 1
    low, high = bound_by_entity(auc, entity, policy.confidence, policy.min_blocks, part=True)
    return True if low > 0.5 else False if high < 0.5 else None


def _find_looked_for(predictions: Predictions) -> Iterator[Finding]:
    """Tell that of those not selected nobody has the outcome: perhaps nobody looked."""
    table = predictions.table
    both = table[table[Y_TRUE].notna() & table[DECISION].notna()]
    passed = both[DECISION] == 0
    share, many = float((both[Y_TRUE] == 1).mean()), int(passed.sum())
    if not 0 < share < 1 or many < FEWEST or (both.loc[passed, Y_TRUE] == 1).any():
        return
    if (1 - share) ** many >= CHANCE:
        return
    reason = say(
        "Nobody who was not selected has the outcome. Either everybody was found, or it was looked "
        "for among those selected alone: then leave the outcome of the others empty, for 'found', "
        "'missed' and 'false alarms' would be wrong."
    )
    title, code = say("The outcome was looked for in everybody"), "audit.looked_for"
    yield Finding(code, Status.NOT_ENOUGH, title, reason)
