"""Risk: how likely a yes is for each case, to be ranked under a capacity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import pandas as pd

from cityai.assessment.audit import Audit, audit_predictions
from cityai.assessment.evaluate import Evaluation, evaluate_predictions
from cityai.assessment.explain import Explanation, explain_models
from cityai.assessment.proxies import Proxies, find_proxies
from cityai.columns import AREA, AS_OF, CASE, ENTITY, Y_TRUE
from cityai.config.load import Project
from cityai.config.risk import RiskSpec
from cityai.data.groups import assign_groups
from cityai.data.layouts.listed import label_listed, lay_listed
from cityai.data.quality import report_quality
from cityai.data.quality_cases import CASES
from cityai.data.reading.listed import LIST_OF_CASES
from cityai.data.reading.reader import read_events
from cityai.data.time_checks import RowSource
from cityai.kinds.kind import (
    CasePredictions,
    Cover,
    Kind,
    Records,
    Replayed,
    Say,
    gather_card_facts,
)
from cityai.modeling.backtest import Backtest, run_backtest
from cityai.modeling.final import FinalModel
from cityai.modeling.folds import Folds
from cityai.modeling.forecasters import Candidate, check_candidates, choose_candidates
from cityai.modeling.forecasters.boosted_trees import BoostedTrees
from cityai.modeling.forecasters.logistic import LOGISTIC_REGRESSION
from cityai.modeling.layouts.listed import ListedRows, check_listed_folds, plan_listed_folds
from cityai.modeling.layouts.listed_baselines import RISK_BASELINES
from cityai.modeling.own.models import load_models
from cityai.modeling.targets import ProbabilityTarget
from cityai.records.events import Events
from cityai.records.groups import Groups

if TYPE_CHECKING:
    from cityai.card.draft import CardFacts, RunFacts
    from cityai.card.record import CardRecord
    from cityai.card.verify.claims import Claim
    from cityai.data.rows import Rows, RowsAt

CANDIDATES: Final[tuple[Candidate, ...]] = (
    BoostedTrees(
        "lightgbm",
        "boosted trees",
        target="probability",
        rounds=200,
        leaves=7,
        leaf_rows=60,
        learning_rate=0.03,
        feature_share=0.5,
        row_share=0.7,
        ridge=10.0,
        most_rows=None,
        least_rows=0,
    ),
    LOGISTIC_REGRESSION,
)
"""Trees of a yes/no question are held back: the data are small."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The cases that the past is asked about.

    Attributes
    ----------
    folds : Folds
        The windows of the backtest.
    rows_at : RowsAt
        From moments to their rows; those of all cases are made once.
    """

    folds: Folds
    rows_at: RowsAt

    def rows(self) -> Rows:
        """All cases with their features."""
        return self.rows_at()


def check_names(spec: RiskSpec) -> None:
    """Refuse names that the kind does not know, before any work is done."""
    from cityai.assessment.metrics import check_limits, find_metrics

    check_candidates(CANDIDATES, spec.models)
    check_limits(spec.audit.limits, find_metrics("yes/no", "list"))


def read_cases(project: Project[RiskSpec], say: Say | None = None) -> Events:
    """Read what the city knew, its cases as a list."""
    return read_events(project, LIST_OF_CASES, say)


def ask_cases(project: Project[RiskSpec], cases: Events) -> Asked:
    """Lay the folds out, and the features for when they are needed."""
    return Asked(plan_listed_folds(cases, project.spec), lay_listed(cases, project))


def find_rows(project: Project[RiskSpec], cases: Events, asked: Asked) -> RowSource:
    """Return where rows come from, for the checks of time."""
    moments = pd.DatetimeIndex(cases.table[AS_OF].unique())
    return RowSource(
        project,
        cases,
        lay=lambda source: lay_listed(source, project),
        rows_at=asked.rows_at,
        moments=moments,
        searched=moments,
        first_test=asked.folds.test[0].as_of,
        label=lambda rows: label_listed(rows, cases),
    )


def assign_cases(cases: Events, spec: RiskSpec) -> Groups:
    """Assign cases to the groups of the audit, each by its own row."""
    entity, table = spec.question.entity, cases.table
    rows = table[[CASE, ENTITY, Y_TRUE, *([AREA] if AREA in table else [])]]
    own = table[list(entity.attributes)]
    return assign_groups(rows, own, cases.areas, spec.audit.dimensions, entity.area)


def backtest(project: Project[RiskSpec], cases: Events, asked: Asked, say: Say) -> Backtest:
    """Replay the past."""
    spec = project.spec
    source = ListedRows(cases, asked.rows(), spec, baselines=RISK_BASELINES)
    known = (*CANDIDATES, *load_models(project, probability=True))
    candidates = choose_candidates(known, spec.models.candidates, spec.models.only)
    target = ProbabilityTarget(spec)
    return run_backtest(source, asked.folds, target, candidates, spec.models, say)


def explain(
    project: Project[RiskSpec], backtest: Backtest, asked: Asked, groups: Groups
) -> Explanation:
    """Explain the models on the cases that they were tested on."""
    return explain_models(backtest, asked.rows(), groups, project.spec)


def describe_coverage(cases: Events) -> Cover:
    """Tell what the cases cover; no entity is named."""
    first = cases.table[AS_OF].min().normalize()
    return Cover(first.to_pydatetime(), cases.until.to_pydatetime(), None)


def describe(facts: RunFacts, spec: RiskSpec, records: Records) -> CardFacts:
    """Gather what the card of a ranked list is drafted from."""
    from cityai.card.draft.subject import describe_list

    subject = describe_list(spec, records.backtest.predictions)
    return gather_card_facts(facts, spec, subject, records)


def recount(
    record: CardRecord, replayed: Replayed, groups: Groups, spec: RiskSpec
) -> Iterator[Claim]:
    """Count the card's figures again."""
    from cityai.assessment.scored import find_units
    from cityai.card.verify.recount import list_claims

    units = pd.Series(find_units(replayed.predictions.table, groups))
    return list_claims(record, replayed.predictions, groups.memberships, units)


def measure_proxies(asked: Asked, groups: Groups, spec: RiskSpec) -> Proxies:
    """Find how well the inputs recover the groups of entities, on all cases."""
    places = {
        name for name, d in spec.audit.dimensions.items() if d.attribute in {"area", "entity"}
    }
    return find_proxies(asked.rows(), groups.list_entities(), spec.policy.confidence, places)


def predict(
    project: Project[RiskSpec], cases: Events, final: FinalModel, as_of: datetime
) -> CasePredictions:
    """Rank the cases of a moment, each with why it stands where it does."""
    from cityai.assessment.reasons import tell_chance, tell_reasons
    from cityai.modeling.ahead import predict_cases

    spec = project.spec
    ahead = predict_cases(cases, lambda cut: lay_listed(cut, project)(), final, spec, as_of)
    return CasePredictions(
        table=ahead.table,
        heads=_head_cases(ahead.table, spec),
        tells=_tell_cases(ahead.table, spec),
        reasons=tell_reasons(ahead.drivers, tell_chance, sensitive=spec.features.sensitive),
        trained_until=pd.Timestamp(final.as_of).to_pydatetime(),
        notes=ahead.notes,
    )


def find_misses(
    project: Project[RiskSpec], cases: Events, asked: Asked, backtest: Backtest, count: int
) -> CasePredictions:
    """Return cases of the test folds that were passed over or selected most wrongly."""
    from cityai.assessment.reasons import tell_chance, tell_reasons
    from cityai.modeling.capacity import worst_misses
    from cityai.modeling.drivers import explain_past

    spec = project.spec
    worst = worst_misses(backtest.predictions, count)
    drivers = explain_past(worst, backtest, asked.rows())
    label = spec.question.outcome.label
    tells = tuple(
        (
            f"Passed over, though it turned out that {label}."
            if row["y_true"] == 1
            else f"Selected, though it did not turn out that {label}."
            if row["decision"] == 1
            else f"Given a high chance, though it did not turn out that {label}.",
            *said,
        )
        for row, said in zip(worst.to_dict("records"), _tell_cases(worst, spec), strict=True)
    )
    return CasePredictions(
        table=worst,
        heads=_head_cases(worst, spec),
        tells=tells,
        reasons=tell_reasons(drivers, tell_chance, sensitive=spec.features.sensitive),
        trained_until=pd.Timestamp(backtest.models[-1].as_of).to_pydatetime(),
    )


def _head_cases(table: pd.DataFrame, spec: RiskSpec) -> tuple[str, ...]:
    label = spec.question.entity.label
    return tuple(
        f"{label} {entity}, case {case}"
        for entity, case in zip(table["entity_id"], table["case_id"], strict=True)
    )


def _tell_cases(table: pd.DataFrame, spec: RiskSpec) -> tuple[tuple[str, ...], ...]:
    question = spec.question
    told = []
    for row in table.to_dict("records"):
        place = (
            f"No. {row['rank']:,} of {row['of']:,} {question.unit} of its "
            f"{'stretch' if question.decision.per == 'fold' else question.decision.per}: "
            f"{question.decision.action if row['decision'] == 1 else 'not selected'}."
        )
        chance = (
            f"Expected in about {row['y_pred'] * 100:.0f} of 100 such {question.unit}: "
            f"{question.outcome.label}."
        )
        told.append((place, chance))
    return tuple(told)


RISK: Final = Kind(
    name="risk",
    check=check_names,
    source_type=Events,
    backtest_type=Backtest,
    groups_type=Groups,
    evaluation_type=Evaluation,
    audit_type=Audit,
    explanation_type=Explanation,
    final_type=FinalModel,
    read=read_cases,
    report=lambda events, spec: report_quality(events, spec, CASES),
    build_problem=ask_cases,
    find_rows=find_rows,
    check_folds=lambda cases, asked: (check_listed_folds(asked.folds, cases),),
    backtest=backtest,
    assign_groups=assign_cases,
    evaluate=evaluate_predictions,
    audit=audit_predictions,
    explain=explain,
    describe_coverage=describe_coverage,
    describe=describe,
    recount=recount,
    measure_proxies=measure_proxies,
    predict=predict,
    find_misses=find_misses,
    baselines=lambda: RISK_BASELINES,
    candidates=CANDIDATES,
)
