"""How many verdicts the published cards leave open: groups one by one, and baselines.

Run: python benchmarks/verdicts.py [folder of cards, default model_cards]

`groups`: figures of single groups (no crossings) that have a limit and were judged; `open` those of
them that are `not enough evidence`, by grade. `design`: open ones that could not have been passed
with a gap of exactly 0, since their interval is wider than the limit, as `cityai check` says before
the run; the other open ones are open by what the data hold. `baselines`: comparisons by the figure
that decides.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from cityai.card.verify import read_record

JUDGED = ("pass", "fail", "not enough evidence")
OPEN = JUDGED[2]
DESIGN = "design"
Counts = tuple[Counter[str], Counter[str], Counter[str]]


def count_card(facts: dict[str, Any]) -> Counts:
    """Count the verdicts on groups, the grades of open ones, and the verdicts on baselines."""
    own = [r for r in facts["fairness"]["results"] if " * " not in r["dimension"]]
    judged = [r for r in own if r["status"] in JUDGED]
    groups = Counter(r["status"] for r in judged)
    groups[DESIGN] = count_unpassable(judged, facts["fairness"]["decidable"])
    grades = Counter(r.get("grade") or "beside a range" for r in judged if r["status"] == OPEN)
    baselines = Counter(c["status"] for c in facts["eval"]["comparisons"] if c["status"] in JUDGED)
    return groups, grades, baselines


def count_unpassable(judged: list[dict[str, Any]], decidable: list[dict[str, Any]]) -> int:
    """Count open rows whose own interval is wider than the limit, wherever it lies.

    A card prints the interval of all groups together where a group did not pass, and the least
    limit that a gap of 0 could pass for the group that is told least well, by its own interval.
    The second over the widest of the first is what a group's own interval is of the printed one.
    Rows beside a range, whose gap is hidden, have no interval and are open by what is hidden.
    """
    told = [r for r in judged if r["status"] == "fail" or (r["status"] == OPEN and r.get("grade"))]
    unpassable = 0
    for said in decidable:
        at, least = (said["dimension"], said["metric"]), said["least_limit"]
        if least is not None and least <= said["limit"]:
            continue
        rows = [r for r in told if (r["dimension"], r["metric"]) == at]
        widths = [_find_width(r) for r in rows]
        widest = max((w for w in widths if w is not None), default=1.0)
        unpassable += sum(
            r["status"] == OPEN and (None in (w, least) or w * least / widest > said["limit"])
            for r, w in zip(rows, widths, strict=True)
        )
    return unpassable


def _find_width(row: dict[str, Any]) -> float | None:
    low, high = row.get("gap_low"), row.get("gap_high")
    return None if low is None or high is None else (high - low) / 2


def main() -> None:
    """Print a row a card, a row a kind of question, and the sums."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "model_cards")
    names = ("pass", "fail", "open", "design", "of")
    head = "".join(f"{name:>7}" for name in names)
    print(f"{'card':22}{head}   " + "".join(f"{x:>7}" for x in ("better", "worse", "open")))
    sums: dict[str, Counts] = {}
    for path in sorted(folder.glob("*/card.json")):
        facts = read_record(path.read_bytes()).model_dump(mode="json")
        counted = count_card(facts)
        for name in ("lists" if facts["eval"].get("ranked") else "amounts", "all"):
            total = sums.setdefault(name, (Counter(), Counter(), Counter()))
            for whole, part in zip(total, counted, strict=True):
                whole.update(part)
        print(_say(path.parent.name, counted[0], counted[2]))
    for name in sorted(sums, key=lambda n: n == "all"):
        print(_say(name, sums[name][0], sums[name][2]))
    for name, (groups, grades, _) in sums.items():
        data = groups[OPEN] - groups[DESIGN]
        told = ", ".join(f"{n} {grade}" for grade, n in grades.most_common())
        print(f"open in {name}: {groups[DESIGN]} by the design, {data} by the data; {told}")


def _say(name: str, groups: Counter[str], baselines: Counter[str]) -> str:
    judged = sum(groups[s] for s in JUDGED)
    first = "".join(f"{groups[s]:7}" for s in (*JUDGED, DESIGN)) + f"{judged:7}"
    return f"{name:22}{first}   " + "".join(f"{baselines[s]:7}" for s in JUDGED)


if __name__ == "__main__":
    main()
