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
    from cityai.assessment.proxies import Proxies, find_proxies
    from cityai.forecast import TRIED, forecast_city
    from cityai.publish import publish_result
    from cityai.stages import Stages, write_part
    from cityai.store.stages import clean_stages, open_store
    from cityai.track.runs import open_run

    spec = project.spec
    store = open_store(project.state)
    with store.lock_project(spec.name), open_run(project.state, spec.name) as run:
        stages = Stages(store, spec.name, progress)
        found = forecast_city(project, stages)
        known, backtest, memberships = found.known, found.backtest, found.memberships
        predictions = backtest.predictions
        judged = (found.digest, write_part(spec, *TRIED, "models"))
        tested = [fold.origin for fold in known.folds.test]
        evaluation, _ = stages.keep(
            "evaluation", Evaluation, lambda: evaluate_predictions(predictions, spec), *judged
        )
        audit, _ = stages.keep(
            "audit", Audit, lambda: audit_predictions(predictions, memberships, spec), *judged
        )
        explanation, _ = stages.keep(
            "explanation",
            Explanation,
            lambda: explain_models(backtest, found.rows_for(tested), memberships, spec),
            *judged,
            write_part(spec, "features"),
        )
        proxies, _ = stages.keep(
            "proxies",
            Proxies,
            lambda: find_proxies(found.rows_for(tested), memberships, spec.policy.confidence),
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
                found.digest,
                found.mitigation,
                proxies,
            )
        clean_stages(store, spec.name)
    return result
