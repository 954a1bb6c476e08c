"""From files to one frozen, resolved project."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Final, Generic

from typing_extensions import TypeVar

from cityai.config.city import CitySpec
from cityai.config.connection import check_connections
from cityai.config.names import check_names, check_risk, check_types
from cityai.config.places import CONFIGS, find_state, find_workspace
from cityai.config.policy import PolicySpec
from cityai.config.project import AuditableSpec, BaseProjectSpec, ProjectSpec
from cityai.config.record import SpecRecord
from cityai.config.risk import RiskSpec
from cityai.config.translations import check_translations, read_translations
from cityai.config.validate import validate_spec
from cityai.config.words import WordsSpec
from cityai.config.yaml import Document, read_yaml
from cityai.errors import SpecError, suggest_name
from cityai.notebook import write_page

_VARIABLE = re.compile(r"\$\{([A-Z_]+)\}")

SpecT_co = TypeVar("SpecT_co", bound=AuditableSpec, default=ProjectSpec, covariant=True)

SPECS: Final[dict[str, type[BaseProjectSpec]]] = {"demand": ProjectSpec, "risk": RiskSpec}
"""The record of each kind of question; demand when none is named."""


class ProjectFile(SpecRecord):
    """`project.yaml` as it is written, before the files that it names are read."""

    use: str | None = None
    """A preset in `configs/presets/`: its sections are taken whole where this file has none."""
    city: str = "city"
    """The city's file in `configs/`, without `.yaml`."""
    policy: str = "policy"
    """The policy's file in `configs/`, without `.yaml`."""
    card: str = "card.yaml"
    """The human part of the card, in the project's folder."""


@dataclass(frozen=True, repr=False)
class Project(Generic[SpecT_co]):
    """A project as the run sees it: `Project` of demand, `Project[RiskSpec]` of risk.

    Attributes
    ----------
    spec : ProjectSpec or RiskSpec
        The resolved specification.
    folder : Path
        The project's folder.
    workspace : Path
        The nearest folder above it with a ``configs`` folder.
    digest : str
        SHA-256 of the resolved specification and of the bytes of ``features.py`` and ``models.py``.
    """

    spec: SpecT_co
    folder: Path
    workspace: Path
    digest: str

    def __repr__(self) -> str:
        """Return one line; `spec` holds everything that was declared."""
        return f"Project({self.spec.name}: {self.spec.kind}, {self.folder})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: what is asked, and where it was read."""
        return write_page(
            f"{self.spec.title}, {self.spec.city.name}",
            {
                "Project": [self.spec.name],
                "Kind": [self.spec.kind],
                "Folder": [str(self.folder)],
                "Digest": [self.digest[:12]],
                "Next": ["cityai.run_project(project) runs it; project.spec is the specification"],
            },
        )

    @property
    def file(self) -> Path:
        """The project's own file."""
        own = self.spec.name.removeprefix(f"{self.folder.name}_")
        return self.folder / f"{'project' if own == self.folder.name else own}.yaml"

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that are read beside those that the specification names."""
        return ()

    @property
    def own_features(self) -> Path:
        """Where the project's own feature functions are, if it has any."""
        return self.folder / "features.py"

    @property
    def own_models(self) -> Path:
        """Where the functions that return the project's own models are, if it has any."""
        return self.folder / "models.py"

    def read_own_code(self) -> str:
        """Return the text of the project's own features and models, empty when it has none."""
        return _read_own(self.folder).decode()

    def digest_own_code(self) -> dict[str, str]:
        """Return the SHA-256 of the project's own features and models, by file."""
        own = (self.own_features, self.own_models)
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in own if p.is_file()}

    @property
    def state(self) -> Path:
        """The workspace's private folder for saved stages, the store and the sample city."""
        return find_state(self.workspace)

    def find_path(self, written: str) -> Path:
        """Turn a path of a specification into one of the machine.

        ``${CITYAI_DATA}`` and ``${CITYAI_SAMPLE}`` are expanded; a relative path is looked for in
        the project's folder, then in the workspace. Of a file that is in neither, the place with
        the name most like it is meant, so that the message about it shows that name.

        Raises
        ------
        SpecError
            If another variable is named.
        """
        path = Path(expand_path(written, self.workspace))
        if path.is_absolute():
            return path
        inside, above = self.folder / path, self.workspace / path
        if inside.exists() or above.exists():
            return inside if inside.exists() else above
        return inside if _measure_likeness(inside) > _measure_likeness(above) else above


def expand_path(written: str, workspace: Path) -> str:
    """Replace the variables that a path may hold."""
    known = {
        "CITYAI_DATA": os.environ.get("CITYAI_DATA") or str(workspace / ".." / "shared" / "data"),
        "CITYAI_SAMPLE": str(find_state(workspace) / "sample_city"),
    }

    def replace(match: re.Match[str]) -> str:
        if match[1] not in known:
            raise SpecError(
                f"the variable ${{{match[1]}}} is not known in a path",
                where=written,
                expected=suggest_name(match[1], known),
            )
        return known[match[1]]

    return _VARIABLE.sub(replace, written)


def _measure_likeness(missing: Path) -> float:
    """Return how like a missing file's name the nearest name in its folder is, from 0 to 1."""
    beside = [path.name for path in missing.parent.glob(f"*{missing.suffix}")]
    return max((SequenceMatcher(None, missing.name, name).ratio() for name in beside), default=0.0)


def find_named(path: str | Path) -> Path:
    """Return where a project lies that is named barely; any other path as it is."""
    given = Path(path)
    if given.exists() or given.name != str(given):
        return given
    shelves = [folder / "projects" / given for folder in (Path.cwd(), *Path.cwd().parents)]
    return next((shelf for shelf in shelves if shelf.is_dir()), given)


def load_project(path: str | Path) -> Project[Any]:
    """Read and resolve a project; its `kind` says which record its specification is.

    Parameters
    ----------
    path : str or Path
        The project's folder, its ``project.yaml``, or its bare name in the workspace.

    Raises
    ------
    SpecError
        If a file is missing or a value is wrong; the message has the file, line and column.
    """
    given = find_named(path)
    file = given / "project.yaml" if given.is_dir() or given.suffix != ".yaml" else given
    if not file.exists():
        raise SpecError(
            "there is no project here",
            where=str(given),
            expected="a folder with a project.yaml",
            next_step=_list_projects(given),
        )
    file = file.resolve()
    folder, workspace = file.parent, find_workspace(file.parent, "the project")
    document = read_yaml(file)
    own = {k: v for k, v in document.content.items() if k in ProjectFile.model_fields}
    written = validate_spec(ProjectFile, own, document)
    sections = {k: v for k, v in document.content.items() if k not in ProjectFile.model_fields}
    sources = dict.fromkeys(sections, document)
    if written.use is not None:
        preset = read_config(workspace, f"presets/{written.use}", document, "use")
        for key, value in preset.content.items():
            sections.setdefault(key, value)
            sources.setdefault(key, preset)
    city = read_config(workspace, written.city, document, "city")
    policy = read_config(workspace, written.policy, document, "policy")
    words = folder / written.card
    resolved: dict[str, object] = {
        **sections,
        "city": validate_spec(CitySpec, city.content, city),
        "policy": validate_spec(PolicySpec, policy.content, policy),
        "words": read_words(words),
    }
    kind = sections.get("kind", "demand")
    if kind not in SPECS:
        raise SpecError(
            f"the kind of question '{kind}' is not known",
            where=sources["kind"].locate(("kind",)),
            expected=suggest_name(str(kind), SPECS),
        )
    spec = validate_spec(SPECS[str(kind)], resolved, document, sources)
    check_names(spec, document, file)
    check_connections(spec, document)
    check_translations(words, spec)
    check_types(spec, document)
    if isinstance(spec, RiskSpec):
        check_risk(spec, document)
    return Project(spec, folder, workspace, _digest(spec, folder))


def _list_projects(given: Path) -> str:
    shelf = given.parent if given.parent.name == "projects" else Path("projects")
    found = sorted(p.parent.name for p in shelf.glob("*/project.yaml"))
    return suggest_name(given.name, found) if found else "go to a workspace with `projects/`"


def read_config(workspace: Path, name: str, document: Document, key: str) -> Document:
    """Read a file of ``configs`` that a key of a document names."""
    path = workspace / CONFIGS / f"{name}.yaml"
    if not path.exists():
        shelf = path.parent
        found = [p.stem for p in shelf.glob("*.yaml")] if shelf.is_dir() else []
        raise SpecError(
            f"`{key}` names '{path.stem}', and {path.relative_to(workspace)} does not exist",
            where=document.locate((key,)),
            expected=suggest_name(path.stem, found),
        )
    return read_yaml(path)


def read_city(workspace: Path) -> CitySpec:
    """Read the settings of a city."""
    document = read_yaml(workspace / CONFIGS / "city.yaml")
    return validate_spec(CitySpec, document.content, document)


def read_words(path: Path) -> WordsSpec:
    """Read the human part of a card; nothing is answered where there is no file."""
    if not path.exists():
        return WordsSpec()
    document = read_yaml(path)
    words = validate_spec(WordsSpec, document.content, document)
    translations = {**words.translations, **read_translations(path, words.language)}
    return words.model_copy(update={"translations": translations})


def _digest(spec: BaseProjectSpec, folder: Path) -> str:
    content = json.dumps(spec.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(content.encode())
    digest.update(_read_own(folder))
    return digest.hexdigest()


def _read_own(folder: Path) -> bytes:
    return b"".join(_read_code(folder / name) for name in ("features.py", "models.py"))


def _read_code(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise OSError("it is no file")
        content = path.read_bytes() if path.exists() else b""
        content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            f"cannot be read: {error}", where=str(path), expected="a file of UTF-8 text"
        ) from None
    return content
