"""A kind of question, as the parts that the stages are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cityai.modeling.forecasters import Candidate, SeriesModel
from cityai.spec.project import Period


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of question is made of. No stage asks which kind it is.

    Attributes
    ----------
    name : str
        As in `project.yaml`.
    baselines : callable
        From the length of a period to the baselines that always run.
    candidates : tuple of Candidate
        What may take part in the forecast.
    """

    name: str
    baselines: Callable[[Period], tuple[SeriesModel, ...]]
    candidates: tuple[Candidate, ...]
