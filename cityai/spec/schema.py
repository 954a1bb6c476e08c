"""The JSON Schema of what people write, for editors."""

from __future__ import annotations

import json
from typing import Any, Literal, cast

from pydantic import create_model

from cityai.spec.city import CitySpec
from cityai.spec.load import ProjectFile
from cityai.spec.policy import PolicySpec
from cityai.spec.project import ProjectSpec
from cityai.spec.record import SpecRecord
from cityai.spec.words import WordsSpec

SchemaName = Literal["project", "card", "city", "policy"]
RESOLVED = ("city", "policy", "words")


def build_schema(name: SchemaName) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one kind of file.

    Parameters
    ----------
    name : {"project", "card", "city", "policy"}
        ``project.yaml``, ``card.yaml``, a city's file or a policy's.
    """
    models: dict[SchemaName, type[SpecRecord]] = {
        "project": _model_project_file(),
        "card": WordsSpec,
        "city": CitySpec,
        "policy": PolicySpec,
    }
    schema = models[name].model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    if name == "project":  # a preset may stand in for any section
        schema["required"] = ["name", "title"]
    return schema


def write_schema(name: SchemaName) -> str:
    """Return the schema as the text of its file."""
    return json.dumps(build_schema(name), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _model_project_file() -> type[SpecRecord]:
    """Join `ProjectFile` and the sections of `ProjectSpec` as one model of the written file."""
    fields: dict[str, Any] = {}
    for model in (ProjectSpec, ProjectFile):
        for key, field in model.model_fields.items():
            if model is ProjectSpec and key in RESOLVED:
                continue
            fields[key] = (field.annotation, field)
    return cast("type[SpecRecord]", create_model("Project", __base__=SpecRecord, **fields))
