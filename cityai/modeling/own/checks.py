"""The dress rehearsal: a city's own models fitted and saved on few rows, before the backtest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from cityai.columns import AS_OF
from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.data.leaks import Labels, check_leaks
from cityai.data.rows import Rows
from cityai.data.time_checks import RowSource
from cityai.findings import Finding, Status
from cityai.i18n.messages import say
from cityai.modeling.forecasters.encoding import list_categories
from cityai.modeling.forecasters.protocol import Candidate, FittedLearner, FloatArray, Learner
from cityai.modeling.own.models import OwnLearner, begin_models, load_models

MOST: Final = 2_000
"""Rows of the rehearsal's fit at most."""


def rehearse_models(source: RowSource) -> tuple[Finding, ...]:
    """Fit each model twice on a few early rows, save it, and ask it about later ones.

    Raises
    ------
    SpecError
        When a function returns no model for the question, or a model cannot be saved.
    DataError
        When a model fails, reaches outside, meets a limit, or predicts what is no prediction.
    """
    project = source.project
    if not project.spec.models.own:
        return ()
    rows = source.rows_at(source.searched)
    labels = source.label(rows)
    probability = labels.usual is None
    processes = begin_models(project, probability=probability)
    if processes is None:
        return ()
    models = load_models(project, probability=probability)
    learners = [model for model in models if isinstance(model, OwnLearner)]
    train, test = _divide(rows, labels)
    asked = rows.table.iloc[test]
    # All once, then all again: the second time in a fresh process.
    found = [
        [_fit(model, rows, labels, train, project).predict(asked) for model in learners]
        for _ in range(2)
    ]
    predicted = {m.name: pair for m, *pair in zip(learners, *found, strict=True)}
    return (
        _judge_closed(processes.shut),
        *((_judge_repeatable(predicted),) if learners else ()),
        *((_judge_leak(models, predicted, rows, labels, test, project),) if learners else ()),
    )


def _divide(rows: Rows, labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """Part the rows whose outcome is known into earlier ones, thinned, and later ones."""
    known = np.flatnonzero(~np.isnan(labels.values))
    moments = rows.table[AS_OF].to_numpy()[known]
    middle = np.median(moments.astype("int64")) if len(known) else 0
    early, late = known[moments.astype("int64") <= middle], known[moments.astype("int64") > middle]
    thin = np.unique(np.linspace(0, max(len(early) - 1, 0), min(len(early), MOST)).astype(np.int64))
    return early[thin], late


def _fit(
    model: Learner, rows: Rows, labels: Labels, train: np.ndarray, project: Project[BaseProjectSpec]
) -> FittedLearner:
    table = rows.table.iloc[train]
    return model.fit(
        table,
        labels.values[train],
        features=rows.features,
        categories=list_categories(rows.table, rows.categorical),
        seed=project.spec.models.seed,
        threads=1,
    )


def _judge_closed(shut: bool) -> Finding:
    title = say("The city's own models see nothing but the rows that they are given")
    if shut:
        reason = say(
            "They were fitted in a process of their own, in which the system refuses every file "
            "but Python's libraries, every program and every connection."
        )
        return Finding("models.closed", Status.PASS, title, reason)
    reason = say(
        "They were fitted in a process of their own, and Python refused them files and "
        "connections. This machine cannot refuse what a compiled library reads by itself, so it is "
        "not proven."
    )
    return Finding("models.closed", Status.NOT_ENOUGH, title, reason)


def _judge_repeatable(predicted: Mapping[str, Sequence[FloatArray]]) -> Finding:
    title = say("The city's own models predict the same when they are fitted again")
    apart = {
        name: float(np.abs(first - second).max(initial=0.0))
        for name, (first, second) in predicted.items()
    }
    worst = max(apart, key=lambda name: (apart[name], name))
    if apart[worst] == 0.0:
        reason = say("Two fits on the same rows with the same seed predicted the same.")
        return Finding("models.repeatable", Status.PASS, title, reason, 0.0, 0.0)
    reason = say(
        "Two fits of {worst} on the same rows with the same seed predicted up to "
        "{apart:.3g} apart, so nobody can make these figures again.",
        worst=worst,
        apart=apart[worst],
    )
    return Finding("models.repeatable", Status.FAIL, title, reason, apart[worst], 0.0, "", worst)


def _judge_leak(
    models: Sequence[Candidate],
    predicted: Mapping[str, Sequence[FloatArray]],
    rows: Rows,
    labels: Labels,
    test: np.ndarray,
    project: Project[BaseProjectSpec],
) -> Finding:
    """Hold predictions of later rows against the outcome, as features are."""
    columns = {name: values for name, (values, _) in predicted.items()}
    table = rows.table.iloc[test].reset_index(drop=True).assign(**columns)
    told = replace(
        rows,
        table=table,
        features=tuple(columns),
        categorical=(),
        labels={model.name: model.label for model in models},
    )
    usual = None if labels.usual is None else labels.usual[test]
    found = check_leaks(told, Labels(labels.values[test], usual), project.spec.policy)
    title = say("None of the city's own models tells the outcome almost perfectly")
    return replace(found, code="models.near_perfect", title=title)


def judge_negative(
    negative: Mapping[tuple[str, str], int], names: Sequence[str]
) -> tuple[Finding, ...]:
    """Say how many forecasts of a city's own models lay below 0 where nothing can."""
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
