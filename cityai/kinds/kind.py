"""A kind of question, as the parts that the stages are given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from cityai.assessment.audit import Audit
    from cityai.assessment.proxies import Proxies
    from cityai.assessment.reasons import Reasons
    from cityai.card.draft import CardFacts, RunFacts
    from cityai.card.draft.subject import Subject
    from cityai.card.record import CardRecord
    from cityai.card.verify.claims import Claim
    from cityai.config.load import Project
    from cityai.config.project import AuditableSpec
    from cityai.data.quality import QualityReport
    from cityai.data.time_checks import RowSource
    from cityai.findings import Finding
    from cityai.records.predictions import Predictions

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Cover:
    """What the source covers, for the card.

    Attributes
    ----------
    first, last : datetime
        First day that the data cover, and the first day that they no longer cover.
    entities : pandas.DataFrame or None
        ``entity_id``, ``name`` and, where known, ``area_id``; None where entities stay unnamed.
    """

    first: datetime
    last: datetime
    entities: pd.DataFrame | None


@dataclass(frozen=True, slots=True)
class Records:
    """What a run's stages made; each record's class documents its tables.

    Attributes
    ----------
    quality, backtest, evaluation, audit, explanation
        Of the kind's own classes; every audit is an `Audit`.
    snapshot : Any
        What the city knew, and when; None where a saved card is drafted again without it.
    mitigation : Any
        What was tried to close a gap; None where the project names none.
    proxies : Proxies or None
        How well the inputs recover the groups.
    """

    quality: QualityReport
    backtest: Any
    evaluation: Any
    audit: Any
    explanation: Any
    snapshot: Any = None
    mitigation: Any = None
    proxies: Proxies | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What every record found, in the order of the records."""
        records = (
            self.quality,
            self.backtest,
            self.evaluation,
            self.audit,
            self.explanation,
            self.mitigation,
            self.proxies,
        )
        return tuple(f for record in records if record is not None for f in record.findings)


@dataclass(frozen=True, slots=True)
class Replayed:
    """The predictions that a card was made from.

    Attributes
    ----------
    predictions : Predictions
        Those that were records.
    before : Predictions
        The same before any mitigation.
    mitigation : Any
        What was tried to close a gap; None where the project names none.
    """

    predictions: Predictions
    before: Predictions
    mitigation: Any = None


@dataclass(frozen=True, slots=True)
class CasePredictions:
    """What a model says about some rows, and why, for people who work with them.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a prediction, in the order in which it is to be read: who, when, ``y_pred`` and
        what surrounds it.
    heads : tuple of str
        What each row is about, for the head of a page.
    tells : tuple of tuple of str
        What is said of each row, in sentences.
    reasons : Reasons
        Why, for each row of `table`.
    trained_until : datetime
        The model learnt from what was known before this moment.
    notes : tuple of str
        What is to be known of all rows.
    """

    table: pd.DataFrame
    heads: tuple[str, ...]
    tells: tuple[tuple[str, ...], ...]
    reasons: Reasons
    trained_until: datetime
    notes: tuple[str, ...] = ()


def gather_card_facts(
    run: RunFacts,
    spec: AuditableSpec,
    subject: Subject,
    records: Records,
) -> CardFacts:
    """Gather what a card is drafted from, as the stages left it."""
    from cityai.card.draft import CardFacts, Fitted
    from cityai.findings import sort_findings

    final = records.backtest.final
    return CardFacts(
        run=run,
        spec=spec,
        subject=subject,
        predictions=records.backtest.predictions,
        evaluation=records.evaluation,
        audit=records.audit,
        findings=sort_findings(dict.fromkeys((*run.findings, *records.findings))),
        quality=records.quality,
        fitted=Fitted(records.backtest.folds.to_table(), final.blend, tuple(final.feature_names)),
        explanation=records.explanation,
        mitigation=records.mitigation,
        proxies=records.proxies,
    )


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of question is made of. No stage asks which kind it is.

    Records named ``source``, ``asked``, ``backtest``, ``groups``, ``evaluation`` and
    ``explanation`` are of the kind's own classes: a stage hands them on and looks into none,
    except at what all have (`findings`, `predictions`, `final`, `metrics`).

    Attributes
    ----------
    name : str
        As in `project.yaml`.
    check : callable
        ``(spec)``: refuse names that the kind does not know.
    source_type, backtest_type, groups_type, evaluation_type, audit_type, explanation_type : type
        Classes of the records that are saved.
    final_type : type
        Class of the model's record.
    read : callable
        ``(project, say) -> source``: what the city knew, and when.
    report : callable
        ``(source, spec) -> QualityReport``.
    build_problem : callable
        ``(project, source) -> asked``: rows and ``folds``, laid out to be asked about.
    find_rows : callable
        ``(project, source, asked) -> RowSource``: where rows come from, for the checks of time.
    check_folds : callable
        ``(source, asked) -> findings`` that take none.
    backtest : callable
        ``(project, source, asked, say) -> backtest``.
    assign_groups : callable
        ``(source, spec) -> groups``: who belongs where.
    evaluate, audit : callable
        ``(predictions, spec) -> evaluation``; ``(predictions, groups, spec) -> Audit``.
    explain : callable
        ``(project, backtest, asked, groups) -> explanation``.
    describe_coverage : callable
        ``(source) -> Cover``.
    describe : callable
        ``(facts, spec, records) -> CardFacts``: what the card is drafted from.
    recount : callable
        ``(record, replayed, groups, spec) -> Claim, ...``: the published card's figures, counted
        again from what was replayed (`Replayed`), apart from the assessment.
    measure_proxies : callable
        ``(asked, groups, spec) -> Proxies``: how well the inputs recover the groups.
    predict : callable
        ``(project, source, final, as_of) -> CasePredictions``.
    find_misses : callable
        ``(project, source, asked, backtest, count) -> CasePredictions``: the replay's worst misses.
    baselines, candidates : Any
        What runs beside the forecast, and what may take part in it.
    mitigation_type : type or None
        Class of what was tried to close a gap; None where the kind knows no such thing.
    mitigate, apply : callable or None
        ``(backtest, asked, groups, spec) -> mitigation``; ``(backtest, mitigation, spec) ->
        backtest`` with the option that was chosen.
    """

    name: str
    check: Callable[[Any], None]
    source_type: type
    backtest_type: type
    groups_type: type
    evaluation_type: type
    audit_type: type
    explanation_type: type
    final_type: type
    read: Callable[[Project[Any], Say | None], Any]
    report: Callable[[Any, Any], QualityReport]
    build_problem: Callable[[Project[Any], Any], Any]
    find_rows: Callable[[Project[Any], Any, Any], RowSource]
    check_folds: Callable[[Any, Any], tuple[Finding, ...]]
    backtest: Callable[[Project[Any], Any, Any, Say], Any]
    assign_groups: Callable[[Any, Any], Any]
    evaluate: Callable[[Any, Any], Any]
    audit: Callable[[Any, Any, Any], Audit]
    explain: Callable[[Project[Any], Any, Any, Any], Any]
    describe_coverage: Callable[[Any], Cover]
    describe: Callable[[RunFacts, Any, Records], CardFacts]
    recount: Callable[[CardRecord, Replayed, Any, Any], Iterable[Claim]]
    measure_proxies: Callable[[Any, Any, Any], Proxies]
    predict: Callable[[Project[Any], Any, Any, datetime], CasePredictions]
    find_misses: Callable[[Project[Any], Any, Any, Any, int], CasePredictions]
    baselines: Callable[..., Sequence[Any]]
    candidates: Sequence[Any]
    mitigation_type: type | None = None
    mitigate: Callable[[Any, Any, Any, Any], Any] | None = None
    apply: Callable[[Any, Any, Any], Any] | None = None
