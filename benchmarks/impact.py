"""Impact evaluation in figures: trials, false alarms, coverage, and time beside other ways.

Run from the repository's folder::

    python benchmarks/impact.py trials
    python benchmarks/impact.py permuted     # three minutes
    python benchmarks/impact.py cities       # a minute
    python benchmarks/impact.py places       # ten minutes: as the commands promise and analyse
    python benchmarks/impact.py speed        # pyfixest's ritest beside it, where it is installed

"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pandas as pd

from cityai.impact.difference_in_means import difference_in_means
from cityai.impact.fixed_effects import two_way_fixed_effects
from cityai.impact.group_effects import compare_groups
from cityai.impact.lots import draw_starts, plan_starts
from cityai.impact.options import Rules
from cityai.impact.past_lists import PastPlaces
from cityai.impact.place_designs import PROMISES
from cityai.impact.records import Effect, Law
from cityai.pipeline.impact.measure import STEPS

UNITS, BLOCKS, DRAWS = 20_000, 50, 1000


def tell(name: str, effect: Effect) -> None:
    if not effect.known:
        print(f"{name:42} {effect.reason}")
        return
    error = "" if effect.standard_error is None else f" ({effect.standard_error:.4f})"
    bounds = f"{effect.low:+.4f} to {effect.high:+.4f}"
    print(f"{name:42} {effect.estimate:+.4f}{error}  {bounds}  n {effect.n}  {effect.reason}")


def show_trials() -> None:
    from tests.impact.trials import FORMS, LETTERS, read_letters, read_santa_clara

    wedge, law = read_santa_clara(), read_santa_clara().law
    for rows in ("published", "outcome"):
        for name, options in (
            ("assignment, least squares' errors", {"errors": "iid"}),
            ("instrument, least squares' errors", {"errors": "iid", "received": wedge.received}),
            ("assignment, errors by ZIP code", {}),
            ("instrument, errors by ZIP code", {"received": wedge.received}),
            ("assignment, starts drawn again", {"law": law, "draws": 2000}),
        ):
            y = getattr(wedge, rows)
            fixed = {"arms": FORMS, "weights": wedge.weights}
            effect = two_way_fixed_effects(y, law.arm, law.unit, law.period, **fixed, **options)
            tell(name, effect)
    letters = read_letters()
    for code, name in enumerate(LETTERS):
        print(f"{name:42} {letters.outcome[letters.law.arm == code].mean():.1%}")
    for arms in (LETTERS[:2], LETTERS[::2], LETTERS[:0:-1]):
        effect = difference_in_means(letters.outcome, letters.law, arms, draws=2000)
        tell(f"{arms[1]} - {arms[0]}", effect)
        found = compare_groups(letters.outcome, letters.law, letters.center, arms)
        for group, one in zip(found.groups, found.effects, strict=True):
            tell(f"  {group}", one)


def show_permuted(count: int = 1000) -> None:
    """Both trials with assignments drawn anew: nothing was done, so nothing is to be found."""
    from tests.impact.test_trials import count_accusations, permute
    from tests.impact.trials import FORMS, LETTERS, read_letters, read_santa_clara

    wedge, letters = read_santa_clara(), read_letters()
    found: dict[str, list[Effect]] = {"wedge": [], "letters": []}
    for drawn in wedge.law.redraw(np.random.default_rng(7), count):
        law = permute(wedge.law, drawn)
        fixed = {"arms": FORMS, "weights": wedge.weights, "law": law, "draws": 400}
        panel = wedge.outcome, law.arm, law.unit, law.period
        found["wedge"].append(two_way_fixed_effects(*panel, **fixed))
    for drawn in letters.law.redraw(np.random.default_rng(7), count):
        law = permute(letters.law, drawn)
        found["letters"].append(difference_in_means(letters.outcome, law, LETTERS[:2], draws=200))
    for name, smallest in (("wedge", -0.01), ("letters", 0.02)):
        worth = count_accusations(found[name], smallest)
        told = count_accusations(found[name], smallest * 1e-9)
        print(f"{name}: worth it or harmful {worth:.1%}, told from none {told:.1%} of {count:,}")


def show_cities(count: int = 3000) -> None:
    """Cities with a planted effect: what their designs promised, and what came of it."""
    from cityai.impact.replays import PlaceboLottery
    from cityai.impact.wedge_replays import PlaceboWedge
    from tests.impact import test_power as city

    rng = np.random.default_rng(1)
    past, law = city.draw_outcomes(52, rng), city.make_law(52, rng)
    lottery = PlaceboLottery.draw(past, law, city.WEEKS).power(city.EFFECT, 0.95)
    effects = city.simulate_city(count, city.EFFECT, 0)
    held = np.mean([e.low <= city.EFFECT <= e.high for e in effects])
    told = np.mean([e.high < 0 for e in effects])
    print(
        f"lottery: promised {lottery:.1%}, came {told:.1%}; "
        f"intervals held the truth in {held:.1%} of {count:,}"
    )
    panel = city.draw_places(104, np.random.default_rng(0))
    wedge = PlaceboWedge.draw(panel, city.STARTS, city.PERIODS).power(0.7, 0.95)
    unit, period = (x.ravel() for x in np.indices((city.PLACES, city.PERIODS)))
    found = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        assigned = (period >= rng.permutation(city.STARTS)[unit]).astype(float)
        outcome = city.draw_places(city.PERIODS, rng).ravel() + 0.7 * assigned
        found.append(two_way_fixed_effects(outcome, assigned, unit, period, arms=("a", "b")))
    held = np.mean([e.low <= 0.7 <= e.high for e in found])
    told = np.mean([e.low > 0 for e in found])
    print(
        f"stepped wedge: promised {wedge:.1%}, came {told:.1%}; "
        f"intervals held the truth in {held:.1%} of {count:,}"
    )


PLACES, DURING = 30, 12
EFFECTS = {"stepped wedge": 0.55, "synthetic": 1.1, "interrupted": 1.1}
PASTS = {"stepped wedge": 104, "synthetic": 104, "interrupted": 260}


def show_places(count: int = 600) -> None:
    """Designs of places in cities with a memory: promised on the past, analysed as a command does.

    The past of each city is its own; one in ten is asked what it promises.
    """
    for design, effect in EFFECTS.items():
        promised, found = [], []
        for seed in range(count):
            rng = np.random.default_rng(seed)
            past = draw_place_past(PASTS[design] + DURING, rng)
            if seed % 10 == 0:
                promised.append(promise(past[:, :-DURING], design, effect))
            rows = lay_places(past, design, effect, seed)
            asked = SimpleNamespace(confidence=0.95, smallest=effect / 2, groups=())
            found.append(STEPS[design].measure(rows, asked, 11)["effect"])
        told = np.mean([e.low > 0 for e in found])
        held = np.mean([e.low <= effect <= e.high for e in found])
        print(
            f"{design}: promised {np.mean(promised):.1%}, came {told:.1%}; "
            f"intervals held the truth in {held:.1%} of {count:,}"
        )


def draw_place_past(periods: int, rng: np.random.Generator) -> np.ndarray:
    """(places, periods) levels, a season that all share, and a memory of .4."""
    shock = rng.normal(size=(PLACES, periods + 20))
    for t in range(1, periods + 20):
        shock[:, t] = 0.4 * shock[:, t - 1] + math.sqrt(1 - 0.4**2) * shock[:, t]
    shared = 0.5 * rng.normal(size=periods)
    return 10 + rng.normal(0, 2, (PLACES, 1)) + shared + shock[:, 20:]


def promise(past: np.ndarray, design: str, effect: float) -> float:
    places = PastPlaces(past, np.ones_like(past), treated=np.array([0, 1]), before=24)
    if design != "synthetic":
        places = PastPlaces(past, np.ones_like(past))
    return PROMISES[design](places, Rules(effect, DURING, 0.95, 400, "")).power


def lay_places(past: np.ndarray, design: str, effect: float, seed: int) -> pd.DataFrame:
    """Rows of a city in which it begins at the end of its past, as they are analysed."""
    names = [f"P{i:02d}" for i in range(PLACES)]
    starts = dict.fromkeys(names, 0 if design == "interrupted" else DURING)
    starts |= {"P00": 0, "P01": 0} if design == "synthetic" else {}
    if design == "stepped wedge":
        starts = draw_starts(names, plan_starts(PLACES, DURING), str(seed))
    first = {"stepped wedge": DURING, "synthetic": 24 + DURING}.get(design, past.shape[1])
    unit, period = (x.ravel() for x in np.indices((PLACES, first)))
    period = period - first + DURING
    begun = (period >= np.array([starts[names[u]] for u in unit])) & (period >= 0)
    return pd.DataFrame(
        {
            "unit": np.array(names)[unit],
            "block": "all",
            "period": period,
            "arm": np.where(begun, "served", "not served"),
            "cases": 1.0,
            "lost": 0.0,
            "done": np.nan,
            "value": past[:, -first:].ravel() + effect * begun,
        }
    )


def take_time(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def show_speed() -> None:
    rng = np.random.default_rng(0)
    block = np.repeat(np.arange(BLOCKS), UNITS // BLOCKS)
    arm = (np.arange(UNITS) % 4 == 0).astype(np.int64)
    y = rng.normal(size=UNITS) + 0.1 * arm
    none, units = np.zeros(UNITS, np.int64), np.arange(UNITS)
    chance = np.where(arm == 1, 0.25, 0.75)
    law = Law("lottery", ("waits", "served"), arm, chance, units, block, units, none)
    ours = take_time(lambda: difference_in_means(y, law, law.arms, draws=DRAWS))
    print(f"cityai, {DRAWS:,} redraws of {UNITS:,} units, p and interval: {ours:.1f} s")
    part = 50
    loop = take_time(lambda: loop_means(y, arm, block, part)) * DRAWS / part
    print(
        f"a loop over numpy, p alone ({part} timed, scaled): {loop:.1f} s, {loop / ours:.1f} times"
    )
    if find_spec("pyfixest") is None:
        return
    import pyfixest

    frame = pd.DataFrame({"y": y, "arm": arm, "block": block})
    fit = pyfixest.feols("y ~ arm | block", frame, vcov="hetero")
    for kind in ("randomization-c", "randomization-t"):
        options = {"reps": part, "type": kind, "rng": np.random.default_rng(1)}
        taken = take_time(lambda o=options: fit.ritest("arm", **o)) * DRAWS / part
        print(f"pyfixest ritest, {kind}, p alone: {taken:.0f} s, {taken / ours:.0f} times")


def loop_means(y: np.ndarray, arm: np.ndarray, block: np.ndarray, count: int) -> list[float]:
    rng, found = np.random.default_rng(1), []
    where = [np.flatnonzero(block == b) for b in range(BLOCKS)]
    for _ in range(count):
        drawn = arm.copy()
        total, variance = 0.0, 0.0
        for rows in where:
            drawn[rows] = rng.permutation(arm[rows])
            first, second = y[rows][drawn[rows] == 0], y[rows][drawn[rows] == 1]
            total += second.mean() - first.mean()
            variance += first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second)
        found.append(total / np.sqrt(variance))
    return found


if __name__ == "__main__":
    shown = {
        "trials": show_trials,
        "permuted": show_permuted,
        "cities": show_cities,
        "places": show_places,
        "speed": show_speed,
    }
    for wanted in sys.argv[1:] or shown:
        shown[wanted]()
