"""Templates, as they were compiled at an earlier start."""

from __future__ import annotations

from collections.abc import MutableMapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, Template

from cityai.i18n.compiled import keep_compiled

OPTIONS = ("autoescape", "trim_blocks", "lstrip_blocks", "keep_trailing_newline", "optimized")
"""What the code of a template depends on, beside its file and Jinja."""


class TemplateLoader(FileSystemLoader):
    """Finds a template in a folder of this package, and compiles it where none has yet."""

    def load(
        self,
        environment: Environment,
        name: str,
        globals: MutableMapping[str, Any] | None = None,
    ) -> Template:
        """Return a template, which tells whether its file is still the same."""
        source, file, is_unchanged = self.get_source(environment, name)
        options = [getattr(environment, option) for option in OPTIONS]
        code = keep_compiled(
            Path(file),
            f"{file} by Jinja {version('jinja2')}, {options}",
            lambda: environment.compile(source, name, file),
        )
        return environment.template_class.from_code(environment, code, globals or {}, is_unchanged)
