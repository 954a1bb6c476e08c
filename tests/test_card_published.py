"""A published card from end to end: every kind of number, and every byte, is held by `verify`."""

from __future__ import annotations

import dataclasses
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cityai
from cityai.assessment.audit import Audit
from cityai.card.diff import add_changes
from cityai.card.draft import draft_card
from cityai.card.pages import Pages, make_pages
from cityai.card.record import CardRecord, seal_record, write_canonical
from cityai.card.verify import check_digest, check_pages, read_record
from cityai.card.verify.again import check_again, check_earlier, list_differences
from cityai.card.verify.claims import Claim
from cityai.cli.main import run_command
from cityai.errors import CityaiError, StoreError
from cityai.findings import Status
from cityai.pipeline.cards import compare_published, find_drafted
from cityai.pipeline.places import find_place
from cityai.pipeline.unchanged import LAST
from cityai.pipeline.verify import Reread, _hold_results, read_drafted, reread, verify_published
from cityai.store.records import load_record, save_record
from cityai.store.stages import open_store
from tests.conftest import PROJECT, draw_requests, write_workspace

pytestmark = pytest.mark.slow
FAST = PROJECT.replace("folds: 7, calibration: 4", "folds: 8, calibration: 6") + (
    "models: {candidates: [theta]}\n"
    "mitigation: {dimension: income, metric: under_forecast_share, choice: recalibrate, "
    "reason: It is fair., decided_by: head of planning}\n"
)
RUN = Path(".cityai", "projects", "requests")
"""Where the records of the run are."""


@dataclass(frozen=True)
class Told:
    """A workspace with a card, and the card made again once."""

    place: Path
    folder: Path
    record: CardRecord
    again: Reread
    claims: tuple[Claim, ...]
    pages: Pages
    earlier: str

    @property
    def cards(self) -> Path:
        return self.place / "model_cards" / "requests"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    place = tmp_path_factory.mktemp("city")
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "CITYAI_STATE"):
            monkeypatch.delenv(name, raising=False)
        folder = write_workspace(place, draw_requests(), FAST)
        policy = place / "configs" / "policy.yaml"
        policy.write_text("small_cell: 11\nlimits: {bias: 0.1}\n")
        cityai.run_project(cityai.load_project(folder))
        policy.write_text("small_cell: 11\nlimits: {bias: 0.2, wape: 0.5}\n")
        (folder / "card.yaml").write_text("system: {name: Requests ahead, phase: pilot}\n")
        cityai.run_project(cityai.load_project(folder))
        found = find_place(folder)
        record = read_record(found.json.read_bytes())
        drafted = read_drafted(found, record)
        again = reread(drafted, found, record)
        claims = again.recount(record)
    return Told(place, folder, record, again, claims, make_pages(record), drafted.earlier)


@pytest.fixture(autouse=True)
def _environment(own_store: None) -> None:
    """Use the workspace's own private folder."""


def list_numbers(facts: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], float]]:
    if isinstance(facts, dict | list):
        items = facts.items() if isinstance(facts, dict) else enumerate(facts)
        for key, value in items:
            yield from list_numbers(value, (*path, key))
    elif isinstance(facts, int | float) and not isinstance(facts, bool):
        yield path, facts


def name_path(path: tuple[Any, ...]) -> str:
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.removeprefix(".")


def forge(record: CardRecord, changed: dict[tuple[Any, ...], float]) -> CardRecord:
    """Change numbers; no check that this is for looks at the seal, so it is left as it was."""
    facts = record.model_dump(mode="json")
    for path, value in changed.items():
        node = facts
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value
    return CardRecord.model_validate(facts)


def change(value: float, kind: str) -> float:
    """Change a number so that it is seen; a sentence prints its own with few digits."""
    whole = isinstance(value, int) or ".arguments." in kind
    return value + 1 if whole else round(value * 1.1 + 0.001, 6)


def test_an_honest_card_verifies_beside_a_run(told: Told) -> None:
    with open_store(told.place / ".cityai").lock_project("requests"):
        found = {f.code: f for f in verify_published(told.folder)}
    assert list(found) == [
        "card.digest", "card.verdict", "card.earlier", "card.predictions", "card.figures",
        "card.record", "card.pages",
    ]  # fmt: skip
    assert {f.status for f in found.values()} == {Status.PASS}
    assert found["card.digest"].status is Status.PASS
    paths = {re.sub(r"\[.*", "", c.path) for c in told.claims}
    assert paths == {
        "eval.metrics", "eval.places", "eval.series", "eval.worth.ways", "fairness.results",
        "fairness.by_fold", "fairness.options.groups",
    }  # fmt: skip
    options = {c.path for c in told.claims if "options" in c.path}
    assert len(options) > 20


@pytest.mark.long
def test_one_number_of_every_kind_changed_is_named(told: Told) -> None:
    """One number of each place in the record, in each table of figures also of each metric."""
    kinds: dict[str, list[tuple[tuple[Any, ...], float]]] = defaultdict(list)
    facts = told.record.model_dump(mode="json")
    for path, value in list_numbers(facts):
        node = facts
        for key in path[:-1]:
            node = node[key]
        metric = node.get("metric", "") if isinstance(node, dict) else ""
        kinds[f"{re.sub(r'[0-9]+', '#', name_path(path))} {metric}"].append((path, value))
    assert len(kinds) > 150
    rng = np.random.default_rng(4)
    again = add_changes(draft_card(told.again.facts), told.earlier)
    kinds.pop("decision.unit_cost ")  # refused without a currency, as a forged one is
    chosen = [(kind, *of[int(rng.integers(len(of)))]) for kind, of in kinds.items()]
    for some in (chosen[i : i + 12] for i in range(0, len(chosen), 12)):
        changed = {path: change(value, kind) for kind, path, value in some}
        forged = forge(told.record, changed)
        finding = check_again(forged, again)
        assert finding.status is Status.FAIL, some
        told_of = list_differences(*(r.model_dump(mode="json") for r in (forged, again)))
        named = {d.path: d for d in told_of if d.path != "record.content_digest"}
        also = set(named) - {name_path(path) for path in changed}
        assert all(path.endswith(".text") for path in also)  # of a sentence whose number it was
        assert finding.subject == next(iter(named))
        assert f"{finding.subject} is printed as {named[finding.subject].printed}" in finding.reason
        for kind, path, _ in some:
            said = ".arguments." in kind  # read with the digits that its format prints
            assert str(changed[path]) in named[name_path(path)].printed or said, kind


def test_a_forged_verdict_is_named_and_so_is_a_sentence(told: Told) -> None:
    facts = told.record.model_dump(mode="json")
    at = next(i for i, r in enumerate(facts["fairness"]["results"]) if r["limit"] is not None)
    old = facts["fairness"]["results"][at]["status"]
    facts["fairness"]["results"][at]["status"] = "fail" if old == "pass" else "pass"
    forged = seal_record(CardRecord.model_validate(facts))
    again = add_changes(draft_card(told.again.facts), told.earlier)
    finding = check_again(forged, again)
    assert finding.subject == f"fairness.results[{at}].status"


def test_the_whole_command_names_a_forged_interval(
    told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    path = told.cards / "card.json"
    honest = path.read_bytes()
    facts = told.record.model_dump(mode="json")
    at = next(i for i, r in enumerate(facts["fairness"]["results"]) if r.get("gap_low") is not None)
    facts["fairness"]["results"][at]["gap_low"] -= 0.01
    forged = seal_record(CardRecord.model_validate(facts))
    try:
        path.write_text(write_canonical(forged))
        assert run_command(["card", "verify", str(told.cards)]) == 1
        out = " ".join(capsys.readouterr().out.split())
        assert f"fairness.results[{at}].gap_low is printed as" in out
        assert "was made from another record" in out
    finally:
        path.write_bytes(honest)


@pytest.mark.promise(33)
@pytest.mark.long
def test_two_hundred_changed_bytes_are_all_found(
    observe: Callable[[str], None], told: Told
) -> None:
    """In the record, the pages, and every file that the card stands on."""
    place = find_place(told.folder)
    drafted = read_drafted(place, told.record)
    assert set(drafted.stages) == {p.name for p in (told.place / RUN).iterdir()} - {"card", LAST}
    kept = [told.place / RUN / stage / key[:16] for stage, key in drafted.stages.items()]
    kept.append(find_drafted(place, told.record))
    saved = [p for folder in kept for p in sorted(folder.iterdir())]
    assert sum(p.suffix == ".parquet" for p in saved) >= 5
    public = sorted(p for p in told.cards.iterdir() if p.name in told.pages.files)
    rng = np.random.default_rng(11)
    for find, folder in ((find_forged, public), (find_damaged, saved)):
        for file in (folder[int(i)] for i in rng.integers(0, len(folder), 100)):
            honest = file.read_bytes()
            at, new = int(rng.integers(len(honest))), int(rng.integers(1, 256))
            try:
                file.write_bytes(honest[:at] + bytes([honest[at] ^ new]) + honest[at + 1 :])
                assert find(told), f"{file}, byte {at} xor {new}"
            finally:
                file.write_bytes(honest)
        assert not find(told)
    observe("200 of 200")


def test_a_result_and_its_manifest_changed_together_are_found(told: Told) -> None:
    place = find_place(told.folder)
    folder = told.place / RUN / "audit" / read_drafted(place, told.record).stages["audit"][:16]
    honest = {path: path.read_bytes() for path in folder.iterdir()}
    record = load_record(Audit, folder)
    try:
        save_record(dataclasses.replace(record, table=record.table.iloc[:-1]), folder)
        found = {f.code: f for f in verify_published(told.folder)}
        assert found["card.predictions"].status is Status.ERROR
        assert "not those that the card was drafted from" in found["card.predictions"].reason
    finally:
        for path, content in honest.items():
            path.write_bytes(content)


def find_forged(told: Told) -> bool:
    """Do what `verify_published` does with what is public, but draw nothing a second time."""
    try:
        files = find_place(told.folder).read_files()
        record = read_record(files["card.json"])
        findings = (
            check_digest(record, files["card.json"]),
            check_earlier(record, told.earlier.encode()),
            check_pages(files, record, told.pages),
        )
    except CityaiError:
        return True
    return any(f.status is not Status.PASS for f in findings)


def find_damaged(told: Told) -> bool:
    """Do what `verify_published` does with what a card stands on, but judge nothing again."""
    place = find_place(told.folder)
    try:
        _hold_results(read_drafted(place, told.record), place, told.record)
    except CityaiError:
        return True
    return False


def test_what_changed_is_on_the_card_and_in_the_command(
    told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = told.record.changes
    assert changes is not None
    said = [c.sentence for c in changes.items]
    assert any(s.startswith("Answered: the name under which") for s in said)
    assert changes == compare_published(told.folder)
    assert run_command(["card", "diff", str(told.folder)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    html = (told.cards / "card.html").read_text("utf-8")
    for sentence in said:
        assert " ".join(sentence.split()) in out.replace(" - ", " ") or sentence[:30] in out
        assert sentence[:25].replace("'", "&#39;") in html


def test_the_card_before_is_not_published(told: Told) -> None:
    """Counts of what came between the two would follow from both."""
    assert not [p for p in told.cards.iterdir() if "earlier" in p.name]
    assert told.record.changes is not None
    digest = json.loads(told.earlier)["record"]["content_digest"]
    assert digest == told.record.changes.content_digest


def test_a_run_again_keeps_the_card_before_it(told: Told) -> None:
    before = {p.name: p.read_bytes() for p in told.cards.iterdir()}
    card = cityai.run_project(cityai.load_project(told.folder)).card
    assert card.changes is not None
    assert told.record.changes is not None
    assert card.changes.content_digest == told.record.changes.content_digest
    assert {p.name for p in told.cards.iterdir()} == set(before)
    assert all(f.status is Status.PASS for f in verify_published(told.folder))


def test_without_what_it_was_drafted_from_nothing_is_claimed(told: Told, tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    copy = tmp_path / "model_cards" / "requests"
    copy.mkdir(parents=True)
    for file in told.cards.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    found = {f.code: f for f in verify_published(copy)}
    assert found["card.predictions"].status is Status.ERROR
    assert "not kept here" in found["card.predictions"].reason
    assert "card.figures" not in found


def test_no_card_is_told_plainly(tmp_path: Path) -> None:
    folder = write_workspace(tmp_path, draw_requests(weeks=3))
    with pytest.raises(StoreError, match="no card is published"):
        verify_published(folder)


def test_a_bare_name_finds_the_card(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(told.folder.parents[1])
    assert find_place(Path(told.folder.name)) == find_place(told.folder)


def test_the_portfolio_lists_the_card(told: Told) -> None:
    listed = json.loads((told.place / "model_cards" / "index.json").read_text())
    (system,) = listed["systems"]
    assert (system["id"], system["name"], system["phase"]) == (
        "requests", "Requests ahead", "pilot",
    )  # fmt: skip
