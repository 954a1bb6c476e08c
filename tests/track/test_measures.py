from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cityai.card.record import CardRecord
from cityai.card.record.fairness import DimensionVerdict
from cityai.track.measures import MOST, Measures, list_models, measure_card, measure_model
from cityai.track.names import SECTIONS
from cityai.track.tables import FIGURES, GROUPS, MODELS, make_tables

CARDS = sorted((Path(__file__).parents[2] / "model_cards").glob("*/card.json"))


def names_of(measures: Measures) -> set[str]:
    return {m.name for m in measures.logged} | set(measures.undefined)


def change_verdicts(card: CardRecord, **changes: Any) -> CardRecord:
    """The card, its first verdict changed."""
    first, *rest = card.fairness.verdicts
    changed = (first.model_copy(update=changes), *rest)
    fairness = card.fairness.model_copy(update={"verdicts": changed})
    return card.model_copy(update={"fairness": fairness})


def repeat_dimensions(card: CardRecord, times: int) -> CardRecord:
    """The card with so many dimensions, each judged by every limit."""
    fairness = card.fairness
    (part, *_), (verdict, *_) = fairness.dimensions, fairness.verdicts
    names = [f"dimension {i}" for i in range(times)]
    many: tuple[DimensionVerdict, ...] = tuple(
        verdict.model_copy(update={"dimension": name, "metric": metric})
        for name in names
        for metric in fairness.limits
    )
    dimensions = tuple(part.model_copy(update={"name": name}) for name in names)
    changed = fairness.model_copy(update={"dimensions": dimensions, "verdicts": many})
    return card.model_copy(update={"fairness": changed})


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.parent.name)
def test_a_run_has_at_most_25_metrics_in_sections(path: Path) -> None:
    card = CardRecord.model_validate_json(path.read_text())
    for measures in (measure_card(card), *(measure_model(card, m) for m in list_models(card))):
        names = names_of(measures)
        assert names
        assert len(names) <= MOST == 25
        assert all(name.count("/") == 1 for name in names)
    assert len(names_of(measure_card(repeat_dimensions(card, 40)))) == MOST


def test_the_sections_say_how_good_beside_what_and_for_whom(card: CardRecord) -> None:
    values = measure_card(card).values
    assert {name.partition("/")[0] for name in values} == {
        *SECTIONS, "income", "language", "origin", "district",
    }  # fmt: skip
    whole = {n.metric: n.value for n in card.eval.metrics if n.slice == {"model": "forecast"}}
    assert values["headline/wape"] == whole["wape"]
    assert values["headline/coverage_90"] == whole["coverage"]
    rule = {"model": f"baseline.{card.eval.practice}"}
    (beside,) = [n.value for n in card.eval.metrics if n.slice == rule and n.metric == "wape"]
    assert values[f"beside/{card.eval.practice}"] == beside
    gaps = [v for v in card.fairness.verdicts if v.dimension == "income"]
    largest = max(abs(v.spread or 0) / v.limit for v in gaps)
    assert values["income/worst_gap"] == pytest.approx(largest, abs=0.005)


def test_a_gap_that_may_not_be_said_leaves_the_largest_unsaid(card: CardRecord) -> None:
    """The largest of those that are said may be smaller than the one that is not."""
    measures = measure_card(change_verdicts(card, spread=None))
    name = f"{card.fairness.verdicts[0].dimension}/worst_gap"
    assert name in measures.undefined
    assert name not in measures.values


def test_what_the_card_leaves_out_is_not_logged(card: CardRecord) -> None:
    numbers = tuple(
        n.model_copy(update={"value": None})
        if n.slice == {"model": "forecast"} or n.slice.get("fold") == "1"
        else n
        for n in card.eval.metrics
    )
    evaluated = card.eval.model_copy(update={"metrics": numbers})
    measures = measure_card(card.model_copy(update={"eval": evaluated}))
    assert "headline/wape" in measures.undefined
    assert not any(m.name.startswith("headline/") for m in measures.logged)
    assert 1 not in {m.step for m in measures.logged if m.name == "folds/wape"}


def test_folds_are_steps(card: CardRecord) -> None:
    folds = {
        int(n.slice["fold"]): n.value
        for n in card.eval.metrics
        if "fold" in n.slice and n.metric == "wape" and n.slice["model"] == "forecast"
    }
    logged = {m.step: m.value for m in measure_card(card).logged if m.name == "folds/wape"}
    assert logged == folds
    assert len(folds) == 13


def test_a_dimension_called_as_a_section_has_one_of_its_own(card: CardRecord) -> None:
    part = card.fairness.dimensions[0].model_copy(update={"name": "checks"})
    changed = change_verdicts(card, dimension="checks")
    fairness = changed.fairness.model_copy(update={"dimensions": (part,)})
    names = names_of(measure_card(changed.model_copy(update={"fairness": fairness})))
    assert "checks/worst_gap" not in names
    assert any(name.startswith("checks--") for name in names)


def test_tables_hold_all_figures_of_the_card_and_no_other(card: CardRecord) -> None:
    tables = make_tables(card)
    assert set(tables) == {FIGURES, GROUPS, MODELS}
    places = sum(len(place.figures) for place in card.eval.places)
    parts = (card.eval.metrics, card.fairness.by_fold, card.fairness.results)
    figures = tables[FIGURES]
    assert len(figures) == places + sum(map(len, parts))
    hidden = [r for r in card.fairness.results if r.value is None]
    blank = figures[figures["group"].notna() & figures["fold"].isna() & figures["value"].isna()]
    assert len(blank) == len(hidden)
    assert set(tables[MODELS]["model"]) == {"forecast", *list_models(card)}
    assert tables[GROUPS]["figure"].is_unique


def test_each_model_has_the_run_s_own_names(card: CardRecord) -> None:
    trees = measure_model(card, "candidate.lightgbm")
    assert {m.name for m in trees.logged} <= names_of(measure_card(card))
    assert "headline/wape" in trees.values
