"""The logged model of a project, refused unless it fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.errors import CityaiError, SpecError, UserError
from cityai.modeling.final import FinalModel
from cityai.modeling.forecasters.formats import try_model
from cityai.pipeline.places import CardPlace
from cityai.pipeline.review import find_approval
from cityai.pipeline.run import backtest
from cityai.store.cards import CARDS
from cityai.store.records import read_record
from cityai.track.fetch import fetch_model
from cityai.track.names import ASKED_DIGEST
from cityai.track.server import connect_tracking

NOT_APPROVED = "not approved"
"""What is said of a model that nobody has released."""
ALLOWED: Final = {"approved": "", "overridden": " by an override"}
"""States of a review in which a model may be used, and how that is said."""


@dataclass(frozen=True, slots=True)
class FittingModel:
    """A logged model that fits its project."""

    final: FinalModel
    """The model."""
    run_id: str
    digest: str
    """The run that made it; SHA-256 of its manifest."""
    approval: str
    """For which phase and until when it may be used; else that it is suspended, or not approved."""


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
    UserError
        When the policy refuses a model that nobody approved.
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
    return FittingModel(final, found.run_id, found.digest, _tell_approval(project, found.digest))


def _tell_approval(project: Project[BaseProjectSpec], digest: str) -> str:
    """Say who may use a model and until when; refuse where the policy wants that somebody may.

    Raises
    ------
    UserError
        When nobody may, or the chain of acts does not hold, and the policy says `refuse`.
    """
    strict = project.spec.policy.unapproved == "refuse"
    place = CardPlace(project.workspace / CARDS / project.spec.name, project.workspace)
    try:
        found = find_approval(place, digest)
    except CityaiError as error:
        if strict:
            raise
        return f"{NOT_APPROVED} ({error.what})"
    if found is not None and found.state in ALLOWED:
        return f"{found.phase}{ALLOWED[found.state]} until {found.until}"
    told = f"suspended ({found.phase})" if found and found.state == "suspended" else NOT_APPROVED
    if strict:
        raise UserError(
            f"the policy lets no list be made with this model: it is {told}",
            where=f"{project.folder.name}, `unapproved: refuse` of its policy",
            expected="a model with an approval that counts",
            next_step=f"cityai gate {project.folder}, or name the run that is approved with --run",
        )
    return told
