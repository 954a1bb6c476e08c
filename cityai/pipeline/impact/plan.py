"""The sealed plan of an evaluation: announced before its first outcome, and held to since."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from cityai.columns import CASE, OCCURRED_AT
from cityai.config.evaluation import FILE, EvaluationSpec, find_evaluation, load_evaluation
from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.data.file_digests import digest_file
from cityai.errors import SpecError, StoreError, TimeError
from cityai.pipeline.impact.kept import FOLDER, PLAN
from cityai.pipeline.impact.outcomes import MEASURED_AT, read_outcomes
from cityai.pipeline.provenance import read_clock
from cityai.store.digests import digest_sources, digest_text
from cityai.store.files import PUBLIC_FILE_MODE, guard_files, write_files
from cityai.store.stages import DIGITS

if TYPE_CHECKING:
    from cityai.records.events import Events


@dataclass(frozen=True, slots=True)
class Plan:
    """A pre-analysis plan, sealed.

    Attributes
    ----------
    project : str
        Its name.
    sealed_at : str
        The moment, in UTC.
    evaluation, code : str
        SHA-256 of the evaluation's file, and of the program and the project's own code.
    cases : str
        SHA-256 of the list: the cases of the period that were known when it was sealed.
    listed : int
        How many those were.
    model, run : str
        The model that ranks the lists, and the run that made it.
    seal : str
        SHA-256 of all this.
    """

    project: str
    sealed_at: str
    evaluation: str
    code: str
    cases: str
    listed: int
    model: str
    run: str
    seal: str = ""

    @property
    def day(self) -> date:
        """The day on which it was sealed."""
        return date.fromisoformat(self.sealed_at[:10])

    @property
    def seed(self) -> str:
        """What lots are drawn from: what was announced and when, and on which cases.

        The name that a tracking server gives a run is no part of it, so that the same plan draws
        the same lots again.
        """
        return digest_text(" ".join((self.project, str(self.day), self.evaluation, self.cases)))

    def count_seal(self) -> str:
        """Return the seal that its content gives."""
        told = {name: value for name, value in asdict(self).items() if name != "seal"}
        return digest_text(json.dumps(told, sort_keys=True))


@dataclass(frozen=True, slots=True)
class Announced:
    """A sealed plan that holds, and the evaluation that it is of."""

    project: Project[BaseProjectSpec]
    spec: EvaluationSpec
    plan: Plan

    @property
    def folder(self) -> Path:
        """The private folder with what it gathered."""
        return find_gathered(self.project, self.plan)


def find_gathered(project: Project[Any], plan: Plan) -> Path:
    """Return the private folder of a plan: another plan has another."""
    folder: Path = project.state / FOLDER / plan.project / plan.seal[:DIGITS]
    return folder


def seal_plan(project: Project[BaseProjectSpec]) -> Announced:
    """Seal a project's evaluation as it is now; a plan is sealed once.

    Raises
    ------
    SpecError
        When there is no evaluation, or it is sealed already.
    TimeError
        When its period has begun, or outcomes of it can be read already.
    """
    from cityai.kinds import open_kind
    from cityai.track.fetch import fetch_model
    from cityai.track.server import connect_tracking

    spec, path = load_evaluation(project), project.folder / PLAN
    if path.exists():
        raise SpecError(
            "this evaluation is sealed already",
            where=str(path),
            expected="one plan, announced once",
            next_step="analyse by it; a new evaluation is a new file, after this one is decided on",
        )
    now = read_clock()
    if now.date() >= spec.starts:
        raise TimeError(
            f"the period began on {spec.starts}: a plan made now would not be announced before",
            where=str(find_evaluation(project)),
            expected=f"a first day after {now:%Y-%m-%d}",
            next_step="correct `starts`",
        )
    events = open_kind(project).read()
    _refuse_seen(project, spec, events)
    model = fetch_model(connect_tracking(project.state), project.spec.name)
    known = events.table[OCCURRED_AT]
    within = (known >= pd.Timestamp(spec.starts)) & (known < pd.Timestamp(spec.ends))
    cases = sorted(events.table.loc[within, CASE].astype(str))
    plan = Plan(
        project=project.spec.name,
        sealed_at=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        evaluation=_digest_file(find_evaluation(project)),
        code=digest_code(project),
        cases=digest_text("\n".join(cases)),
        listed=len(cases),
        model=model.digest,
        run=model.run_id,
    )
    plan = Plan(**{**asdict(plan), "seal": plan.count_seal()})
    write_files({PLAN: _write(plan)}, project.folder, PUBLIC_FILE_MODE)
    return Announced(project, spec, plan)


def open_plan(project: Project[BaseProjectSpec]) -> Announced:
    """Open a project's sealed plan; it and the evaluation's file are as they were, to the byte.

    Raises
    ------
    SpecError
        When nothing is sealed.
    StoreError
        When the plan or the evaluation's file was changed since.
    """
    path, own = project.folder / PLAN, find_evaluation(project)
    if not path.exists():
        load_evaluation(project)
        raise SpecError(
            "this evaluation is not sealed",
            where=str(own),
            expected="a plan that was announced before its first outcome",
            next_step=f"cityai evaluate plan {project.folder.name}",
        )
    with guard_files(path, "the plan cannot be read"):
        content = path.read_bytes()
    try:
        plan = Plan(**{name: told for name, told in json.loads(content).items() if name in _NAMES})
        whole = plan.seal == plan.count_seal() and content == _write(plan)
    except (ValueError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise _refuse_changed(path, "the sealed plan was changed")
    if plan.evaluation != _digest_file(own):
        raise _refuse_changed(own, f"{FILE} is not the one that was sealed on {plan.day}")
    return Announced(project, load_evaluation(project), plan)


_NAMES: Final = {field.name for field in fields(Plan)}


def digest_code(project: Project[BaseProjectSpec]) -> str:
    """Return the SHA-256 of all code that an analysis depends on."""
    return digest_text(digest_sources("assessment") + project.read_own_code())


def _write(plan: Plan) -> bytes:
    return (json.dumps(asdict(plan), indent=2) + "\n").encode()


def _digest_file(path: Path) -> str:
    with guard_files(path, "the evaluation cannot be read"):
        return digest_file(path)


def _refuse_changed(path: Path, what: str) -> StoreError:
    return StoreError(
        what,
        where=str(path),
        expected="the file as it was sealed, to the last byte",
        next_step="put it back from your version control; what was gathered is untouched",
    )


def _refuse_seen(project: Project[BaseProjectSpec], spec: EvaluationSpec, events: Events) -> None:
    """Refuse a plan of a period of which outcomes can be read already."""
    seen = read_outcomes(project, spec, events)
    early = seen[seen[MEASURED_AT] >= pd.Timestamp(spec.starts)]
    if len(early):
        raise TimeError(
            f"{len(early):,} outcomes from {spec.starts} on can be read already, the first of "
            f"{early[MEASURED_AT].min():%Y-%m-%d}: nobody could believe that they were not",
            where=str(spec.outcome.source.name if spec.outcome.source else project.file),
            expected=f"a plan that is sealed before the first outcome, or a first day after "
            f"{early[MEASURED_AT].max():%Y-%m-%d}",
            next_step="correct `starts`, and seal it then",
        )
