"""A stage of a run: made once, saved under the digest of what it was made from, timed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TypeVar

from cityai.config.project import AuditableSpec
from cityai.progress import Progress
from cityai.store.digests import digest_stage, digest_text
from cityai.store.records import digest_manifest, has_record, keep_record
from cityai.store.stages import Store

RecordT = TypeVar("RecordT")

READ = ("data", "question", "covariates", "events", "models", "city")
"""Parts of a specification that reading depends on; those that a kind lacks are left out."""
REPLAYED = ("question", "features", "events", "backtest", "city")
"""Parts that what is asked about, and when, depends on."""
GROUPED = ("audit", "question", "city")
"""Parts that groups are made from."""
TRIED = ("mitigation", "audit", "policy", "question", "city")
"""Parts that judging, and mitigation, depend on beside the backtest."""


@dataclass(frozen=True)
class Stages:
    """The stages of one project's run.

    Attributes
    ----------
    store : Store
        Where records are kept.
    project : str
        Name of the project.
    progress : Progress
        Told what is being done.
    seconds : dict of str to float
        Wall-clock seconds of each stage that was made (reading a saved one is not counted).
    digests : dict of str to str
        The digest under which each stage's record is kept.
    results : dict of str to str
        The digest of each stage's record itself: of the manifest of its files.
    """

    store: Store
    project: str
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Time a block as a stage that is made."""
        begun = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - begun

    def keep(
        self, name: str, kind: type[RecordT], make: Callable[[], RecordT], *inputs: str
    ) -> tuple[RecordT, str]:
        """Return a stage's record, made or as it was saved, and its digest.

        Parameters
        ----------
        name : str
            A name of `cityai.store.digests.STAGES`.
        kind : type
            The record's class.
        make : callable
            Makes it.
        *inputs : str
            Digests and texts of everything that it is made from.
        """
        digest = self.digests[name] = digest_stage(name, *inputs)
        folder = self.store.find_folder(self.project, name, digest)
        saved = has_record(folder)
        with self.progress.stage(f"{name} (as saved)" if saved else name):
            with nullcontext() if saved else self.time(name):
                record = keep_record(kind, folder, make)
            self.results[name] = digest_manifest(folder)
        return record, digest


def digest_results(results: Mapping[str, str]) -> str:
    """Return one SHA-256 of `Stages.results`, which a card's record is bound to."""
    return digest_text(json.dumps(dict(results), sort_keys=True))


def write_part(spec: AuditableSpec, *fields: str) -> str:
    """Return parts of a specification as canonical text, for a stage's digest."""
    return json.dumps(spec.model_dump(mode="json", include=set(fields)), sort_keys=True)
