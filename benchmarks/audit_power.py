"""How often the audit finds a planted gap, with the noise of projects that were run.

Run: python benchmarks/audit_power.py [draws, default 400] [projects, default the three below]

Each project must have been run (`cityai run`). The gaps of every dimension and limit are traced by
test period; whole periods are drawn anew with replacement, so that groups stay as correlated and
tails as heavy as they are. One group after the other is given a true gap of so many limits, the
others none, and the product's rule decides. In percent of draws and groups: told `pass` without a
gap and with half a limit; wrongly told `pass` at the limit; found (`fail`) at two and three limits;
`accused`: draws in which a group without a gap is told `fail`.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from cityai.assessment.audit import learn_design
from cityai.assessment.group_tables import gather_audit_data, tabulate_dimension
from cityai.assessment.scored import fit_limits, score_predictions
from cityai.card.verify import read_record
from cityai.findings import Status
from cityai.inference.autocorrelation import autocorrelated_se
from cityai.inference.equivalence import decide_margins
from cityai.inference.group_gaps import trace_gaps
from cityai.inference.standard_errors import (
    compute_margin,
    find_test_confidence,
    simultaneous_confidence,
)
from cityai.pipeline.places import find_place
from cityai.pipeline.verify import read_drafted, reread
from cityai.records.audit_data import Design
from cityai.store.cards import JSON

PROJECTS = ("sample_requests", "waste_tonnage", "shelter_demand")
SIZES = (0.0, 0.5, 1.0, 2.0, 3.0)
SEED = 20261128


def read_series(project: str) -> tuple[Design, list[tuple[str, str, float, np.ndarray]]]:
    """Trace the gaps of a project that was run: dimension, metric, limit, and (B, G) influences."""
    place = find_place(Path("model_cards") / project)
    record = read_record(place.read_files()[JSON], where=project)
    again = reread(read_drafted(place, record), place, record)
    scored = score_predictions(again.predictions, again.facts.spec, again.groups)
    spec = fit_limits(again.facts.spec, scored.metrics)
    facts = gather_audit_data(scored, spec)
    views = [tabulate_dimension(m, facts) for m in again.groups.memberships]
    facts = replace(facts, design=learn_design(facts, views, scored.metrics, spec))
    limited = [m for m in scored.metrics if m.name in spec.limits]
    traced = [
        (
            *(v.dimension, m.name, spec.limits[m.name]),
            trace_gaps(facts.cells, v.weights, m, v.reference, ~v.hidden & (v.n > 0)),
        )
        for v in views
        for m in limited
    ]
    return facts.design, traced


def decide(series: np.ndarray, shift: np.ndarray, limit: float, design: Design) -> list[Status]:
    """Decide all gaps of drawn periods (B, G), each moved by a true gap (G,)."""
    found = series.sum(axis=0) + shift
    apart = series - series.mean(axis=0)
    blocks = np.full(len(found), float(len(series)))
    spread = autocorrelated_se(apart, blocks, unrelated=design.unrelated)
    test = find_test_confidence(design.confidence)
    alone = compute_margin(spread, test, design.min_blocks)
    live = np.isfinite(alone)
    each = simultaneous_confidence(spread.correlation[np.ix_(live, live)], test)
    together = compute_margin(spread, each, design.min_blocks, skewed=True)
    return [
        decide_margins(float(gap), float(one), float(all_), limit).status
        for gap, one, all_ in zip(found, alone, together, strict=True)
    ]


def measure(series: np.ndarray, limit: float, design: Design, draws: int) -> dict[str, float]:
    """Percent of draws and groups by size of the planted gap, and accused."""
    rng = np.random.default_rng([SEED, *series.shape])
    varied = series[:, (series**2).sum(axis=0) > 1e-24]
    periods, groups = varied.shape
    scaled = varied * np.sqrt(periods / (periods - 1))
    told = {(k, s): 0.0 for k in SIZES for s in (Status.PASS, Status.FAIL)}
    accused = 0.0
    for _ in range(draws):
        drawn = scaled[rng.integers(periods, size=periods)]
        group = int(rng.integers(groups))
        for size in SIZES:
            shift = np.zeros(groups)
            shift[group] = size * limit * rng.choice((-1.0, 1.0))
            verdicts = decide(drawn, shift, limit, design)
            told[size, verdicts[group]] = told.get((size, verdicts[group]), 0.0) + 1
            accused += Status.FAIL in verdicts if size == 0 else 0
    share = {key: 100 * n / draws for key, n in told.items()}
    return {
        **{f"pass {k:g}": share[k, Status.PASS] for k in SIZES[:3]},
        **{f"found {k:g}": share[k, Status.FAIL] for k in SIZES[3:]},
        "accused": 100 * accused / draws,
    }


def main() -> None:
    """Print a row a project, dimension and limit."""
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    names = ("pass 0", "pass 0.5", "pass 1", "found 2", "found 3", "accused")
    print(f"{draws} draws a row, seed {SEED}")
    print(
        f"{'project':18}{'dimension':18}{'limit of':24}{'periods':>8}"
        + "".join(f"{n:>10}" for n in names)
    )
    for project in sys.argv[2:] or PROJECTS:
        design, traced = read_series(project)
        for dimension, metric, limit, series in traced:
            got = measure(series, limit, design, draws)
            head = f"{project:18}{dimension[:17]:18}{f'{metric} {limit:g}'[:23]:24}{len(series):8}"
            print(head + "".join(f"{got[n]:10.0f}" for n in names), flush=True)


if __name__ == "__main__":
    main()
