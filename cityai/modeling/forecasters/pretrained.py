"""A pretrained forecaster (time-series foundation model), zero-shot, from weights on disk.

Nothing is fetched and nothing is fitted: weights are read as safetensors, which hold no code. The
only door to Fracast (Apache-2.0), the one library whose weights can be read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np

from cityai.config.load import Project
from cityai.config.project import WEIGHT_FILES, ProjectSpec
from cityai.data.file_digests import digest_file
from cityai.errors import DataError, SetupError, SpecError
from cityai.findings import Finding, Status
from cityai.i18n.messages import say
from cityai.modeling.forecasters.loading import load_library
from cityai.modeling.forecasters.protocol import FloatArray, SeriesForecaster
from cityai.modeling.forecasters.series import SeriesHistory

PRETRAINED: Final = "pretrained"
SHA256: Final = "sha256"
LEAST_PERIODS: Final = 8
"""Known totals at least of an entity within the context; without them it gets no forecast."""
MOST_BYTES: Final = dict(zip(WEIGHT_FILES, (1_000_000, 4_000_000_000), strict=True))
BLOCK: Final = 256
"""Entities forecast together."""


@dataclass(frozen=True, slots=True)
class PretrainedForecaster:
    """A pretrained model that continues each entity's own history.

    The forecast is the mean of the model's quantiles, which lies near its mean: sums over a city
    are less biased than those of medians.
    """

    folder: Path
    """Where its weights lie."""
    settings: dict[str, str]
    """Name, licence and SHA-256 of the weights, as they are logged and kept with the model."""
    name: str = PRETRAINED
    label: str = "pretrained model"
    """As in `SeriesModel`."""

    def forecast(self, asked: SeriesHistory, /) -> FloatArray:
        """Continue each history; shape (H, E), NaN where fewer than `LEAST_PERIODS` are known.

        Raises
        ------
        DataError
            When the weights cannot be read.
        SetupError
            When the library that reads them is missing.
        """
        model = _load(self.folder, self.settings[SHA256])
        recent = asked.history[-model.context_length :]
        whole = np.flatnonzero((~np.isnan(recent)).sum(axis=0) >= LEAST_PERIODS)
        found = np.full((asked.steps, recent.shape[1]), np.nan)
        for at in range(0, len(whole), BLOCK):
            block = whole[at : at + BLOCK]
            quantiles = model.forecast_batch(recent[:, block].T, horizon=asked.reach)
            found[:, block] = quantiles.mean(axis=2).T[asked.skip :]
        if recent.size and np.nanmin(recent, initial=0.0) >= 0:
            found = np.maximum(found, 0.0)
        return found


def load_pretrained(project: Project[ProjectSpec]) -> tuple[PretrainedForecaster, ...]:
    """Return the pretrained forecaster that ``models.pretrained`` names, if it names one.

    Raises
    ------
    SpecError
        When the folder lacks its settings or its weights, or they are too large.
    """
    declared = project.spec.models.pretrained
    if declared is None:
        return ()
    folder = project.find_path(declared.path)
    settings = {
        "weights": declared.name or folder.name,
        "licence": declared.licence,
        SHA256: _digest_weights(folder),
    }
    return (PretrainedForecaster(folder, settings),)


def _digest_weights(folder: Path) -> str:
    """Return one SHA-256 of the settings and the weights in a folder."""
    digest = hashlib.sha256()
    for name, most in MOST_BYTES.items():
        path = folder / name
        if not path.is_file():
            raise SpecError(
                f"{name} is not in {folder}",
                where="models.pretrained.path",
                expected=f"a folder with {' and '.join(WEIGHT_FILES)}, as Fracast saves a model",
                next_step="nothing is fetched from the network: put the files there first",
            )
        if path.stat().st_size > most:
            raise SpecError(
                f"{name} has {path.stat().st_size:,} bytes",
                where="models.pretrained.path",
                expected=f"at most {most:,}",
            )
        digest.update(bytes.fromhex(digest_file(path)))
    return digest.hexdigest()


def refuse_other_weights(model: SeriesForecaster, kept: Mapping[str, str]) -> None:
    """Refuse weights that are not those that a published model was blended with."""
    ours, theirs = model.settings.get(SHA256), kept.get(SHA256)
    if ours != theirs:
        raise DataError(
            f"the weights of the pretrained model have SHA-256 {str(ours)[:12]}",
            where="models.pretrained.path",
            expected=f"SHA-256 {str(theirs)[:12]}, with which the published model was made",
            next_step="put the former weights back, or run the project again",
        )


def judge_pretrained(settings: dict[str, str]) -> Finding:
    """Say that nobody can show what a pretrained model had seen.

    Returns
    -------
    Finding
        Code ``models.pretrained``, never passed: test folds that a model was trained on flatter it.
    """
    reason = say(
        "The weights of {name} (licence: {licence}, SHA-256 {digest}) were trained elsewhere, "
        "perhaps also on open data of this city: what it says of the past may flatter it. Its "
        "share of the forecast is in the table of models.",
        name=settings["weights"],
        licence=settings["licence"],
        digest=settings[SHA256][:12],
    )
    title = say("The pretrained model had not seen what it is tested on")
    return Finding("models.pretrained", Status.NOT_ENOUGH, title, reason)


_LOADING = Lock()


@cache
def _read(folder: Path, digest: str) -> Any:
    try:
        torch = load_library("torch")
        FracastModel = load_library("fracast.inference").FracastModel
    except ImportError as error:
        raise SetupError(
            f"a pretrained model needs Fracast and PyTorch: {error}",
            where="models.pretrained",
            expected="the library that reads its weights",
            next_step="pip install 'cityai[pretrained]'",
        ) from error
    torch.set_num_threads(1)
    try:
        return FracastModel.from_pretrained(folder, weights="fp32")
    except (RuntimeError, KeyError, TypeError, ValueError, OSError) as error:
        raise DataError(
            f"the weights of the pretrained model cannot be read: {error}",
            where=str(folder),
            expected=f"{' and '.join(WEIGHT_FILES)} of one model, as Fracast saves it",
        ) from error


def _load(folder: Path, digest: str) -> Any:
    with _LOADING:
        return _read(folder, digest)
