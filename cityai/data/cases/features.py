"""All features of all cases."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import AS_OF, CASE, ENTITY, KNOWN_AT, SLOT
from cityai.config.load import Project
from cityai.config.risk import RiskSpec
from cityai.data.cases.cases import Cases
from cityai.data.cases.context import describe_attributes, describe_calendar, describe_covariates
from cityai.data.cases.nearby import describe_nearby
from cityai.data.cases.own import describe_own
from cityai.data.cases.past import describe_cases_past, describe_events
from cityai.data.cases.rows import CaseFeature, CaseRows
from cityai.errors import SpecError, suggest_name


def build_case_rows(
    cases: Cases, project: Project[RiskSpec], day: pd.Timestamp | None = None
) -> CaseRows:
    """Build the features of every case from what was known strictly before it was asked about.

    Cases whose outcome is not known yet have rows too: those are predicted.

    Parameters
    ----------
    cases : Cases
        What was read.
    project : Project
        The question, and the project's own functions.
    day : pandas.Timestamp, optional
        Call the project's own functions for the cases asked about on this day alone, which is all
        that a list of that day needs; the others get NaN from them.

    Raises
    ------
    SpecError
        When the specification names a feature that does not exist.
    DataError
        When one of the project's own functions fails.
    """
    spec = project.spec
    features = _choose(
        (
            *describe_cases_past(cases, spec),
            *describe_events(cases, spec),
            *describe_nearby(cases, spec),
            *describe_attributes(cases, spec),
            *describe_calendar(cases, spec),
            *describe_covariates(cases, spec),
            *describe_own(cases, project, day),
        ),
        spec,
    )
    kept = cases.table[[CASE, ENTITY, AS_OF, KNOWN_AT, SLOT]]
    columns = {feature.name: _write_column(feature) for feature in features}
    labels = spec.features.labels
    return CaseRows(
        table=pd.concat([kept, pd.DataFrame(columns, index=kept.index)], axis=1),
        features=tuple(f.name for f in features),
        categorical=tuple(f.name for f in features if f.categories is not None),
        labels={f.name: labels.get(f.name, f.label) for f in features},
        families={f.name: f.family for f in features},
    )


def _write_column(feature: CaseFeature) -> npt.NDArray[np.float32] | pd.Categorical:
    if feature.categories is None:
        numbers: npt.NDArray[np.float32] = feature.values.astype(np.float32)
        return numbers
    categories = pd.Index(list(feature.categories), dtype="str")
    return pd.Categorical.from_codes(feature.values.astype(np.int64), categories=categories)


def _choose(features: Iterable[CaseFeature], spec: RiskSpec) -> tuple[CaseFeature, ...]:
    """Leave out what is excluded; refuse names of nothing, and one name for two things."""
    found = tuple(features)
    names = [f.name for f in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SpecError(
            f"two features would be called '{twice}'",
            where="features",
            next_step="rename the attribute, the event table or the own function",
        )
    rules = spec.features
    for key, given in (
        ("exclude", rules.exclude),
        ("labels", rules.labels),
        ("sensitive", rules.sensitive),
    ):
        for name in given:
            if name not in names:
                raise SpecError(
                    f"`features.{key}` names '{name}', which is no feature",
                    where=f"features.{key}",
                    expected=suggest_name(name, names),
                )
    return tuple(f for f in found if f.name not in rules.exclude)
