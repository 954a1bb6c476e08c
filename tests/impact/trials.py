"""Two real trials with published answers, as frames and laws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from cityai.impact.assignment import read_law
from cityai.impact.records import Law
from tests.conftest import DATA

FOLDER = DATA / "impact_trials"
LETTERS = ("No_Letter", "Open_Appt", "Specific_Appt")
FORMS = ("Manual CICT", "Automated CICT")
needs_trials = pytest.mark.skipif(not FOLDER.exists(), reason=f"no trials in {FOLDER}")


@dataclass(frozen=True)
class Wedge:
    """29 ZIP codes over 8 weeks; `published` leaves out what the authors' code does."""

    law: Law
    published: np.ndarray
    outcome: np.ndarray
    received: np.ndarray
    weights: np.ndarray


def read_santa_clara() -> Wedge:
    table = pd.read_parquet(FOLDER / "santa_clara_stepped_wedge.parquet")
    sums = {
        arm: table[f"mean_perc_filled_assigned_{arm}"] * table[f"n_assigned_{arm}"]
        for arm in ("automated", "manual")
    }
    n = table["n_assigned_automated"] + table["n_assigned_manual"]
    assigned = pd.DataFrame(
        {
            "unit": table["Zip"],
            "period": pd.factorize(table["week"], sort=True)[0],
            "arm": table["condition"],
        }
    )
    return Wedge(
        read_law(assigned, "stepped wedge", FORMS),
        # Missing times zero is missing: where one arm is empty, so is the row.
        ((sums["automated"] + sums["manual"]) / n).to_numpy(),
        ((sums["automated"].fillna(0) + sums["manual"].fillna(0)) / n).to_numpy(),
        (table["n_assigned_automated"] / n).to_numpy(),
        n.to_numpy(np.float64),
    )


@dataclass(frozen=True)
class Letters:
    law: Law
    outcome: np.ndarray
    center: np.ndarray


def read_letters() -> Letters:
    """Households, dealt out within service centre and month; two centres have five of them."""
    table = pd.read_parquet(FOLDER / "dc_recertification_letters.parquet")
    center = table["service_center"]
    few = center.map(center.value_counts()) < 10
    block = (center + " " + table["recert_month"]).mask(few, "few")
    assigned = pd.DataFrame({"unit": table.index, "block": block, "arm": table["condition"]})
    share = assigned.groupby("block")["arm"].value_counts(normalize=True)
    keys = pd.MultiIndex.from_frame(assigned[["block", "arm"]])
    assigned["probability"] = share.reindex(keys).to_numpy()
    return Letters(
        read_law(assigned, "lottery", LETTERS),
        (table["recert_status"] == "Processed").to_numpy(np.float64),
        center.to_numpy(str),
    )
