"""Accuracy of demand forecasts on five public sets, beside the best that peers reach.

usage: python benchmarks/demand.py [--before FOLDS | --write FOLDER] [SET ...]

The sets, folds and horizons are those of published peers (seasonal naive, AutoETS and AutoTheta of
statsforecast, LightGBM of mlforecast, and their means), refitted at each fold; `PEERS` holds the
least WAPE of any of them. Everything goes through the product's own stages, from plain
specifications in `benchmarks/demand/`. The data are found through `CITYAI_DATA`.

With `--before` the folds that come before the test folds are scored instead: choices are made
there. With `--write` the series and origins are written for `benchmarks/demand_peers.py`, and
nothing is forecast. The sets of `UNSEEN`, on which no choice was made, run when they are named.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from cityai.config.load import load_project
from cityai.kinds import FittingKind, open_kind
from cityai.modeling.backtest import Backtest

PEERS = {"waste": 0.0751, "shelter": 0.0137, "ems": 0.0478, "evictions": 0.5317, "council": 0.5315}
UNSEEN = ("sectors", "bikes", "types")
SETS = ", ".join((*PEERS, *UNSEEN))


def open_set(name: str, before: int = 0) -> FittingKind:
    """Open a set, its test folds and as many before them."""
    project = load_project(Path(__file__).parent / "demand" / name)
    rules = project.spec.backtest
    more = rules.model_copy(update={"folds": rules.folds + before})
    return open_kind(replace(project, spec=project.spec.model_copy(update={"backtest": more})))


def run_set(name: str, before: int) -> Backtest:
    kind = open_set(name, before)
    snapshot = kind.read()
    asked = kind.build_problem(snapshot)
    panel, finding = asked.panel, kind.check_folds(snapshot, asked)[0]
    print(
        f"{name}: {len(panel.entity_ids)} series, {panel.periods.count} periods. {finding.reason}"
    )
    return kind.backtest(snapshot, asked)


def write_set(name: str, folder: Path) -> None:
    """Write what the peers are asked: totals (P, E), and the origins of the test folds."""
    kind = open_set(name)
    asked = kind.build_problem(kind.read())
    panel, question = asked.panel, kind.spec.question
    origins = panel.periods.index(pd.DatetimeIndex([f.as_of for f in asked.folds.test]))
    np.savez_compressed(
        folder / f"{name}.npz",
        totals=panel.final,
        starts=panel.periods.starts(panel.periods.count).to_numpy("datetime64[ns]"),
        origins=origins,
        horizon=question.horizon,
        season=panel.periods.season,
        period=question.period,
    )


def report_set(name: str, backtest: Backtest, before: int, seconds: float) -> pd.DataFrame:
    table, peer = backtest.predictions.table, PEERS.get(name, math.nan)
    if before:
        table, peer = table[table["fold"] <= before], math.nan
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
                "to_peer": wape / peer - 1,
                "wape+|bias|": wape + abs(error.sum() / amount),
                "mase": (error.abs() / table["scale"]).mean(),
                "bias": error.sum() / amount,
            }
        )
    known = ", ".join(f"{k} {measure_hindsight(table, k):.4f}" for k in ("entity_id", "period"))
    below, above = table["y_true"] < table["y_low"], table["y_true"] > table["y_high"]
    weights = backtest.weights[backtest.weights["fold"].isin(table["fold"])]
    weights = weights.groupby("candidate", sort=False)["weight"].mean().round(2).to_dict()
    print(pd.DataFrame(rows).to_string(index=False, float_format="{:.4f}".format))
    print(
        f"peer {peer}; coverage {1 - (below | above).mean():.3f} "
        f"(below {below.mean():.3f}, above {above.mean():.3f}); weights {weights}; "
        f"with sums known in hindsight by {known}; "
        f"{len(table)} rows; {seconds:.0f} s\n",
        flush=True,
    )
    return pd.DataFrame(rows)


def measure_hindsight(table: pd.DataFrame, by: str) -> float:
    """WAPE of the blend if the sum of each place (or period) over the test were known: (ratio)."""
    sums = table.groupby(by)[["y_true", "y_pred"]].transform("sum")
    scaled = table["y_pred"] * sums["y_true"] / sums["y_pred"].clip(lower=1e-9)
    return float((table["y_true"] - scaled).abs().sum() / table["y_true"].sum())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--before", type=int, default=0)
    parser.add_argument("--write", type=Path)
    parser.add_argument("names", nargs="*", default=PEERS, metavar="SET", help=SETS)
    given = parser.parse_args()
    if given.write:
        given.write.mkdir(parents=True, exist_ok=True)
        for name in given.names:
            write_set(name, given.write)
        return
    ratios = []
    for name in given.names:
        begun = time.perf_counter()
        backtest = run_set(name, given.before)
        found = report_set(name, backtest, given.before, time.perf_counter() - begun)
        ratios.append(1 + found["to_peer"].iloc[0])
    told = [ratio for ratio in ratios if not math.isnan(ratio)]
    if told:
        mean = math.exp(sum(map(math.log, told)) / len(told))
        print(f"geometric mean of the blend's WAPE over the best peer's: {mean:.3f}")


if __name__ == "__main__":
    main()
