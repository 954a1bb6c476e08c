"""The evaluations of a project: their names, their files and their sealed plans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cityai.config.record import SLUG
from cityai.errors import SpecError, suggest_name

if TYPE_CHECKING:
    from cityai.config.load import Project

FOLDER: Final = "evaluations"
"""Folder, in the project's, with a file for each evaluation and beside it its sealed plan."""
PLAN: Final = ".plan.json"
"""How the name of a sealed plan ends."""
BEFORE: Final = ("evaluation.yaml", "evaluation.plan.json")
"""Where the only evaluation of a project lay before there could be several."""


def find_evaluation(project: Project[Any], name: str) -> Path:
    """Return where an evaluation is declared, whether or not it is."""
    return project.folder / FOLDER / f"{name}.yaml"


def find_plan(project: Project[Any], name: str) -> Path:
    """Return where an evaluation's sealed plan lies, whether or not it is sealed."""
    return project.folder / FOLDER / f"{name}{PLAN}"


def list_evaluations(project: Project[Any]) -> tuple[str, ...]:
    """List the names of a project's evaluations: all that are declared or sealed.

    Raises
    ------
    SpecError
        When one lies where it was kept before, or a file has no name that an evaluation may have.
    """
    for path in (project.folder / name for name in BEFORE):
        if path.exists():
            raise _ask_to_move(project)
    folder = project.folder / FOLDER
    files = sorted(path for path in folder.glob("*") if not path.name.startswith("."))
    names = []
    for path in files:
        name = path.name.removesuffix(PLAN if path.name.endswith(PLAN) else ".yaml")
        if path.suffix == ".yml" or (name != path.name and not SLUG.fullmatch(name)):
            raise SpecError(
                f"an evaluation cannot be called '{path.name}'",
                where=str(path),
                expected="NAME.yaml, where NAME is of small letters, digits and underscores",
                next_step="rename the file",
            )
        names += [name] * (name != path.name)
    return tuple(dict.fromkeys(names))


def list_sealed(project: Project[Any]) -> tuple[str, ...]:
    """List the names of those of a project's evaluations that are sealed."""
    return tuple(n for n in list_evaluations(project) if find_plan(project, n).exists())


def name_choice(project: Project[Any], name: str) -> str:
    """Return how a command is told which evaluation of which project is meant."""
    several = len(list_evaluations(project)) > 1
    return f"{project.folder.name}{f' --evaluation {name}' * several}"


def _ask_to_move(project: Project[Any]) -> SpecError:
    own = project.spec.name
    moved = zip(BEFORE, (f"{own}.yaml", f"{own}{PLAN}"), strict=True)
    there = [(old, new) for old, new in moved if (project.folder / old).exists()]
    steps = [f"git mv {old} {FOLDER}/{new}" for old, new in there]
    return SpecError(
        "a project may have several evaluations now, and this one lies where the only one lay",
        where=str(project.folder / there[0][0]),
        expected=f"{FOLDER}/NAME.yaml, and beside it the sealed plan as {FOLDER}/NAME{PLAN}",
        next_step=f"in {project.folder}: mkdir -p {FOLDER}; {'; '.join(steps)}. The seal holds as "
        "it is, and what was gathered is found",
    )


def choose_evaluation(project: Project[Any], name: str = "") -> str:
    """Return the name of the evaluation that is asked about: the only one, or the named one.

    Raises
    ------
    SpecError
        When there is none, none of that name, or several and none is named.
    """
    known = list_evaluations(project)
    if not known:
        raise SpecError(
            "this project declares no evaluation",
            where=str(project.folder / FOLDER),
            expected=f"a file {FOLDER}/NAME.yaml with a question, an outcome, a design and who "
            "decides",
            next_step="docs/evaluating.md shows one, and `cityai schema evaluation` every key",
        )
    if name and name not in known:
        raise SpecError(
            f"this project has no evaluation '{name}'",
            where=str(project.folder / FOLDER),
            expected=suggest_name(name, known),
        )
    if not name and len(known) > 1:
        raise SpecError(
            f"this project has {len(known)} evaluations: {', '.join(known)}",
            where=str(project.folder / FOLDER),
            expected="the name of one",
            next_step="give the command `--evaluation NAME`",
        )
    return name or known[0]
