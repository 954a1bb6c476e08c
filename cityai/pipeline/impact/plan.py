"""The sealed plan of an evaluation: announced before its first outcome, and held to since."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from cityai.config.evaluation import EvaluationSpec, load_evaluation
from cityai.config.evaluations import (
    PLAN,
    choose_evaluation,
    find_evaluation,
    find_plan,
    list_sealed,
    name_choice,
)
from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.data.file_digests import digest_file
from cityai.errors import CityaiError, SpecError, StoreError, TimeError
from cityai.pipeline.impact.kept import FOLDER
from cityai.pipeline.impact.units import list_units
from cityai.pipeline.provenance import read_clock
from cityai.store.digests import digest_sources, digest_text
from cityai.store.files import PUBLIC_FILE_MODE, guard_files, write_files
from cityai.store.stages import DIGITS


@dataclass(frozen=True, slots=True)
class Plan:
    """A pre-analysis plan, sealed."""

    project: str
    sealed_at: str
    """The moment, in UTC."""
    evaluation: str
    code: str
    """SHA-256 of the evaluation's file, and of the program and the project's own code."""
    cases: str
    """SHA-256 of the list: the cases of the period that were known when it was sealed, or the
    places that take part."""
    listed: int
    """How many those were."""
    model: str
    run: str
    """The model that ranks the lists, and the run that made it."""
    seal: str = ""
    """SHA-256 of all this."""
    name: str = ""
    """The evaluation's; a plan of before there could be several has none."""
    places: dict[str, str] = field(default_factory=dict)
    """Of a design of places, the day on which it begins in each; empty where it never does."""

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
        told = {name: value for name, value in self.tell().items() if name != "seal"}
        return digest_text(json.dumps(told, sort_keys=True))

    def tell(self) -> dict[str, Any]:
        """Return its content; what plans of earlier versions lack is left out where it is empty."""
        return {n: told for n, told in asdict(self).items() if told or n not in _LATER}


@dataclass(frozen=True, slots=True)
class Announced:
    """A sealed plan that holds, and the evaluation that it is of."""

    project: Project[BaseProjectSpec]
    name: str
    spec: EvaluationSpec
    plan: Plan

    @property
    def folder(self) -> Path:
        """The private folder with what it gathered."""
        return self.project.state / FOLDER / self.plan.project / self.plan.seal[:DIGITS]


def seal_plan(
    project: Project[BaseProjectSpec], name: str = "", key: Path | None = None
) -> Announced:
    """Seal an evaluation of a project as it is now; a plan is sealed once.

    With a private key, its holder signs that it is sealed.

    Raises
    ------
    SpecError
        When there is no evaluation, it is sealed already, or nobody signs one that needs it.
    TimeError
        When its period has begun, its source of chance has spoken, outcomes of it can be read
        already, or another evaluation of the project runs then.
    """
    from cityai.pipeline.known import read_known

    name = choose_evaluation(project, name)
    spec, path = load_evaluation(project, name), find_plan(project, name)
    if path.exists():
        raise SpecError(
            "this evaluation is sealed already",
            where=str(path),
            expected="one plan, announced once",
            next_step="analyse by it; a new evaluation is a new file beside it",
        )
    now = read_clock()
    if now.date() >= spec.starts:
        raise TimeError(
            f"the period began on {spec.starts}: a plan made now would not be announced before",
            where=str(find_evaluation(project, name)),
            expected=f"a first day after {now:%Y-%m-%d}",
            next_step="correct `starts`",
        )
    _refuse_unfit(spec, find_evaluation(project, name), now.date(), signed=key is not None)
    _refuse_together(project, name, spec)
    events = read_known(project)
    units = list_units(project, spec, events)
    plan = Plan(
        project=project.spec.name,
        name=name,
        sealed_at=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        evaluation=_digest_file(find_evaluation(project, name)),
        code=digest_code(project),
        cases=digest_text("\n".join(units.names)),
        listed=len(units.names),
        model=units.model,
        run=units.run,
    )
    plan = replace(plan, places=units.begin(plan.seed))
    plan = replace(plan, seal=plan.count_seal())
    announced = Announced(project, name, spec, plan)
    write_files({path.name: _write(plan)}, path.parent, PUBLIC_FILE_MODE)
    if key is not None:
        from cityai.pipeline.impact.govern import announce, is_announced

        try:
            announce(announced, key)
        except CityaiError:
            if not is_announced(announced):
                path.unlink()  # nothing is sealed that nobody signed
            raise
    return announced


def open_plan(project: Project[BaseProjectSpec], name: str = "") -> Announced:
    """Open a sealed plan of a project; it and the evaluation's file are as they were, to the byte.

    Raises
    ------
    SpecError
        When nothing is sealed.
    StoreError
        When the plan or the evaluation's file was changed since.
    """
    name = choose_evaluation(project, name)
    path, own = find_plan(project, name), find_evaluation(project, name)
    if not path.exists():
        load_evaluation(project, name)
        raise SpecError(
            "this evaluation is not sealed",
            where=str(own),
            expected="a plan that was announced before its first outcome",
            next_step=f"cityai evaluate plan {name_choice(project, name)}",
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
    if plan.name not in ("", name):
        raise _refuse_changed(path, f"the plan was sealed as '{plan.name}{PLAN}'")
    if not own.exists():
        raise _refuse_changed(own, f"the evaluation that was sealed on {plan.day} is not there")
    if plan.evaluation != _digest_file(own):
        raise _refuse_changed(own, f"{own.name} is not the one that was sealed on {plan.day}")
    return Announced(project, name, load_evaluation(project, name), plan)


def open_running(project: Project[BaseProjectSpec], day: date) -> Announced:
    """Open the sealed plan that a list of a day goes by; no two of a project run at once.

    Raises
    ------
    SpecError
        When nothing is sealed.
    TimeError
        When several are, and none or more than one runs then.
    """
    sealed = list_sealed(project)
    if len(sealed) < 2:
        return open_plan(project, *sealed)
    announced = [open_plan(project, name) for name in sealed]
    running = [one for one in announced if one.spec.starts <= day < one.spec.ends]
    if len(running) == 1:
        return running[0]
    told = (f"{one.name} from {one.spec.starts} on, before {one.spec.ends}" for one in announced)
    raise TimeError(
        f"{len(running) or 'none'} of the evaluations {'run' if running else 'runs'} on {day}",
        where="--as-of",
        expected=f"a day of one of them: {'; '.join(told)}",
        next_step="ask without --assign",
    )


_NAMES: Final = {field.name for field in fields(Plan)}
_LATER: Final = ("name", "places")
"""Fields that plans of earlier versions lack."""


def digest_code(project: Project[BaseProjectSpec]) -> str:
    """Return the SHA-256 of all code that an analysis depends on."""
    return digest_text(digest_sources("assessment") + project.read_own_code())


def _write(plan: Plan) -> bytes:
    return (json.dumps(plan.tell(), indent=2) + "\n").encode()


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


def _refuse_unfit(spec: EvaluationSpec, path: Path, today: date, *, signed: bool) -> None:
    """Refuse a plan whose outcome or draw is left open."""
    if spec.outcome.yes and not spec.outcome.no:
        raise SpecError(
            "the outcome's answers that mean yes are named, and those that mean no are not",
            where=str(path),
            expected="`no:` beside `yes:` in `outcome`; `missing:` for answers that say nothing",
            next_step="name them now: afterwards nobody could, as the file is sealed",
        )
    if spec.draw is None:
        return
    if today >= spec.draw.on:
        raise TimeError(
            f"the source of chance speaks on {spec.draw.on}: a plan made now could know it",
            where=str(path),
            expected=f"a day of `draw.on` after {today}, and before {spec.starts}",
            next_step="correct `draw`",
        )
    if not signed:
        raise SpecError(
            "lots follow from public chance, and nobody signs that the plan came before it",
            where="--key",
            expected="the key of who seals it",
            next_step="add --key FILE; docs/reviewing.md says how keys are made",
        )


def _refuse_together(project: Project[BaseProjectSpec], name: str, spec: EvaluationSpec) -> None:
    """Refuse a plan of a period in which another evaluation of the project is not over.

    Two would draw for the same places, and who waits by lot of one could be served by lot of the
    other before its outcome is measured.
    """
    for other in list_sealed(project):
        run = open_plan(project, other).spec
        if spec.starts < run.mature and run.starts < spec.mature:
            raise TimeError(
                f"'{name}' would run beside '{other}', of which all is known on {run.mature} at "
                "the earliest: one case would be in two draws, and one would change what the other "
                "measures",
                where=str(find_evaluation(project, name)),
                expected=f"a first day from {run.mature} on",
                next_step="correct `starts`, and seal it then",
            )
