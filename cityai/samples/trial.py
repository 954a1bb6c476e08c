"""A trial in Port Ellery: 26 weeks in which a visit changes a kitchen, by a known amount.

Beside the city's own tables, which stay as they are, it writes `trial/`: inspections that go on
after the export, and follow-up visits eight weeks after each. Who is visited is for the trial to
say, so the weeks are drawn one by one, as `TrialCity.pass_week` is told what was done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from cityai.samples.inspections import DAYS, EVERY_DAYS, FIRST_DAY, WATCHED

WEEKS: Final = 26
FIRST_WEEK: Final = FIRST_DAY + DAYS
"""Monday of the trial's first week: 2025-12-29, the day of the export."""
FOLLOW_UP_DAYS: Final = 56
EFFECT: Final = -0.30
"""What a visit adds to the probability of a violation at the follow-up: the planted truth."""
NOT_FOLLOWED: Final = 0.15
"""Share of those to be visited whom inspectors do not get to."""
BUSIER: Final = 1.5
"""How much more often a kitchen is due than before the export."""
_BEFORE: Final = 364
"""Days before the export from which follow-ups are known too."""
FOLLOW_UPS, INSPECTIONS, TRUTH = "follow_ups.csv", "inspections.csv", "trial.csv"
REASONS: Final = ("no inspector was free", "closed on that day", "moved to another week")


def chance_of_violation(true_risk: np.ndarray) -> np.ndarray:
    """Probability of a violation at the follow-up, of kitchens that were not visited."""
    return np.clip(0.32 + 0.8 * true_risk, 0.0, 0.95)


@dataclass
class TrialCity:
    """The city from its export on.

    Parameters
    ----------
    folder : Path
        Of a sample city; `trial/` is written into it.
    seed : int
        Of all that is random.
    """

    folder: Path
    seed: int = 7
    table: pd.DataFrame = field(init=False)
    done: pd.DataFrame = field(init=False)

    def __post_init__(self) -> None:
        """Draw what will be due, and what each kitchen would be found like, visited or not."""
        rng = np.random.default_rng([self.seed, 8])
        past = pd.read_csv(self.folder / "inspections.csv", dtype=str, keep_default_na=False)
        past = past[past["inspected_on"] < str(FIRST_WEEK)]
        truth = pd.read_csv(self.folder / "truth" / "kitchens.csv").set_index("establishment")
        self.true_risk = truth["true_risk"]
        kitchens = past.drop_duplicates("establishment", keep="last").set_index("establishment")
        due = self._draw_due(kitchens, len(past), rng)
        self.table = pd.concat([past, due], ignore_index=True)
        risk = self.true_risk.reindex(self.table["establishment"]).to_numpy(np.float64)
        self.luck = rng.random((2, len(self.table)))
        self.found = np.where(self.luck[0] < risk, "yes", "no")
        self.done = pd.DataFrame(columns=["case_id", "done"])
        self._write()

    def _draw_due(
        self, kitchens: pd.DataFrame, count: int, rng: np.random.Generator
    ) -> pd.DataFrame:
        days = np.arange(7 * WEEKS)
        every = np.where(kitchens["district"] == WATCHED, EVERY_DAYS / 2, EVERY_DAYS) / BUSIER
        chance = np.where((days % 7 < 5)[:, None], 7 / 5 / every[None, :], 0.0)
        day, kitchen = np.nonzero(rng.random(chance.shape) < chance)
        due = kitchens.iloc[kitchen].reset_index()
        due["inspected_on"] = np.datetime_as_string(FIRST_WEEK + day)
        due["inspection_id"] = [f"IN-{count + i + 1:05d}" for i in range(len(due))]
        return due.assign(violation="")

    def pass_week(self, assigned: pd.DataFrame, week: int) -> pd.DataFrame:
        """Let a week pass: inspectors do most of what they were assigned; return what they say.

        Parameters
        ----------
        assigned : pandas.DataFrame
            ``case_id``, ``arm`` and ``as_of`` of the week's list.
        week : int
            From 0.
        """
        rng = np.random.default_rng([self.seed, 9, week])
        wanted = (assigned["arm"] == "served").to_numpy()
        missed = rng.random(len(assigned)) < NOT_FOLLOWED
        done, why = wanted & ~missed, rng.choice(REASONS, len(assigned))
        case = assigned["case_id"].astype(str).to_numpy()
        day = self.table.set_index("inspection_id")["inspected_on"].reindex(case).to_numpy()
        role = np.where(rng.random(len(assigned)) < 0.8, "inspector", "head of the district")
        told = pd.DataFrame(
            {
                "case_id": case,
                "done": np.where(done, "yes", "no"),
                "done_on": np.where(done, day, ""),
                "role": role,
                "why_not": np.where(done, "", np.where(wanted, why, "not drawn")),
            }
        )
        self.done = pd.concat([self.done, told], ignore_index=True)
        self._write()
        return told

    def _write(self) -> None:
        """Write the tables as the city has them by now."""
        place, table = self.folder / "trial", self.table
        place.mkdir(exist_ok=True)
        visited = set(self.done.loc[self.done["done"] == "yes", "case_id"])
        was = table["inspection_id"].isin(visited).to_numpy()
        planned = (table["inspected_on"] >= str(FIRST_WEEK)).to_numpy()
        shown = table.assign(
            violation=np.where(planned, np.where(was, self.found, ""), table["violation"])
        )
        shown.to_csv(place / INSPECTIONS, index=False, lineterminator="\n", encoding="utf-8")
        self._follow_up(table, planned, was).to_csv(
            place / FOLLOW_UPS, index=False, lineterminator="\n", encoding="utf-8"
        )

    def _follow_up(self, table: pd.DataFrame, planned: np.ndarray, was: np.ndarray) -> pd.DataFrame:
        """Draw the follow-ups: of half a year before the export, and of those on lists since."""
        risk = self.true_risk.reindex(table["establishment"]).to_numpy(np.float64)
        without = chance_of_violation(risk)
        chance = np.where(planned & was, np.maximum(without + EFFECT, 0.0), without)
        day = table["inspected_on"].to_numpy().astype("datetime64[D]")
        listed = table["inspection_id"].isin(set(self.done["case_id"])).to_numpy()
        measured = listed | (~planned & (day >= FIRST_WEEK - _BEFORE) & (day < FIRST_WEEK - 56))
        rows = pd.DataFrame(
            {
                "inspection_id": table["inspection_id"],
                "checked_on": np.datetime_as_string(day + FOLLOW_UP_DAYS),
                "violation": np.where(self.luck[1] < chance, "yes", "no"),
            }
        )
        truth = pd.DataFrame({"inspection_id": table["inspection_id"], "without": without})
        truth["with_visit"] = np.maximum(without + EFFECT, 0.0)
        truth[planned].round(4).to_csv(
            self.folder / "truth" / TRUTH, index=False, lineterminator="\n"
        )
        return rows[measured]
