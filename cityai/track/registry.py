"""MLflow's registered model of a project: its aliases, and the bytes behind them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from cityai.errors import StoreError, TrackingError
from cityai.scratch import open_scratch
from cityai.store.records import check_manifest, digest_files
from cityai.store.values import Files
from cityai.track.door import call_mlflow, import_mlflow
from cityai.track.fetch import LARGEST
from cityai.track.model import ABSENT
from cityai.track.model import FILES as RECORD
from cityai.track.names import HEAD, MODEL_DIGEST
from cityai.track.server import SCHEMA, Tracking, connect_tracking

CACHES: Final = "__pycache__"
"""What Python writes beside sources that it loads: not looked at."""


@dataclass(frozen=True, slots=True)
class Held:
    """What lies behind a version."""

    model: str
    """SHA-256 over the digests of the model's files; empty where they do not fit each other."""
    whole: str
    """SHA-256 over all files of its folder."""


class Registry(Protocol):
    """A project's registered model."""

    @property
    def where(self) -> str:
        """What to call it in a message."""

    def find_version(self, digest: str) -> str:
        """Return the newest version whose run logged a model; empty without one."""

    def read_aliases(self) -> dict[str, str]:
        """Return the version behind each alias."""

    def read_heads(self) -> dict[str, str]:
        """Return the head of the review's chain that stands on each version."""

    def digest_version(self, version: str) -> Held:
        """Digest the files of a version, as they lie there."""

    def move_alias(self, alias: str, version: str) -> None:
        """Point an alias at a version; at none, where that is empty."""

    def write_head(self, version: str, head: str) -> None:
        """Write the head of the review's chain on a version."""


@dataclass(frozen=True, slots=True)
class MlflowRegistry:
    """The registered model that MLflow keeps."""

    tracking: Tracking
    name: str

    @property
    def where(self) -> str:
        """What to call it in a message."""
        return f"registered model {self.name} in {self.tracking.where}"

    def find_version(self, digest: str) -> str:
        """Return the newest version whose run logged a model; empty without one."""
        client = self.tracking.client
        with call_mlflow("the registered model could not be read", self.where):
            for version in self._list_versions():
                run = client.get_run(version.run_id) if version.run_id else None
                if run is not None and run.data.tags.get(MODEL_DIGEST) == digest:
                    return str(version.version)
        return ""

    def read_aliases(self) -> dict[str, str]:
        """Return the version behind each alias."""
        try:
            with call_mlflow("the registered model could not be read", self.where):
                found = self.tracking.client.get_registered_model(self.name).aliases
        except TrackingError as error:
            if getattr(error.__cause__, "error_code", "") in ABSENT:
                return {}
            raise
        return {alias: str(version) for alias, version in found.items()}

    def read_heads(self) -> dict[str, str]:
        """Return the head of the review's chain that stands on each version."""
        tag = self.tracking.name_tag(HEAD)
        with call_mlflow("the registered model could not be read", self.where):
            tagged = [v for v in self._list_versions() if v.tags.get(tag)]
        return {str(v.version): v.tags[tag] for v in tagged}

    def digest_version(self, version: str) -> Held:
        """Digest the files of a version, as they lie there."""
        doing = f"version {version} could not be fetched"
        with call_mlflow(doing, self.where), open_scratch() as place:
            uri = self.tracking.client.get_model_version_download_uri(self.name, version)
            folder = import_mlflow().artifacts.download_artifacts(
                artifact_uri=uri, dst_path=str(place), tracking_uri=self.tracking.uri
            )
            return _digest_folder(Path(folder), f"version {version}")

    def move_alias(self, alias: str, version: str) -> None:
        """Point an alias at a version; at none, where that is empty."""
        with call_mlflow(f"the alias {alias} could not be moved", self.where):
            if version:
                self.tracking.client.set_registered_model_alias(self.name, alias, version)
            else:
                self.tracking.client.delete_registered_model_alias(self.name, alias)

    def write_head(self, version: str, head: str) -> None:
        """Write the head of the review's chain on a version."""
        tag = self.tracking.name_tag(HEAD)
        with call_mlflow(f"version {version} could not be tagged", self.where):
            self.tracking.client.set_model_version_tag(self.name, version, tag, head)

    def _list_versions(self) -> list[Any]:
        found = self.tracking.client.search_model_versions(f"name = '{self.name}'")
        return sorted(found, key=lambda version: -int(version.version))


def open_registry(state: Path, project: str) -> MlflowRegistry:
    """Open the registered model of a project.

    Raises
    ------
    TrackingError
        When the store does not answer, or keeps no models.
    """
    tracking = connect_tracking(state)
    name = tracking.name_model(project)
    if not name:
        raise TrackingError(
            "this store registers no models",
            where=SCHEMA,
            expected="a registry with the versions of the project's model",
            next_step=f"name a schema in {SCHEMA}, or unset it, and run the project again",
        )
    return MlflowRegistry(tracking, name)


def _digest_folder(folder: Path, where: str) -> Held:
    paths = [p for p in sorted(folder.rglob("*")) if p.is_file() and CACHES not in p.parts]
    if sum(path.stat().st_size for path in paths) > LARGEST:
        raise StoreError("the model is too large", where=where, expected=f"{LARGEST:,} bytes")
    whole, record = hashlib.sha256(), Files()
    for path in paths:
        content, name = path.read_bytes(), path.relative_to(folder).as_posix()
        whole.update(f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode())
        if name.startswith(f"{RECORD}/"):
            record[name.removeprefix(f"{RECORD}/")] = content
    try:
        check_manifest(record, where)
    except StoreError:
        return Held("", whole.hexdigest())
    return Held(digest_files(record), whole.hexdigest())
