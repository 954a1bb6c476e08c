"""Memoised stages: made once, saved under the digest of what they are made from, timed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Generic, Protocol, TypeVar, cast

from cityai.config.load import Project
from cityai.config.locate import locate_errors
from cityai.config.project import AuditableSpec
from cityai.data.versions import hold_versions
from cityai.kinds import FittingKind, Kind, open_kind
from cityai.modeling.parallel import use_cluster
from cityai.progress import SILENT, Progress, heard_by
from cityai.store.digests import digest_stage, digest_text
from cityai.store.records import digest_manifest, has_record, keep_record
from cityai.store.stages import Store, open_store

RecordT = TypeVar("RecordT")
Reader = Callable[[Project[AuditableSpec]], str]


@dataclass(frozen=True)
class PipelineRun:
    """One run of a project's stages."""

    project: Project[AuditableSpec]
    """What was asked."""
    store: Store
    """Where records are kept."""
    progress: Progress = SILENT
    """Told what is being done."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall-clock seconds of each stage that was made (reading a saved one is not counted)."""
    digests: dict[str, str] = field(default_factory=dict)
    """The digest under which each stage's record is kept."""
    results: dict[str, str] = field(default_factory=dict)
    """The digest of each stage's record itself: of the manifest of its files."""
    records: dict[str, object] = field(default_factory=dict)
    """What was made or read so far."""

    @cached_property
    def kind(self) -> Kind:
        """The choices of the project's kind of question."""
        return open_kind(self.project)

    @property
    def fitted(self) -> FittingKind:
        """The same, where models are fitted."""
        return cast(FittingKind, self.kind)

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Time a block as a stage that is made."""
        begun = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - begun

    def keep(
        self, name: str, told: str, record: type[RecordT], make: Callable[[], RecordT], *inputs: str
    ) -> RecordT:
        """Return a stage's record, made or as it was saved.

        Parameters
        ----------
        name : str
            A name of `cityai.store.digests.STAGES`.
        told : str
            What is done, for who waits.
        record : type
            The record's class.
        make : callable
            Makes it.
        *inputs : str
            Digests and texts of everything that it is made from.
        """
        digest = self.digests[name] = digest_stage(name, *inputs)
        folder = self.store.find_folder(self.project.spec.name, name, digest)
        saved = has_record(folder)
        with self.progress.stage(f"{told} (as saved)" if saved else told):
            with nullcontext() if saved else self.time(name):
                kept = keep_record(record, folder, make)
            self.results[name] = digest_manifest(folder)
        return kept


class AnyStage(Protocol):
    """What a stage knows of those that it follows."""

    def __call__(self, run: PipelineRun) -> object:
        """Return the record."""

    def find_digest(self, run: PipelineRun) -> str:
        """Return the digest under which the record is kept."""

    def list_fields(self) -> set[str]:
        """Return the parts of the specification that the record depends on."""


class Stage(Generic[RecordT]):
    """A stage: its function, and beside it everything that its key is made of.

    Parameters
    ----------
    make : callable
        ``(run) -> record``; the first line of its docstring is told while it works.
    record : type
        The record's class.
    after : sequence of Stage
        Stages whose records it is made from.
    fields : sequence of str
        Parts of the specification that it looks at beside ``kind``; those that a kind lacks are
        left out.
    files : sequence of callable
        ``(project) -> str``: digests or texts of the files that it reads.
    """

    def __init__(
        self,
        make: Callable[[PipelineRun], RecordT],
        record: type[RecordT],
        after: tuple[AnyStage, ...],
        fields: tuple[str, ...],
        files: tuple[Reader, ...],
    ) -> None:
        self.name, self.__doc__ = make.__name__, make.__doc__
        self.told = (make.__doc__ or self.name).partition("\n")[0].rstrip(".")
        self.make, self.record = make, record
        self.after, self.fields, self.files = after, ("kind", *fields), files

    def __call__(self, run: PipelineRun) -> RecordT:
        """Return the record: from memory, as it was saved, or made."""
        if self.name not in run.records:
            for stage in self.after:
                stage(run)
            inputs = self._list_inputs(run)
            with locate_errors(run.project.file, run.project.workspace):
                make = partial(self.make, run)
                kept = run.keep(self.name, self.told, self.record, make, *inputs)
            run.records[self.name] = kept
        return cast(RecordT, run.records[self.name])

    def find_digest(self, run: PipelineRun) -> str:
        """Return the digest under which the record is kept, whether or not it is made yet."""
        return run.digests.get(self.name) or digest_stage(self.name, *self._list_inputs(run))

    def list_fields(self) -> set[str]:
        """Return the parts of the specification that the record depends on, by whatever way."""
        return {*self.fields, *(name for stage in self.after for name in stage.list_fields())}

    def digest_asked(self, project: Project[AuditableSpec]) -> str:
        """Return the digest of all of a project that a model depends on; no word, no policy."""
        parts = write_part(project.spec, "mitigation", *self.list_fields())
        return digest_text(" ".join((parts, *(read(project) for read in self.files))))

    def _list_inputs(self, run: PipelineRun) -> tuple[str, ...]:
        return (
            *(stage.find_digest(run) for stage in self.after),
            write_part(run.project.spec, *self.fields),
            *(read(run.project) for read in self.files),
        )


def stage(
    record: type[RecordT],
    *,
    after: tuple[AnyStage, ...] = (),
    fields: tuple[str, ...],
    files: tuple[Reader, ...] = (),
) -> Callable[[Callable[[PipelineRun], RecordT]], Stage[RecordT]]:
    """Declare a function to be a stage, with what its key is made of (see `Stage`)."""
    return lambda make: Stage(make, record, after, fields, files)


@contextmanager
def hold_run(project: Project[AuditableSpec], progress: Progress = SILENT) -> Iterator[PipelineRun]:
    """Hold a project, and the versions of its tables, and yield a run that may use a cluster."""
    store = open_store(project.state)
    lock = store.lock_project(project.spec.name, on_wait=progress.warn)
    with lock, heard_by(progress), hold_versions(), use_cluster():
        yield PipelineRun(project, store, progress)


def digest_results(results: Mapping[str, str]) -> str:
    """Return one SHA-256 of `PipelineRun.results`, which a card's record is bound to."""
    return digest_text(json.dumps(dict(results), sort_keys=True))


def write_part(spec: AuditableSpec, *fields: str) -> str:
    """Return parts of a specification as canonical text, for a stage's digest."""
    return json.dumps(spec.model_dump(mode="json", include=set(fields)), sort_keys=True)
