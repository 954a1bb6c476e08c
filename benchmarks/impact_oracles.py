"""Figures of other packages on drawn data, which the tests hold the impact estimators against.

Run in an environment of its own (rdrobust is GPL-3, so that it is no dependency of this project)::

    pip install rdrobust==2.1.1 pyfixest==0.60.0 diff-diff==3.13.0
    python benchmarks/impact_oracles.py

It writes tests/impact/oracles.json.
"""

from __future__ import annotations

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import pandas as pd  # noqa: E402

from tests.impact.drawn import draw_block, draw_panel, draw_received, draw_scores  # noqa: E402

SEEDS = range(24)
PAGE = ROOT / "tests" / "impact" / "oracles.json"


def ask_rdrobust(seed: int, *, fuzzy: bool = False) -> dict[str, float]:
    """Sharp; or fuzzy within the widths of the sharp jump, so that both are of the same rows."""
    from rdrobust import rdrobust

    x, y = draw_scores(seed)
    found = rdrobust(y, x, fuzzy=draw_received(seed), sharpbw=True) if fuzzy else rdrobust(y, x)
    return {
        "estimate": float(found.coef.iloc[2, 0]),
        "standard_error": float(found.se.iloc[2, 0]),
        "low": float(found.ci.iloc[2, 0]),
        "high": float(found.ci.iloc[2, 1]),
        "main": float(found.bws.iloc[0, 0]),
        "bias": float(found.bws.iloc[1, 0]),
    }


def ask_pyfixest(seed: int) -> dict[str, list[float]]:
    import pyfixest

    panel = draw_panel(seed)
    frame = pd.DataFrame({name: getattr(panel, name) for name in vars(panel)})
    options = {"weights": "weights", "fixef_tol": 1e-13}
    found = {}
    for cluster in ("unit", "region"):
        for name, formula in (
            ("plain", "outcome ~ assigned | unit + period"),
            ("instrument", "outcome ~ 1 | unit + period | received ~ assigned"),
        ):
            fit = pyfixest.feols(formula, frame, vcov={"CRV1": cluster}, **options)
            found[f"{name} {cluster}"] = [float(fit.coef().iloc[0]), float(fit.se().iloc[0])]
    return found


def ask_diff_diff(seed: int) -> dict[str, float]:
    from diff_diff import DifferenceInDifferences, SyntheticDiD

    panel, treated, begins = draw_block(seed)
    units, periods = panel.shape
    frame = pd.DataFrame(
        {
            "unit": [u for u in range(units) for _ in range(periods)],
            "period": [t for _ in range(units) for t in range(periods)],
            "y": panel.ravel(),
        }
    )
    frame["treated"] = treated[frame["unit"]].astype(int)
    frame["post"] = (frame["period"] >= begins).astype(int)
    plain = DifferenceInDifferences(cluster="unit").fit(
        frame, outcome="y", treatment="treated", time="post", unit="unit"
    )
    synthetic = SyntheticDiD(n_bootstrap=50, seed=1).fit(
        frame,
        **{"outcome": "y", "treatment": "treated", "unit": "unit", "time": "period"},
        post_periods=list(range(begins, periods)),
    )
    return {"plain": float(plain.att), "synthetic": float(synthetic.att)}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    packages = ("rdrobust", "pyfixest", "diff-diff")
    asked = {
        "versions": {name: version(name) for name in packages},
        "rdrobust": [ask_rdrobust(seed) for seed in SEEDS],
        "fuzzy": [ask_rdrobust(seed, fuzzy=True) for seed in SEEDS],
        "pyfixest": [ask_pyfixest(seed) for seed in SEEDS],
        "diff-diff": [ask_diff_diff(seed) for seed in range(6)],
    }
    PAGE.write_text(json.dumps(asked, indent=1) + "\n")
    print(PAGE)
