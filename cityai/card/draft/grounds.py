"""What a verdict rests on: a record's outcomes, put in order once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from cityai.card.counts import Tally, rank_result, tally_groups
from cityai.card.draft.values import TOO_FEW
from cityai.card.record import CardRecord
from cityai.card.record.described import FindingPart
from cityai.card.record.fairness import GroupResult
from cityai.card.record.measured import Comparison
from cityai.card.record.part import Number, index_whole
from cityai.card.words import PAIR, find_side
from cityai.columns import DECIDING, FORECAST
from cityai.config.policy import VerdictRules
from cityai.findings import Status
from cityai.i18n.messages import say

FAILED: Final = frozenset({Status.FAIL.value, Status.ERROR.value})
AGAINST: Final = "evaluate.better_than_baselines."
"""How the code of a comparison with a baseline begins."""
ACCURACY: Final = DECIDING | {"precision", "auc", "true_positive_rate", "false_negative_rate"}
"""Figures that only outcomes give."""
NO_GAP: Final = "no gap seen"
"""The grade of an undecided check that asks for nothing."""


@dataclass(frozen=True)
class Grounds:
    """A record's outcomes, as a verdict asks for them."""

    record: CardRecord
    rules: VerdictRules
    """What the policy makes of what was found."""

    @cached_property
    def limited(self) -> tuple[GroupResult, ...]:
        """Figures of groups with a limit that applies, those of single dimensions first."""
        found = [
            r
            for r in self.record.fairness.results
            if r.limit is not None and r.status != "not applicable"
        ]
        return tuple(sorted(found, key=lambda r: PAIR in r.dimension))

    @cached_property
    def alone(self) -> Tally:
        """Counts of those of single dimensions: the same as everywhere on the card."""
        return tally_groups(self.record.fairness.results)

    @cached_property
    def beyond(self) -> tuple[GroupResult, ...]:
        """Groups beyond a limit and not better served, the worst served first."""
        found = [r for r in self._failed if not is_better(r)]
        found.sort(key=rank_result, reverse=True)
        return tuple(sorted(found, key=lambda r: PAIR in r.dimension))

    @cached_property
    def refused(self) -> tuple[GroupResult, ...]:
        """Those of them that nobody accepted in writing."""
        return tuple(r for r in self.beyond if not self._is_accepted(r))

    @cached_property
    def accepted(self) -> tuple[GroupResult, ...]:
        """Those of them where a person wrote down why that may stay."""
        return tuple(r for r in self.beyond if self._is_accepted(r))

    @cached_property
    def better(self) -> tuple[GroupResult, ...]:
        """Groups beyond a limit that are better served."""
        return tuple(r for r in self._failed if is_better(r))

    @cached_property
    def _failed(self) -> tuple[GroupResult, ...]:
        return tuple(r for r in self.limited if r.status in FAILED)

    def _is_accepted(self, result: GroupResult) -> bool:
        part = self.record.fairness.options
        if part is None or not (part.choice and part.reason and part.decided_by):
            return False
        return (part.dimension, part.metric) == (result.dimension, result.metric)

    @cached_property
    def open(self) -> tuple[GroupResult, ...]:
        """Undecided figures of groups of single dimensions."""
        return tuple(
            r for r in self.limited if r.status == "not enough evidence" and PAIR not in r.dimension
        )

    @property
    def waiting(self) -> tuple[GroupResult, ...]:
        """Those of them that ask for more data: not those in which no gap was seen."""
        return tuple(r for r in self.open if r.grade != NO_GAP)

    def name_check(self, finding: FindingPart) -> str:
        """Return what a check is called within a sentence; a baseline by a reader's name of it.

        It is quoted: many titles say what would be right, and are no statement that it is.
        """
        label = self.name_baseline(finding.code)
        title = say("Better than {replace}", replace=label) if label else finding.title
        return say("“{title}”", title=title)

    def name_baseline(self, code: str) -> str:
        """Return the label of the baseline that a check compares with; nothing for others."""
        labels = {f"{AGAINST}{b.name}": b.label for b in self.record.model.baselines}
        return labels.get(code, "")

    @cached_property
    def failures(self) -> tuple[FindingPart, ...]:
        """Checks that failed."""
        return tuple(f for f in self.record.findings if f.status in FAILED)

    @cached_property
    def blockers(self) -> tuple[FindingPart, ...]:
        """Those that block."""
        return tuple(f for f in self.failures if self._blocks(f))

    @cached_property
    def unlisted(self) -> tuple[FindingPart, ...]:
        """Those about a group beyond a limit whose figure is not among the results."""
        listed = {(f"audit.{r.metric}", f"{r.dimension}={r.group}") for r in self._failed}
        return tuple(
            f
            for f in self.failures
            if f.code in self._group_codes and (f.code, f.subject) not in listed
        )

    @cached_property
    def others(self) -> tuple[FindingPart, ...]:
        """Those that are about no group's limit, block nothing, and compare with no practice."""
        return tuple(f for f in self.failures if self._is_other(f) and not self._blocks(f))

    @cached_property
    def open_checks(self) -> tuple[FindingPart, ...]:
        """Undecided checks that are about no group's limit and compare with no practice."""
        return tuple(
            f
            for f in self.record.findings
            if f.status == "not enough evidence" and self._is_other(f)
        )

    def _is_other(self, finding: FindingPart) -> bool:
        return finding.code not in self._group_codes and finding.code != self.practice_code

    @property
    def is_one_series(self) -> bool:
        """Whether one amount a period is forecast, of a whole city."""
        many = {c.places for c in self.record.eval.comparisons}
        return self.record.model.horizon > 0 and many == {1}

    @property
    def practice_code(self) -> str:
        """Code of the comparison with today's practice, or where it would stand."""
        practice = self.record.eval.practice
        return f"{AGAINST}{practice}" if practice else "eval.comparisons"

    @cached_property
    def _group_codes(self) -> frozenset[str]:
        return frozenset(f"audit.{name}" for name in self.record.fairness.limits)

    def _blocks(self, finding: FindingPart) -> bool:
        return self.rules.blocks(finding.code)

    @cached_property
    def comparison(self) -> Comparison | None:
        """The comparison with today's practice that decides."""
        part = self.record.eval
        own = (c for c in part.comparisons if c.baseline == part.practice and c.metric in DECIDING)
        return next(own, None) if part.practice else None

    @property
    def compared(self) -> str:
        """How that came out: a status, nothing where none was made."""
        if any(f.code == self.practice_code for f in self.failures):
            return Status.FAIL.value
        if self.comparison is not None:
            return self.comparison.status
        hidden = any(n.reason == TOO_FEW for n in self.record.eval.metrics)
        made = self.record.eval.practice or (hidden and self.record.model.baselines)
        return Status.SUPPRESSED.value if made else ""

    def find_figure(self, model: str, metric: str) -> float | None:
        """Return a figure of all test periods together."""
        found = self._whole.get((model, metric))
        return found.value if found else None

    @cached_property
    def _whole(self) -> dict[tuple[str, str], Number]:
        return index_whole(self.record.eval.metrics)

    @property
    def has_accuracy(self) -> bool:
        """Whether anything is known of how good it is."""
        own = (self._whole.get((FORECAST, name)) for name in ACCURACY)
        return any(n is not None and (n.between or n.value is not None) for n in own)


def is_better(result: GroupResult) -> bool:
    """Tell whether a group beyond a limit is better served than what it is compared with."""
    return result.status == "fail" and find_side(result.metric, result.middle_gap) == "better"
