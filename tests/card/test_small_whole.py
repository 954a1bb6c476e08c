"""Lists of people with few of a kind in all: what their cards say, and what nobody can work out.

The attack is by twins. Two lists that differ in nothing but whether some of those selected had the
outcome, or as many of those who were not, have the same number of people, with the outcome and
selected, whole and in each group. If their files are the same, no reader, whatever they solve for,
can tell how many were selected wrongly.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cityai.card.draft import draft_card
from cityai.card.pages import make_pages
from cityai.card.record import CardRecord
from cityai.card.registers import REGISTERS
from cityai.card.verify import check_claims
from cityai.card.verify.recount import list_claims
from cityai.disclosure.small_whole import (
    KINDS,
    TABLE,
    bound_whole,
    count_kinds,
    hide_slices,
    mark_kinds,
)
from cityai.track.measures import list_models, measure_card, measure_model
from cityai.track.tables import make_tables

from .test_attack_people import K, attack_ranked, draw_given, judge_rows, make_ranked

GIVEN = (77, 94)
"""Two of the hundred lists that the attack draws: 9 wrong alarms of 461, and of 420."""
WRONG, MISSED, FOUND, PASSED = TABLE
SCORED = (
    *("auc", "brier", "log_loss", "days_sooner", "calibration_error", "calibration_chance"),
    *("calibration_slope", "calibration_intercept", "calibration"),
)
"""Figures of the order and the probabilities, which no number of people follows from."""


def exchange(
    rows: pd.DataFrame, y: str, d: str, alike: list[str], times: int, *, more: bool
) -> pd.DataFrame:
    """Let some of those selected change outcomes with as many others of the same groups."""
    rows, done = rows.copy(), 0
    for _, part in rows.groupby(alike):
        chosen = part.index[(part[d] == 1) & (part[y] == (1 if more else 0))]
        passed = part.index[(part[d] == 0) & (part[y] == (0 if more else 1))]
        for a, b in zip(chosen, passed, strict=False):
            if done < times:
                rows.loc[a, y], rows.loc[b, y], done = (
                    1 - rows.loc[a, y],
                    1 - rows.loc[b, y],
                    done + 1,
                )
    assert done == times
    return rows


def write_all(card: CardRecord) -> dict[str, str]:
    """Write every text that is made of a card: pages, pictures, registers, MLflow."""
    pages = make_pages(card)
    files = dict(pages.files) | {f.name: repr(f) for f in pages.figures}
    for register in REGISTERS.values():
        files |= register.write(card, None).files
    measures = [measure_card(card), *(measure_model(card, m) for m in list_models(card))]
    files["measures"] = repr([m.logged for m in measures])
    return files | {name: table.to_csv() for name, table in make_tables(card).items()}


def forget_digests(text: str) -> str:
    """Leave out digests of the data and times: they tell that it differs, and nothing more."""
    return re.sub(r"[0-9a-f]{8}[0-9a-f-]{4,}|\d\d:\d\d(:\d\d)?", "#", text)


def draft_given(rows: pd.DataFrame, folder: Path) -> CardRecord:
    folder.mkdir()
    return draft_card(judge_rows(rows.assign(id=range(len(rows))), folder).facts)


@pytest.mark.slow
@pytest.mark.parametrize("seed", GIVEN)
def test_lists_that_differ_in_the_small_count_alone_are_published_alike(seed, tmp_path) -> None:
    rows = draw_given(seed)
    cards = [draft_given(rows, tmp_path / "0")]
    for times in (4, 7):
        twin = exchange(rows, "y", "d", ["kind", "side"], times, more=False)
        cards.append(draft_given(twin, tmp_path / str(times)))
    texts = [forget_digests(card.model_dump_json()) for card in cards]
    assert texts[0] == texts[1] == texts[2]  # the brief, a PDF, is made of this alone
    files = [write_all(card) for card in cards[:2]]
    assert files[0].keys() == files[1].keys()
    for name in files[0]:
        assert forget_digests(files[0][name]) == forget_digests(files[1][name]), name
    assert any(n.between for n in cards[0].eval.metrics)
    said = "fewer than 11 were selected without having the outcome"
    assert any(said in str(text) for text in cards[0].eval.in_words)


@pytest.mark.slow
def test_a_count_that_is_not_small_is_told(tmp_path) -> None:
    """The attack by twins sees what is said exactly: with more of them, the figures differ."""
    rows = exchange(draw_given(77), "y", "d", ["kind", "side"], 20, more=True)
    twin = exchange(rows, "y", "d", ["kind", "side"], 4, more=False)
    cards = [draft_given(each, tmp_path / name) for each, name in ((rows, "a"), (twin, "b"))]
    assert cards[0].eval.metrics != cards[1].eval.metrics
    assert all(n.between is None for card in cards for n in card.eval.metrics)


def make_small(kind: tuple[str, str], seed: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Make a list small itself: but for a few, nobody selected or passed over is of a kind."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        rng, y = np.random.default_rng(seed), frame["y_true"].to_numpy().copy()
        outcome, side = int(kind[0] == "outcome"), int(kind[1] == "selected")
        at = np.flatnonzero(frame["decision"].to_numpy() == side)
        y[at] = 1 - outcome
        y[rng.choice(at, 7, replace=False)] = outcome
        return frame.assign(y_true=y)

    return change


def trade(times: int, frame: pd.DataFrame) -> pd.DataFrame:
    return exchange(frame, "y_true", "decision", ["fold", "kind", "side"], times, more=False)


@pytest.mark.parametrize("kind", TABLE)
def test_a_ranked_list_that_is_small_itself_says_no_rate_exactly(kind) -> None:
    made = make_small(kind, 3)
    city = make_ranked(3, made)
    card = city.card
    table = city.predictions.table
    counts = count_kinds(*(table[name].to_numpy(float) for name in ("y_true", "decision")))
    assert counts @ mark_kinds(*kind) == 7
    own = {n.metric: n for n in card.eval.metrics if n.slice == {"model": "forecast"}}
    for name in ("precision", "recall", "lift", "first_half_share"):
        assert all(n.value is None for n in card.eval.metrics if n.metric == name), name
    assert own["recall"].between or own["precision"].between
    assert own["auc"].value is not None
    assert all(point.recall is None and point.selected is None for point in card.eval.capacity)
    assert all(p.outcome_share is None for p in card.eval.curve if p.dimension == "overall")
    assert card.eval.worth is not None
    assert all(way.reached is None and way.times is None for way in card.eval.worth.ways)
    judged = [c for c in card.eval.comparisons if c.metric in {"recall", "precision"}]
    assert judged
    assert all(c.difference is None and c.low is None and c.folds_won is None for c in judged)
    assert not any(re.search(r"\d", str(c.sentence)) for c in judged)
    found = [f for f in card.findings if f.code.startswith(("evaluate.better", "worth."))]
    assert all(f.observed is None and "%" not in str(f.reason) for f in found)


@pytest.mark.parametrize("kind", TABLE)
def test_no_small_count_of_a_ranked_list_follows_from_its_card(kind) -> None:
    attacked, opened, _ = attack_ranked(3, make_small(kind, 3))
    assert attacked
    assert not opened


def test_a_recount_holds_ranges_against_the_predictions() -> None:
    city = make_ranked(3, make_small(WRONG, 3))
    keys = pd.Series(city.groups.find_units(city.predictions.table))
    given = city.predictions, city.groups.memberships, keys
    claims = list(list_claims(city.card, *given))
    assert check_claims(claims).status == "pass"
    assert any(claim.path.endswith("between") for claim in claims)
    ranged = {n.metric: n for n in city.card.eval.metrics if n.between}["recall"]
    forged = ranged.model_copy(update={"between": (0.0, 0.001)})
    metrics = tuple(forged if n is ranged else n for n in city.card.eval.metrics)
    part = city.card.eval.model_copy(update={"metrics": metrics})
    told = check_claims(list_claims(city.card.model_copy(update={"eval": part}), *given))
    assert told.status == "fail"
    assert told.subject.endswith("between")


def keep_unordered(card: CardRecord) -> str:
    """Keep what tells how many are of a kind: not the order, the probabilities, who is where."""
    part = card.eval
    kept = [n for n in part.metrics if n.metric not in SCORED]
    kept += [c for c in part.comparisons if c.metric not in SCORED]
    told = [f for f in card.findings if not f.code.startswith(("evaluate.calibration", "audit."))]
    ranked = part.ranked.capacity if part.ranked else ()
    return repr((kept, told, ranked, part.worth, [t for t in part.in_words if "sooner" not in t]))


def test_ranked_lists_that_differ_in_the_small_count_alone_are_told_alike() -> None:
    made = make_small(WRONG, 3)
    cards = [
        make_ranked(3, lambda f, n=n: trade(n, made(f)) if n else made(f)).card for n in (0, 3)
    ]
    texts = [forget_digests(keep_unordered(card)) for card in cards]
    assert texts[0] == texts[1]


TABLES = [(111, 56, 9, 285), (300, 5, 8, 40), (20, 200, 7, 12), (8, 40, 3, 300), (95, 0, 5, 60)]
"""Found, missed, wrong alarms, passed over rightly."""


@pytest.mark.parametrize("table", TABLES)
def test_every_small_count_of_a_whole_keeps_a_range_of_the_threshold(table) -> None:
    counts = np.zeros(len(KINDS))
    for kind, many in zip((FOUND, MISSED, WRONG, PASSED), table, strict=True):
        counts[KINDS.index(kind)] = many
    said = bound_whole(counts, K)
    assert said is not None
    assert said.fewer
    for kind in TABLE:
        low, high = said.find_range(mark_kinds(*kind))
        held = counts @ mark_kinds(*kind)
        assert low - 1e-6 <= held <= high + 1e-6
        assert high - low >= K - 1e-6 or held == 0
    for above, below in (
        (("none", "selected"), ("none", "decided")),
        (("outcome", "selected"), ("selected",)),
    ):
        ends = said.find_rate(mark_kinds(*above), mark_kinds(*below))
        exact = counts @ mark_kinds(*above) / (counts @ mark_kinds(*below))
        assert ends is None or ends[0] <= exact <= ends[1]


def test_a_replay_with_few_hides_another_that_would_reveal_it() -> None:
    counts = np.array([[3.0, 40, 50, 60], [30, 40, 50, 60], [20, 40, 50, 60], [90, 40, 50, 60]])
    assert hide_slices(counts, K).tolist() == [True, False, True, False]
    assert not hide_slices(counts[1:], K).any()
    assert hide_slices(np.array([[9.0, 40.0], [0.0, 50.0]]), K).tolist() == [True, True]
