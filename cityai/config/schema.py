"""The JSON Schema of what people write, for editors."""

from __future__ import annotations

import json
from typing import Any, Literal, cast

from pydantic import create_model
from pydantic.json_schema import models_json_schema

from cityai.config.audit_file import AuditFileSpec
from cityai.config.city import CitySpec
from cityai.config.evaluation import EvaluationSpec
from cityai.config.keys import KeysSpec
from cityai.config.load import SPECS, ProjectFile
from cityai.config.load_audit import AuditHead
from cityai.config.policy import PolicySpec
from cityai.config.record import SpecRecord
from cityai.config.words import WordsSpec

SchemaName = Literal["project", "evaluation", "audit", "card", "city", "policy", "keys"]
RESOLVED = ("city", "policy", "words")


def build_schema(name: SchemaName) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one kind of file."""
    models: dict[SchemaName, type[SpecRecord]] = {
        "audit": _join_models("Audit", AuditFileSpec, AuditHead),
        "card": WordsSpec,
        "city": CitySpec,
        "evaluation": EvaluationSpec,
        "keys": KeysSpec,
        "policy": PolicySpec,
    }
    schema = _build_project() if name == "project" else models[name].model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema


def _build_project() -> dict[str, Any]:
    """Build one schema for all kinds of question: what is asked for depends on `kind`."""
    kinds = {
        kind: _join_models(f"{kind.capitalize()}Project", spec, ProjectFile)
        for kind, spec in SPECS.items()
    }
    _, schema = models_json_schema(
        [(model, "validation") for model in kinds.values()], title="Project"
    )
    named = schema["$defs"]
    for model in kinds.values():  # a preset may stand in for any section
        named[model.__name__]["required"] = ["name", "title"]
    is_risk = {"properties": {"kind": {"const": "risk"}}, "required": ["kind"]}
    there, other = (f"#/$defs/{kinds[kind].__name__}" for kind in ("risk", "demand"))
    return {**schema, "if": is_risk, "then": {"$ref": there}, "else": {"$ref": other}}


def write_schema(name: SchemaName) -> str:
    """Return the schema as the text of its file."""
    return json.dumps(build_schema(name), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _join_models(name: str, resolved: type[SpecRecord], head: type[SpecRecord]) -> type[SpecRecord]:
    """Join the head of a file and the sections of its resolved record as the written file."""
    fields: dict[str, Any] = {}
    for model in (resolved, head):
        for key, field in model.model_fields.items():
            if model is resolved and key in RESOLVED:
                continue
            fields[key] = (field.annotation, field)
    return cast("type[SpecRecord]", create_model(name, __base__=SpecRecord, **fields))
