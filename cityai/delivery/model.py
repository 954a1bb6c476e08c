"""The logged model of a project, refused unless it fits."""

from __future__ import annotations

from dataclasses import dataclass

from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.errors import SpecError
from cityai.modeling.final import FinalModel
from cityai.modeling.forecasters.formats import try_model
from cityai.pipeline.run import backtest
from cityai.store.records import read_record
from cityai.track.fetch import fetch_model
from cityai.track.server import connect_tracking
from cityai.track.tags import ASKED_DIGEST

NOT_APPROVED = "not approved"
"""What is said of a model that nobody has released."""


@dataclass(frozen=True, slots=True)
class FittingModel:
    """A logged model that fits its project.

    Attributes
    ----------
    final : FinalModel
        The model.
    run_id, digest : str
        The run that made it; SHA-256 of its manifest.
    approval : str
        Whether it was released, and by whom; `NOT_APPROVED` as long as nobody did.
    """

    final: FinalModel
    run_id: str
    digest: str
    approval: str


def find_model(project: Project[BaseProjectSpec], run_id: str = "") -> FittingModel:
    """Fetch a project's model, check that it is whole and the project's own, and read it.

    Parameters
    ----------
    project : Project
        The project.
    run_id : str
        A run's name; the latest finished one when empty.

    Raises
    ------
    TrackingError
        When there is no such run or model.
    StoreError
        When a file of it was changed, added or removed, or it is damaged.
    SpecError
        When the project's question, data, features or models are no longer those of the run.
    """
    found = fetch_model(connect_tracking(project.state), project.spec.name, run_id)
    if found.tags.get(ASKED_DIGEST) != backtest.digest_asked(project):
        raise SpecError(
            "the project has changed since its model was made: its question, data, features, "
            "backtest, models or city are no longer those of the run",
            where=f"{project.folder.name}/project.yaml and features.py, against {found.where}",
            expected="the specification that the model was made from",
            next_step="run the project again, or name the run that fits with --run",
        )
    final = read_record(FinalModel, found.files, found.where)
    for saved in final.models:
        try_model(saved, str(found.where))
    return FittingModel(final, found.run_id, found.digest, NOT_APPROVED)
