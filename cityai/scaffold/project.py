"""New projects from templates, each of which is itself a working project."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from cityai.config.record import ProjectName
from cityai.config.yaml import read_yaml
from cityai.errors import SpecError
from cityai.scaffold.comments import read_comments, write_commented
from cityai.scaffold.files import (
    TEMPLATES,
    Template,
    change_yaml,
    create_folder,
    digest_files,
    find_template,
    open_editor,
    read_files,
    write_yaml,
)
from cityai.scaffold.workspace import NewFolder, check_line, check_slug
from cityai.store.files import PUBLIC_FILE_MODE, write_files

PRISTINE: Final = ".template"
"""Folder inside a project with its files as they were made: the base of a later update."""
ORIGIN: Final = "origin.json"
"""File in it that names the template."""
EXTRACT: Final = "extract.csv"
"""The invented data that a new project runs on."""
SHARED: Final = "_shared"
"""Folder of the files that all templates share."""
EXPLORE: Final = "explore.ipynb"
"""The notebook that loads a project, runs it and looks at what came out; the same for all."""
NOTEBOOK: Final = "_notebook"
"""Folder of it."""
MODELS: Final = "_models"
"""Folder of a `models.py` for each kind of question."""
QUESTIONS: Final = "prompts.yaml"
"""File of a template with the questions that its `card.yaml` asks."""
PLAIN: Final = {"demand": "blank_demand", "risk": "blank_risk"}
"""The template of each kind whose explanations hold for every table."""
_NAME: Final = b"PROJECT_NAME"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a project came from."""

    template: str
    """Name of the template."""
    name: str
    title: str
    """What was answered."""
    digest: str
    """SHA-256 of the template's files as they were."""


def create_project(
    workspace: Path,
    name: str,
    template: str,
    title: str = "",
    spec: dict[str, Any] | None = None,
    *,
    with_model: bool = False,
    with_notebook: bool = False,
) -> NewFolder:
    """Make a project in a workspace.

    Parameters
    ----------
    workspace : Path
        A folder with `configs/`.
    name : str
        The project's name and folder.
    template : str
        A name of `CATALOGUE`.
    title : str
        Title for readers; the template's when empty.
    spec : dict, optional
        Sections of `project.yaml` to put in place of the template's, as `look_at_table` proposes
        them; the invented extract is then left out.
    with_model : bool
        Whether to write a `models.py` with one model, and to name it.
    with_notebook : bool
        Whether to write `EXPLORE` too.

    Raises
    ------
    SpecError
        When an answer cannot be used, there is no such template, the folder is taken, or this is
        no workspace.
    StoreError
        When the disk refuses.
    """
    chosen = find_template(template)
    check_slug(name, "a project", ProjectName)
    _require_workspace(workspace)
    origin = Origin(
        chosen.name, name, check_line(title, "title") if title else "", digest_template(chosen)
    )
    pristine = render_template(chosen, origin)
    files = dict(pristine)
    if spec is not None:
        files["project.yaml"] = _write_proposed(workspace, files["project.yaml"], spec)
    else:
        from cityai.samples.extracts import draw_extract

        files[EXTRACT] = draw_extract(chosen.name)
    if with_model:
        files |= _add_model(files["project.yaml"])
    if with_notebook:
        files |= read_files(TEMPLATES / NOTEBOOK)
    files |= {f"{PRISTINE}/{path}": content for path, content in pristine.items()}
    files[f"{PRISTINE}/{ORIGIN}"] = write_origin(origin)
    target = workspace / "projects" / name
    create_folder(target, files, "choose another name for the project")
    return NewFolder(target, tuple(sorted(files)))


def add_notebook(project: Path) -> Path:
    """Write `EXPLORE` into a project that is there; one of that name is never replaced.

    Raises
    ------
    SpecError
        When there is no such project, or it has such a file.
    StoreError
        When the disk refuses.
    """
    path = project / EXPLORE
    if not (project / "project.yaml").is_file():
        raise SpecError(
            "there is no project here", where=str(project), expected="a folder with a project.yaml"
        )
    if os.path.lexists(path):
        raise SpecError(
            "the project has a notebook already",
            where=str(path),
            expected=f"a project without {EXPLORE}",
            next_step="rename yours to have the template beside it",
        )
    write_files(read_files(TEMPLATES / NOTEBOOK), project, PUBLIC_FILE_MODE)
    return path


def _add_model(written: bytes) -> dict[str, bytes]:
    """Return a `models.py` for the kind of question, and the specification that names it."""
    content = open_editor().load(written.decode())
    content.setdefault("models", {}).insert(0, "own", open_editor().load("[mine]"))
    model = (TEMPLATES / MODELS / f"models_{content['kind']}.py").read_bytes()
    return {"models.py": model, "project.yaml": write_yaml(content)}


def find_kind(template: str) -> str:
    """Return the kind of question that a template asks."""
    path = TEMPLATES / find_template(template).name / "project.yaml"
    return str(open_editor().load(path.read_text("utf-8"))["kind"])


def _write_proposed(workspace: Path, written: bytes, proposed: dict[str, Any]) -> bytes:
    """Put proposed sections in place of a template's, explained as the template explains its own.

    What is said of single keys comes from the template without a service, whose words hold for
    every table.
    """
    template = open_editor().load(written.decode())
    if template["kind"] != proposed["kind"]:
        raise SpecError(
            f"a table is looked at for a question of {proposed['kind']}, not of {template['kind']}",
            expected=f"--from with a template of {proposed['kind']}",
            next_step="choose another --template: cityai templates lists them",
        )
    content = {**template, **proposed, "title": proposed["title"] or template["title"]}
    # Columns of the template's invented table are none of this one.
    content["features"] = {**template["features"], "exclude": []}
    content["features"].pop("sensitive", None)
    content["audit"] = {**proposed["audit"], "limits": template["audit"].get("limits", {})}
    source = proposed["data"]["source"]
    source = {**source, "path": shorten_path(Path(source["path"]), workspace)}
    content["data"] = {**proposed["data"], "source": source}
    plain = (TEMPLATES / PLAIN[proposed["kind"]] / "project.yaml").read_text("utf-8")
    heads = read_comments(written.decode())
    return write_commented(content, read_comments(plain), heads)


def shorten_path(path: Path, workspace: Path) -> str:
    """Return how a specification names a file: without what only this machine has."""
    full = path.resolve()
    data = os.environ.get("CITYAI_DATA")
    if data and full.is_relative_to(Path(data).resolve()):
        return "${CITYAI_DATA}/" + full.relative_to(Path(data).resolve()).as_posix()
    if full.is_relative_to(workspace.resolve()):
        return full.relative_to(workspace.resolve()).as_posix()
    return str(full)


def render_template(template: Template, origin: Origin) -> dict[str, bytes]:
    """Return the files of a new project, without its data."""
    files = {
        path: content.replace(_NAME, origin.name.encode())
        for path, content in read_template(template).items()
    }
    answers = {"name": origin.name} | ({"title": origin.title} if origin.title else {})
    files["project.yaml"] = change_yaml(files["project.yaml"], answers)
    return files


def read_template(template: Template) -> dict[str, bytes]:
    """Return a template's files: those that all share, its own, and its questions for the card."""
    files = read_files(TEMPLATES / SHARED) | read_files(TEMPLATES / template.name)
    questions = read_yaml(TEMPLATES / template.name / QUESTIONS).content
    del files[QUESTIONS]
    card = files["card.yaml"].decode()
    for key, question in questions.items():
        card = card.replace(f"# PROMPT {key}\n", f"# {question}\n")
    return files | {"card.yaml": card.encode()}


def digest_template(template: Template) -> str:
    """Return the SHA-256 of a template's files."""
    return digest_files(read_template(template))


def write_origin(origin: Origin) -> bytes:
    """Write where a project came from, as JSON."""
    return (json.dumps(asdict(origin), indent=2, ensure_ascii=False) + "\n").encode()


def read_origin(project: Path) -> Origin:
    """Read where a project came from.

    Raises
    ------
    SpecError
        When it was not made from a template, or the file was changed beyond recognition.
    """
    path = project / PRISTINE / ORIGIN
    try:
        return Origin(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise SpecError(
            "this project was not made from a template",
            where=str(project),
            expected=f"the folder {PRISTINE} that cityai new writes into a project",
        ) from None
    except (OSError, ValueError, TypeError):
        raise SpecError(
            "it cannot be read where the project came from",
            where=str(path),
            expected="the file as cityai new wrote it",
            next_step="restore it from version control",
        ) from None


def _require_workspace(workspace: Path) -> None:
    if not (workspace / "configs").is_dir():
        raise SpecError(
            "this is not a workspace",
            where=str(workspace),
            expected="a folder with configs/",
            next_step="make one with cityai init my-city, and go into it",
        )
