"""The map: what a run does, in order. Each stage is one function; they meet only here."""

from __future__ import annotations

from cityai.progress import SILENT, Progress
from cityai.result import Result
from cityai.spec.load import Project


def run_project(project: Project, progress: Progress = SILENT) -> Result:
    """Run a project: from its specification to its published card.

    Parameters
    ----------
    project : Project
        From `load_project`.
    progress : Progress, optional
        Told what is being done; silent by default.

    Raises
    ------
    UserError
        For a mistake in the specification or the data.
    RunError
        When the run could not be completed. Earlier results are untouched.
    """
    from cityai.assessment.audit import Audit, audit_predictions
    from cityai.assessment.evaluate import Evaluation, evaluate_predictions
    from cityai.assessment.explain import Explanation, explain_models
    from cityai.check import cache_rows, know_city
    from cityai.data.groups import build_memberships
    from cityai.kinds import KINDS
    from cityai.modeling.backtest import Backtest, run_backtest
    from cityai.publish import publish_result
    from cityai.result import Groups
    from cityai.stages import GROUPED, Stages, write_part
    from cityai.store.stages import clean_stages, open_store
    from cityai.track.runs import open_run

    spec = project.spec
    kind = KINDS[spec.kind]
    store = open_store(project.state)
    with store.lock_project(spec.name), open_run(project.state, spec.name) as run:
        stages = Stages(store, spec.name, progress)
        known = know_city(project, stages)
        rows_for = cache_rows(project, known.panel, known.snapshot)
        backtest, backtest_digest = stages.keep(
            "backtest",
            Backtest,
            lambda: run_backtest(
                known.panel,
                rows_for,
                known.folds,
                spec,
                baselines=kind.baselines(spec.question.period),
                candidates=kind.candidates,
                city_rule=known.snapshot.city_rule,
                progress=progress.say,
            ),
            known.snapshot_digest,
            write_part(spec, "kind", "question", "features", "backtest", "models", "city"),
            project.read_own_features(),
        )
        predictions = backtest.predictions
        groups, _ = stages.keep(
            "memberships",
            Groups,
            lambda: Groups(build_memberships(known.snapshot, spec)),
            backtest_digest,
            write_part(spec, *GROUPED),
        )
        memberships = groups.memberships
        judged = (backtest_digest, write_part(spec, "audit", "policy", "question", "models"))
        evaluation, _ = stages.keep(
            "evaluation", Evaluation, lambda: evaluate_predictions(predictions, spec), *judged
        )
        audit, _ = stages.keep(
            "audit", Audit, lambda: audit_predictions(predictions, memberships, spec), *judged
        )
        explanation, _ = stages.keep(
            "explanation",
            Explanation,
            lambda: explain_models(
                backtest, rows_for([f.origin for f in known.folds.test]), memberships, spec
            ),
            *judged,
            write_part(spec, "features"),
        )
        with progress.stage("card and tracking"):
            result = publish_result(
                project,
                run,
                stages,
                known,
                backtest,
                evaluation,
                audit,
                explanation,
                backtest_digest,
            )
        clean_stages(store, spec.name)
    return result
