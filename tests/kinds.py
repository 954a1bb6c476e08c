"""Kinds of questions for specifications that lie in no folder."""

from __future__ import annotations

from pathlib import Path

from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.kinds import Kind, open_kind


def open_spec(spec: BaseProjectSpec) -> Kind:
    return open_kind(Project(spec, Path(), Path(), ""))
