"""The map: what a run does, in order. Each stage is one function; they meet only here."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from cityai.config.load import Project, load_project
from cityai.pipeline.result import Result
from cityai.progress import SILENT, Progress


def run_project(project: Project[Any] | str | Path, progress: Progress = SILENT) -> Result:
    """Run a project: from its specification to its published card.

    Parameters
    ----------
    project : Project, str or Path
        From `load_project`; or where it lies, as `load_project` takes it.
    progress : Progress, optional
        Told what is being done; silent by default.

    Raises
    ------
    UserError
        For a mistake in the specification or the data.
    RunError
        When the run could not be completed. Earlier results are untouched.
    """
    from cityai.assessment.proxies import Proxies
    from cityai.kinds import KINDS
    from cityai.kinds.kind import Judged
    from cityai.pipeline.forecast import run_backtest_stages
    from cityai.pipeline.publish import publish_result
    from cityai.pipeline.stages import TRIED, Stages, write_part
    from cityai.store.stages import clean_stages, open_store
    from cityai.track.runs import open_run

    begun = time.perf_counter()
    if not isinstance(project, Project):
        project = load_project(project)
    spec = project.spec
    kind = KINDS[spec.kind]
    store = open_store(project.state)
    lock = store.lock_project(spec.name, on_wait=progress.warn)
    with lock, open_run(project, spec.name) as run:
        stages = Stages(store, spec.name, progress)
        found = run_backtest_stages(project, stages)
        backtest, groups, asked = found.backtest, found.groups, found.known.asked
        predictions = backtest.predictions
        judged = (found.digest, write_part(spec, *TRIED, "models"))
        evaluation, _ = stages.keep(
            "evaluation", kind.evaluation_type, lambda: kind.evaluate(predictions, spec), *judged
        )
        audit, _ = stages.keep(
            "audit", kind.audit_type, lambda: kind.judge(predictions, groups, spec), *judged
        )
        explanation, _ = stages.keep(
            "explanation",
            kind.explanation_type,
            lambda: kind.explain(project, backtest, asked, groups),
            *judged,
            write_part(spec, "features"),
        )
        proxies, _ = stages.keep(
            "proxies",
            Proxies,
            lambda: kind.recover(asked, groups, spec),
            *judged,
            write_part(spec, "features"),
        )
        quality = found.known.quality
        records = Judged(
            quality, backtest, evaluation, audit, explanation, found.mitigation, proxies
        )
        with progress.stage("card and tracking"), stages.time("card and tracking"):
            result = publish_result(project, run, stages, found.known, records, found.digest)
        clean_stages(store, spec.name)
    rest = time.perf_counter() - begun - sum(stages.seconds.values())
    return replace(result, seconds={**stages.seconds, "the rest": rest})
