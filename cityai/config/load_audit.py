"""From an audit file to one frozen, resolved audit of given predictions."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from cityai.config.audit_file import AuditFileSpec
from cityai.config.city import CitySpec
from cityai.config.load import Project, read_config, read_words
from cityai.config.places import find_workspace
from cityai.config.policy import PolicySpec
from cityai.config.record import SpecRecord
from cityai.config.translations import check_translations
from cityai.config.validate import validate_spec
from cityai.config.yaml import Document, Value, read_yaml
from cityai.errors import SpecError, suggest_name


class AuditHead(SpecRecord):
    """`audit.yaml` as it is written, before the files that it names are read."""

    city: str = "city"
    """The city's file in `configs/`, without `.yaml`."""
    policy: str = "policy"
    """The policy's file in `configs/`, without `.yaml`."""
    card: str = "card.yaml"
    """The human part of the card, beside this file."""


@dataclass(frozen=True, repr=False)
class AuditRequest(Project[AuditFileSpec]):
    """An audit of given predictions, as it was ordered: a project that fits nothing."""

    path: Path
    """The audit file."""
    predictions: Path | None = None
    """The file that was handed over."""

    @property
    def file(self) -> Path:
        """The audit file."""
        return self.path

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that are read beside those that the specification names."""
        return () if self.predictions is None else (self.predictions,)


def load_audit(path: str | Path) -> AuditRequest:
    """Read and resolve an audit file.

    Raises
    ------
    SpecError
        For anything that was written wrongly, with its line.
    """
    file = Path(path).resolve()
    document = read_yaml(file)
    workspace = find_workspace(file.parent, "the audit file")
    own = {k: v for k, v in document.content.items() if k in AuditHead.model_fields}
    head = validate_spec(AuditHead, own, document)
    city = read_config(workspace, head.city, document, "city")
    policy = read_config(workspace, head.policy, document, "policy")
    sections = {k: v for k, v in document.content.items() if k not in AuditHead.model_fields}
    resolved: dict[str, object] = {
        **sections,
        "audit": _choose_inference(sections),
        "city": validate_spec(CitySpec, city.content, city),
        "policy": validate_spec(PolicySpec, policy.content, policy),
        "words": read_words(file.parent / head.card),
    }
    spec = validate_spec(AuditFileSpec, resolved, document)
    _check_order(spec, document, workspace)
    check_translations(file.parent / head.card, spec)
    content = json.dumps(spec.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(content.encode()).hexdigest()
    return AuditRequest(spec, file.parent, workspace, digest, file)


def _choose_inference(sections: dict[str, Value]) -> object:
    """Fill in whom the intervals are about: with one period, only others like these."""
    audit, given = sections.get("audit", {}), sections.get("predictions")
    columns = given.get("columns") if isinstance(given, dict) else None
    if not isinstance(audit, dict) or not isinstance(columns, dict):
        return audit
    return audit if columns.get("as_of") else {"infers": "others like these", **audit}


def _check_order(spec: AuditFileSpec, document: Document, workspace: Path) -> None:
    areas = spec.predictions.areas
    if areas is not None and areas not in spec.city.areas:
        raise SpecError(
            f"the city has no area table '{areas}'",
            where=document.locate(("predictions", "areas")),
            expected=suggest_name(areas, spec.city.areas),
        )
    for name, dimension in spec.audit.dimensions.items():
        by_area = dimension.shares or dimension.bands or dimension.area_column
        own = dimension.attribute == "area"
        if (by_area or own) and not areas:
            raise SpecError(
                f"the audit's dimension '{name}' needs an area table",
                where=document.locate(("audit", "dimensions", name)),
                expected="`predictions.columns.area` and `predictions.areas`"
                + ("; a column of the file called 'area' needs another name" if own else ""),
            )
    if (workspace / "projects" / spec.name / "project.yaml").exists():
        raise SpecError(
            f"a project of this workspace is called '{spec.name}', its card would be replaced",
            where=document.locate(("name",)),
            expected="a name of its own, such as `vendor_" + spec.name + "`",
        )
    if spec.audit.infers == "this city" and spec.predictions.columns.as_of is None:
        raise SpecError(
            "`infers: this city` asks about other times, and there is one period only",
            where=document.locate(("audit", "infers")),
            expected="`predictions.columns.as_of`, or `infers: others like these`",
        )
