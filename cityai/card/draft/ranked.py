"""The card of a ranked list: what its top finds, whether its odds hold, and for whom."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from cityai.card.draft import described, sentences
from cityai.card.draft import ranked_words as say
from cityai.card.draft.audited import (
    draft_fairness,
    find_withheld,
    list_suppressed,
    withhold_findings,
)
from cityai.card.draft.evaluated import (
    as_count,
    as_number,
    as_text,
    hide_number,
    read_status,
    unit_of,
)
from cityai.card.draft.facts import RunFacts
from cityai.card.draft.gaps import list_gaps
from cityai.card.draft.modelled import draft_explanation, write_parameter
from cityai.card.draft.ranked_list import SOURCE, draft_list
from cityai.card.draft.rounding import round_figure
from cityai.card.record import CardRecord, seal_record
from cityai.card.record.described import DecisionPart, EnvironmentPart, PublicationPart
from cityai.card.record.measured import Comparison, EvalPart, FoldPart, Input, Method, ModelPart
from cityai.card.record.part import Number
from cityai.card.words import name_baseline, name_candidate
from cityai.columns import (
    AS_OF,
    CASE,
    DECISION,
    ENTITY,
    EVERYWHERE,
    FOLD,
    OCCURRED_AT,
    Y_PRED,
    Y_TRUE,
)
from cityai.config.risk import RiskSpec
from cityai.findings import Finding, sort_findings
from cityai.i18n.messages import say as mark

if TYPE_CHECKING:
    from cityai.assessment.explain import Explanation
    from cityai.assessment.proxies import Proxies
    from cityai.assessment.ranking.audit import RankingAudit
    from cityai.assessment.ranking.evaluate import RankingEvaluation
    from cityai.data.quality import QualityReport
    from cityai.modeling.case_backtest import CaseBacktest
    from cityai.modeling.case_split import CaseFolds

BY_FOLD: Final = ("recall", "precision", "auc", "days_sooner", "first_half_share")
ORDERS: Final = ("actual_order", "city_score", "past_rate", "random_order")
"""What may stand for today's practice, the most telling first."""
ODDS: Final = "log-odds"


def draft_ranked_card(
    facts: RunFacts,
    spec: RiskSpec,
    backtest: CaseBacktest,
    evaluation: RankingEvaluation,
    audit: RankingAudit,
    *,
    quality: QualityReport,
    explanation: Explanation,
    proxies: Proxies | None = None,
) -> CardRecord:
    """Draft the card's record, sealed with its own digest.

    Parameters
    ----------
    facts : RunFacts
        What the run knows about itself.
    spec : RiskSpec
        The resolved project; its `words` are the human part.
    backtest, evaluation, audit, quality, explanation, proxies
        What was predicted and how it was judged.

    Returns
    -------
    CardRecord
        Figures rounded for publication, small cells left out. No row of any case is in it.
    """
    judged = (*facts.findings, *quality.findings, *backtest.findings, *evaluation.findings)
    judged = (*judged, *audit.findings, *explanation.findings)
    recovered = proxies.findings if proxies else ()
    findings = sort_findings(dict.fromkeys((*judged, *recovered)))
    fitted = _fit_limits(spec, audit)
    fairness, words = draft_fairness(audit, fitted, proxies), spec.words
    hidden = find_withheld(audit, fitted)
    whole = hidden & {(EVERYWHERE, EVERYWHERE)}
    findings = withhold_findings(findings, hidden)
    secret = list_suppressed(fairness.results) | whole
    coarse = frozenset((r.dimension, r.group) for r in fairness.results if r.between)
    table = backtest.predictions.table
    return seal_record(
        CardRecord(
            record=described.draft_record(facts, spec),
            system=described.draft_system(spec, spec.kind),
            owner=described.draft_owner(spec),
            decision=DecisionPart(
                **described.copy_words(words.decision),
                scale=say.describe_scale(len(table), table[ENTITY].nunique(), spec),
            ),
            legal=words.legal,
            use=described.draft_use(spec, findings),
            data=described.draft_data(
                facts,
                spec,
                quality,
                grain=mark(f"one row a case ({spec.unit})"),
                cleaning=sentences.describe_scope(spec),
                hidden=hidden,
            ),
            model=_draft_model(facts, spec, backtest, explanation, secret),
            eval=_draft_eval(spec, backtest, evaluation, audit, hidden | secret, coarse, findings),
            fairness=fairness,
            risks=words.risks,
            oversight=words.oversight,
            monitoring=described.draft_monitoring(spec),
            security=words.security,
            environment=EnvironmentPart(),
            publication=PublicationPart(
                **described.copy_words(words.publication), table_schema=_describe_columns(spec)
            ),
            checklist=words.checklist,
            findings=described.draft_findings(findings, fairness.results, spec),
            gaps=list_gaps(words),
            provenance=described.draft_provenance(facts),
            registers=words.registers,
        )
    )


def _fit_limits(spec: RiskSpec, audit: RankingAudit) -> RiskSpec:
    """Leave out the policy's limits on figures that a ranked list does not have."""
    known = set(audit.table["metric"].astype(str))
    limits = {name: limit for name, limit in spec.policy.limits.items() if name in known}
    return spec.model_copy(update={"policy": spec.policy.model_copy(update={"limits": limits})})


def _describe_columns(spec: RiskSpec) -> dict[str, str]:
    return {
        CASE: "case",
        ENTITY: spec.question.entity.label,
        AS_OF: mark("moment at which it was asked about"),
        OCCURRED_AT: mark("when it takes place"),
        Y_PRED: mark(f"probability that {spec.question.outcome.label}"),
        DECISION: mark("1: selected under the capacity"),
    }


def _draft_model(
    facts: RunFacts,
    spec: RiskSpec,
    backtest: CaseBacktest,
    explanation: Explanation,
    secret: frozenset[tuple[str, str]],
) -> ModelPart:
    predictions, final = backtest.predictions, backtest.final
    named = facts.feature_labels
    sensitive = spec.features.sensitive
    inputs = [
        Input(
            name=f,
            label=named.get(f, f)
            + (mark(f" (close to a protected group: {sensitive[f]})") if f in sensitive else ""),
        )
        for f in final.feature_names
    ]
    return ModelPart(
        name=predictions.chosen,
        version=facts.run_digest[:12],
        type=name_candidate(predictions.chosen),
        self_learning=False,
        inputs=tuple(inputs),
        output=mark(f"probability that {spec.question.outcome.label}, for each case"),
        horizon=0,
        period=_name_period(spec),
        unit=spec.unit,
        parameters=_list_parameters(spec),
        candidates=tuple(
            Method(
                name=n,
                label=name_candidate(n),
                weight=round_figure(final.blend.get(n), "share", 10**6),
            )
            for n in predictions.candidates
        ),
        baselines=tuple(
            Method(name=n, label=name_baseline(n, "period")) for n in predictions.baselines
        ),
        choice_reason=spec.words.model.choice_reason,
        explanation=draft_explanation(explanation, ODDS, secret),
    )


def _name_period(spec: RiskSpec) -> str:
    per = spec.question.decision.per
    return "period" if per == "fold" else per


def _list_parameters(spec: RiskSpec) -> dict[str, str]:
    rule = spec.question.decision
    listed: dict[str, object] = {
        "decision.rule": rule.rule,
        "decision.capacity": "none" if rule.capacity is None else rule.capacity,
        "decision.per": rule.per,
        "decision.threshold": "none" if rule.threshold is None else rule.threshold,
        "backtest.folds": spec.backtest.folds,
        "backtest.stride_days": spec.backtest.stride_days,
        "backtest.gap_days": spec.backtest.gap_days,
        "backtest.min_train": spec.backtest.min_train,
        "models.seed": spec.models.seed,
        "features.windows_days": spec.features.windows_days,
        "features.decay.half_life_days": spec.features.decay.half_life_days,
        "features.decay.reach_m": spec.features.decay.reach_m,
        "features.calendar": spec.features.calendar,
        "features.attributes": spec.features.attributes,
        "features.own": spec.features.own,
        "features.exclude": spec.features.exclude,
    }
    return {name: write_parameter(value) for name, value in listed.items()}


def _draft_eval(
    spec: RiskSpec,
    backtest: CaseBacktest,
    evaluation: RankingEvaluation,
    audit: RankingAudit,
    secret: frozenset[tuple[str, str]],
    coarse: frozenset[tuple[str, str]],
    findings: Iterable[Finding],
) -> EvalPart:
    practice = next((n for n in ORDERS if n in backtest.predictions.baselines), "")
    metrics = _list_metrics(evaluation.metrics, backtest.predictions.table, secret, spec)
    whole = (EVERYWHERE, EVERYWHERE) not in secret
    comparisons = _list_comparisons(evaluation.comparisons, spec) if whole else ()
    label = name_baseline(practice, "period") if practice else ""
    ranked = draft_list(spec, evaluation, audit, secret, coarse, practice, label)
    return EvalPart(
        design=say.describe_design(spec, backtest.folds, findings),
        folds=_list_folds(backtest.folds),
        metrics=metrics,
        comparisons=comparisons,
        practice=practice,
        practice_label=label,
        nominal_coverage=spec.coverage,
        coverage_tolerance=spec.policy.coverage_tolerance,
        confidence=spec.policy.confidence,
        series=(),
        series_note="",
        places=(),
        places_label=spec.question.entity.label_plural,
        places_note="",
        boundaries="",
        boundaries_key="",
        metric_reason=spec.words.model.metric_reason,
        in_words=say.describe_finding(metrics, comparisons, ranked, spec),
        ranked=ranked,
    )


def _list_metrics(
    table: pd.DataFrame, cases: pd.DataFrame, hidden: frozenset[tuple[str, str]], spec: RiskSpec
) -> tuple[Number, ...]:
    outcomes = cases[Y_TRUE].groupby(cases[FOLD].astype(str))
    yes, sizes = outcomes.sum().to_dict(), outcomes.size().to_dict()
    kept = []
    for row in table.to_dict("records"):
        kind, at = str(row["slice_kind"]), str(row["slice"])
        if kind == EVERYWHERE:
            number = _make_number(row, {"model": str(row["model"])}, cases[Y_TRUE].sum(), spec)
            kept.append(hide_number(number) if (kind, at) in hidden else number)
        elif kind == FOLD and row["metric"] in BY_FOLD and at in yes:
            found, size = float(yes[at]), float(sizes[at])
            if str(row["model"]).startswith("candidate."):
                continue
            slices = {"model": str(row["model"]), FOLD: at}
            number = _make_number(row, slices, found, spec)
            few = min(found, size - found) < spec.policy.small_cell
            kept.append(hide_number(number) if few or (kind, at) in hidden else number)
    return tuple(kept)


def _make_number(
    row: Mapping[Hashable, Any], slices: dict[str, str], size: float, spec: RiskSpec
) -> Number:
    unit = unit_of(str(row["metric"]), spec)
    return Number(
        metric=str(row["metric"]),
        value=round_figure(row["value"], unit, size),
        unit=unit,
        slice=slices,
        low=round_figure(row["low"], unit, size),
        high=round_figure(row["high"], unit, size),
        n=as_count(row["n"]),
        source=SOURCE,
        reason=as_text(row["reason"]),
    )


def _list_comparisons(table: pd.DataFrame, spec: RiskSpec) -> tuple[Comparison, ...]:
    return tuple(
        Comparison(
            baseline=str(row["baseline"]),
            label=name_baseline(str(row["baseline"]), "period"),
            metric=str(row["metric"]),
            unit=unit_of(str(row["metric"]), spec),
            difference=round_figure(row["difference"], unit_of(str(row["metric"]), spec), math.inf),
            low=round_figure(row["low"], unit_of(str(row["metric"]), spec), math.inf),
            high=round_figure(row["high"], unit_of(str(row["metric"]), spec), math.inf),
            blocks=as_count(row["n_blocks"]),
            status=read_status(row["verdict"]),
            sentence=as_text(row["sentence"]),
            source="evaluation.comparisons, from the saved predictions",
        )
        for row in table.to_dict("records")
        if as_number(row["difference"]) is not None
    )


def _list_folds(folds: CaseFolds) -> tuple[FoldPart, ...]:
    return tuple(
        FoldPart(
            number=fold.number,
            role=fold.role,
            as_of=fold.cutoff.date(),
            train_before=fold.train_until.date(),
            test_first=fold.cutoff.date(),
            test_last=(fold.until - timedelta(days=1)).date(),
        )
        for fold in folds.folds
    )
