"""A run beside the same made by hand: `python benchmarks/by_hand.py [PLACES [REPLICATES]]`.

The same panel of weeks, LightGBM with the same settings refitted at as many origins, the audit's
three dimensions with 1,000 bootstrap replicates (fairlearn's MetricFrame), shap, a model card of
skops, and a run in MLflow: the parts that a careful data scientist would join, one after another.
What cityai does beyond (Theta and smoothing, calibrated ranges, the proof of time, hidden cells,
crossings, the card in its registers) is not in the hand-made run. Each side has a process of its
own; seconds are the processor's. `by_hand.md` is written from what was measured.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from speed import (
    IMPORTS,
    PANEL,
    ROOT,
    WEEKS,
    Figures,
    count_seconds,
    listen_to_forecasters,
    measured,
    write_panel,
    write_workspace,
)

PLACES, REPLICATES, RUNS = 640, 1000, 5
SPEC = PANEL.replace("  intersections: true\n", "")
FOLDS, HORIZON = 8, 4
_NOT_REST = ("imports", "fit and predict")
LAGS, WINDOWS = (1, 2, 3, 4, 8, 13, 26, 52), (4, 13, 52)


def run_by_hand(folder: Path, replicates: int) -> Figures:
    """The same work without cityai."""
    found: Figures = {}
    with measured(found, "imports"):
        import lightgbm
        import mlflow
        import shap
        from fairlearn.metrics import MetricFrame
        from skops import card as skops_card
    with measured(found, "data and features"):
        table = pd.read_parquet(folder / "panel.parquet")
        table["week"] = pd.to_datetime(table["week"])
        groups = table.groupby("block")[["ward", "income", "use"]].first()
        wide = table.pivot(index="week", columns="block", values="calls").fillna(0.0)
        rows = pd.concat([lay_rows(wide, step) for step in range(1, HORIZON + 1)])
        rows = rows.join(groups, on="block")
        names = [c for c in rows if c not in ("origin", "y", "block", "ward", "income", "use")]
    tested = []
    with measured(found, "fit and predict"):
        last = len(wide) - HORIZON
        for origin in range(last - HORIZON * (FOLDS - 1), last + 1, HORIZON):
            past = rows[rows["origin"] + HORIZON <= origin]
            past = past.sample(min(len(past), 30_000), random_state=1)
            asked = rows[rows["origin"] == origin]
            model = lightgbm.LGBMRegressor(
                objective="tweedie", n_estimators=120, learning_rate=0.08, num_leaves=31,
                min_child_samples=30, subsample=0.8, subsample_freq=1, colsample_bytree=0.7,
                reg_lambda=1.0, n_jobs=1, verbose=-1,
            )  # fmt: skip
            model.fit(past[names], past["y"])
            tested.append(asked.assign(y_pred=model.predict(asked[names])))
        judged = pd.concat(tested)
    metrics = {
        "bias": lambda y, p: float((np.asarray(p) - y).sum() / np.sum(y)),
        "wape": lambda y, p: float(np.abs(np.asarray(p) - y).sum() / np.sum(y)),
        "under": lambda y, p: float(np.maximum(np.asarray(y) - p, 0).sum() / np.sum(y)),
    }
    told = {}
    with measured(found, "audit"):
        for dimension in ("ward", "income", "use"):
            frame = MetricFrame(
                metrics=metrics, y_true=judged["y"].to_numpy(),
                y_pred=judged["y_pred"].to_numpy(), n_boot=replicates,
                sensitive_features=judged[dimension].to_numpy(),
                ci_quantiles=[0.05, 0.95], random_state=1,
            )  # fmt: skip
            told[dimension] = (frame.by_group, frame.by_group_ci)
    with measured(found, "shap"):
        values = shap.TreeExplainer(model).shap_values(judged[names].sample(4000, random_state=1))
        drivers = pd.Series(np.abs(values).mean(axis=0), names).sort_values(ascending=False)
    wape = metrics["wape"](judged["y"], judged["y_pred"])
    with measured(found, "card and tracking"):
        page = skops_card.Card(model)
        page.add(**{"Drivers": drivers.head(15).to_frame("mean |SHAP|").to_string()})
        page.add(**{f"By {name}": by.to_string() for name, (by, _) in told.items()})
        page.save(folder / "hand.md")
        mlflow.set_tracking_uri(f"sqlite:///{folder / 'hand.db'}")
        mlflow.set_experiment("hand")
        with mlflow.start_run():
            mlflow.log_metric("wape", wape)
            mlflow.log_artifact(str(folder / "hand.md"))
    print(
        f"by hand: {len(judged):,} rows judged, WAPE {metrics['wape'](judged.y, judged.y_pred):.3f}"
    )
    return found


def lay_rows(wide: pd.DataFrame, step: int) -> pd.DataFrame:
    """Lay out one row a place and origin for a step ahead: lags, means and the time of the year."""
    seen = wide.shift(2)  # a week of reporting delay
    parts = {f"lag_{k}": seen.shift(k - 1) for k in LAGS}
    parts |= {f"mean_{n}": seen.rolling(n, min_periods=1).mean() for n in WINDOWS}
    parts["y"] = wide.shift(-(step - 1))
    long = pd.concat({name: part.stack() for name, part in parts.items()}, axis=1).reset_index()
    week = long["week"] + pd.to_timedelta(7 * (step - 1), "D")
    return (
        long.assign(
            step=step,
            number=week.dt.isocalendar().week.to_numpy(np.int64),
            month=week.dt.month,
            origin=np.searchsorted(wide.index, long["week"]),
        )
        .drop(columns="week")
        .dropna(subset="y")
    )


def run_cityai(folder: Path, project: str) -> Figures:
    """The same project as a command, in this process from its beginning on.

    All three figures are of one run: what is neither is a difference, and of figures of several
    runs it would be mostly noise. Fit and predict are the calls of forecasters alone.
    """
    from cityai.cli.main import FEW_COLLECTIONS, run_command

    gc.set_threshold(*FEW_COLLECTIONS)  # as the command does
    for name in IMPORTS.split(", "):
        importlib.import_module(name)
    found = {"imports": {"cpu": count_seconds()}}
    os.chdir(folder)
    with listen_to_forecasters() as calls:
        assert run_command(["run", project], debug=False) == 0
    found["fit and predict"] = {"cpu": sum(calls)}
    found["whole run"] = {"cpu": count_seconds()}
    return found


def count_rest(ours: Figures) -> float:
    """Count the seconds that are neither import nor fit and predict."""
    return ours["whole run"]["cpu"] - sum(ours[part]["cpu"] for part in _NOT_REST)


def write_report(hand: Figures, runs: list[Figures], rows: int, replicates: int) -> str:
    """Write the page of what was measured: of our runs the one in the middle."""
    ours, rests = sorted(runs, key=count_rest)[len(runs) // 2], sorted(map(count_rest, runs))
    seconds = {name: told["cpu"] for name, told in hand.items()}
    total, whole = sum(seconds.values()), ours["whole run"]["cpu"]
    imports, fit = ours["imports"]["cpu"], ours["fit and predict"]["cpu"]
    rest = count_rest(ours)
    theirs = total - seconds["imports"] - seconds["fit and predict"]
    lines = [
        "# A run, and the same made by hand",
        "",
        "`python benchmarks/by_hand.py`; what each side does stands at its top. Seconds of the",
        f"processor, one run by hand and {len(runs)} of cityai, {os.cpu_count()} shared cores, "
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}.",
        f"{rows:,} rows of places and weeks, {FOLDS} origins, {replicates:,} replicates by hand.",
        "",
        "| | by hand | cityai | ratio |",
        "|---|---|---|---|",
        f"| the whole run | {total:.1f} s | {whole:.1f} s | {total / whole:.1f} x |",
        f"| imports | {seconds['imports']:.1f} s | {imports:.1f} s | |",
        f"| fit and predict | {seconds['fit and predict']:.1f} s | {fit:.1f} s | |",
        f"| what is neither | {theirs:.1f} s | {rest:.1f} s | {theirs / rest:.1f} x |",
        *(f"| of it {n} | {seconds[n]:.1f} s | | |" for n in seconds if n not in _NOT_REST),
        "",
        f"Of cityai's runs the one in the middle is shown; what is neither took {rests[0]:.1f} to "
        f"{rests[-1]:.1f} s.",
    ]
    return "\n".join(lines) + "\n"


def run_side(side: str, places: int, replicates: int) -> Figures:
    """Run one side in a process and a workspace of its own."""
    with tempfile.TemporaryDirectory() as made:
        folder, out = Path(made) / "city", Path(made) / "found.json"
        write_workspace(folder, "panel", f"{SPEC}backtest: {{folds: {FOLDS}}}\n")
        write_panel(folder, places)
        what = str(replicates) if side == "hand" else "projects/panel"
        command = [sys.executable, __file__, "--side", side, str(folder), what, str(out)]
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": paths})
        found: Figures = json.loads(out.read_text())
        return found


def main() -> None:
    if sys.argv[1:2] == ["--side"]:
        side, folder, what, out = sys.argv[2:]
        place = Path(folder)
        found = run_by_hand(place, int(what)) if side == "hand" else run_cityai(place, what)
        Path(out).write_text(json.dumps(found))
        return
    given = [int(word) for word in sys.argv[1:3]]
    places, replicates = (*given, *(PLACES, REPLICATES)[len(given) :])
    hand, *ours = (run_side(side, places, replicates) for side in ("hand", *["cityai"] * RUNS))
    page = write_report(hand, ours, places * WEEKS, replicates)
    (Path(__file__).parent / "by_hand.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
