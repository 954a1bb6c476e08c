"""Accuracy of demand forecasts on five public sets, beside the best that peers reach.

usage: python benchmarks/demand.py [waste shelter ems evictions council]

The sets, folds and horizons are those of published peers (seasonal naive, AutoETS and AutoTheta of
statsforecast, LightGBM of mlforecast, and their means), refitted at each fold; `PEERS` holds the
least WAPE of any of them. Everything goes through the product's own stages, from plain
specifications in `benchmarks/demand/`. The data are found through `CITYAI_DATA`.
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

import pandas as pd

from cityai.config.load import load_project
from cityai.kinds import open_kind
from cityai.modeling.backtest import Backtest

PEERS = {"waste": 0.0751, "shelter": 0.0137, "ems": 0.0478, "evictions": 0.5317, "council": 0.5315}


def run_set(name: str) -> Backtest:
    project = load_project(Path(__file__).parent / "demand" / name)
    kind = open_kind(project)
    snapshot = kind.read()
    asked = kind.build_problem(snapshot)
    panel, finding = asked.panel, kind.check_folds(snapshot, asked)[0]
    print(
        f"{name}: {len(panel.entity_ids)} series, {panel.periods.count} periods. {finding.reason}"
    )
    return kind.backtest(snapshot, asked)


def report_set(name: str, backtest: Backtest, seconds: float) -> pd.DataFrame:
    table = backtest.predictions.table
    columns = [
        "y_pred",
        *(c for c in table if c.startswith(("candidate.", "baseline."))),
    ]
    amount = table["y_true"].sum()
    rows = []
    for column in columns:
        error = table[column] - table["y_true"]
        wape = error.abs().sum() / amount
        rows.append(
            {
                "forecast": "blend" if column == "y_pred" else column,
                "wape": wape,
                "to_peer": wape / PEERS[name] - 1,
                "wape+|bias|": wape + abs(error.sum() / amount),
                "mase": (error.abs() / table["scale"]).mean(),
                "bias": error.sum() / amount,
            }
        )
    below, above = table["y_true"] < table["y_low"], table["y_true"] > table["y_high"]
    weights = backtest.weights.groupby("candidate", sort=False)["weight"].mean().round(2).to_dict()
    print(pd.DataFrame(rows).to_string(index=False, float_format="{:.4f}".format))
    print(
        f"peer {PEERS[name]}; coverage {1 - (below | above).mean():.3f} "
        f"(below {below.mean():.3f}, above {above.mean():.3f}); weights {weights}; "
        f"{len(table)} rows; {seconds:.0f} s\n",
        flush=True,
    )
    return pd.DataFrame(rows)


def main(names: list[str]) -> None:
    ratios = []
    for name in names or list(PEERS):
        begun = time.perf_counter()
        backtest = run_set(name)
        found = report_set(name, backtest, time.perf_counter() - begun)
        ratios.append(1 + found["to_peer"].iloc[0])
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"geometric mean of the blend's WAPE over the best peer's: {mean:.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
