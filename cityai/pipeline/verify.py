"""`cityai card verify`: a published card beside what it was drafted from, made a second time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from cityai.card.diff import add_changes
from cityai.card.draft import draft_card
from cityai.card.pages import make_pages
from cityai.card.record import CardRecord
from cityai.card.release import take_out_release
from cityai.card.verify import check_claims, check_digest, check_pages, read_record
from cityai.card.verify.again import check_again, check_earlier, check_verdict
from cityai.card.verify.claims import Claim
from cityai.card.verify.impact import list_impacts_claims
from cityai.card.verify.places import list_place_claims
from cityai.card.verify.recount import list_claims, list_option_claims
from cityai.data.file_digests import digest_file
from cityai.errors import CityaiError, StoreError
from cityai.findings import Finding, Status
from cityai.pipeline import run as stages
from cityai.pipeline.cards import Drafted, find_drafted
from cityai.pipeline.impact.stage import impact
from cityai.pipeline.places import CardPlace, find_place
from cityai.pipeline.stage import RecordT, Stage, digest_results
from cityai.store.cards import JSON
from cityai.store.records import check_manifest, digest_files, has_record, load_record, read_files
from cityai.store.stages import Store

if TYPE_CHECKING:
    from cityai.card.draft import CardFacts
    from cityai.records.groups import Groups
    from cityai.records.predictions import Predictions

TITLE = "What the card was drafted from is as it was"


@dataclass(frozen=True)
class Reread:
    """What a card was drafted from, read again."""

    predictions: Predictions
    groups: Groups
    """What was predicted, and who belongs where."""
    facts: CardFacts
    """What the card is drafted from, judged again."""
    told: str
    """What was read."""
    unchanged: Predictions | None = None
    """As they were before the option that was chosen for a gap, where any was tried."""

    def recount(self, record: CardRecord) -> tuple[Claim, ...]:
        """Count a card's figures apart from how they were made."""
        units, memberships = self.groups.find_units(self.predictions.table), self.groups.memberships
        keys = None if units is None else pd.Series(units)
        facts = self.facts
        claims = chain(
            list_claims(record, self.predictions, memberships, keys),
            list_place_claims(record, facts.outlook, memberships, facts.run.entities),
            list_impacts_claims(record.impacts, facts.impacts),
        )
        if self.unchanged is None or self.facts.mitigation is None:
            return tuple(claims)
        tried = self.facts.mitigation.corrections
        return *claims, *list_option_claims(record, self.unchanged, tried, memberships)


def verify_published(path: Path) -> tuple[Finding, ...]:
    """Verify a published card: every figure, value and page, from what was saved.

    Returns
    -------
    tuple of Finding
        ``card.digest`` (the record is sealed), ``card.verdict`` (its word follows from the rest
        of it), ``card.earlier`` (so is the one that it was
        compared with), ``card.predictions`` (what it was drafted from is there, unchanged),
        ``card.figures`` (counted independently), ``card.record`` (drafted again) and
        ``card.pages`` (made again, byte by byte). The first that differs is named.

    Raises
    ------
    StoreError, UserError
        When there is no card, or it is not one.
    """
    place = find_place(path)
    files = {name: take_out_release(page) for name, page in place.read_files().items()}
    content = files[JSON]
    record = read_record(content, where=str(place.json))
    sealed: tuple[Finding, ...] = (check_digest(record, content), check_verdict(record))
    try:
        drafted = read_drafted(place, record)
        sealed += (check_earlier(record, drafted.earlier.encode()),)
        again = reread(drafted, place, record)
        made = draft_card(again.facts)
        claims = again.recount(record)
        pages = make_pages(record, drafted.read_outlines(place.workspace))
    except CityaiError as error:
        lost = Finding("card.predictions", Status.ERROR, TITLE, " ".join(str(error).split()))
        return *sealed, lost, check_pages(files, record)
    return (
        *sealed,
        Finding("card.predictions", Status.PASS, TITLE, again.told),
        check_claims(claims),
        check_again(record, add_changes(made, drafted.earlier)),
        check_pages(files, record, pages),
    )


def read_drafted(place: CardPlace, record: CardRecord) -> Drafted:
    """Read from what a card was drafted.

    Raises
    ------
    StoreError
        When it is no longer kept, or was changed.
    """
    folder = find_drafted(place, record)
    if not has_record(folder):
        raise StoreError(
            "what the card was drafted from is not kept here",
            where=str(folder),
            expected="the private folder of the workspace that published the card",
            next_step="verify it there, or publish it again",
        )
    return load_record(Drafted, folder)


def _hold_results(drafted: Drafted, place: CardPlace, record: CardRecord) -> dict[str, Path]:
    """Hold every file of the saved results against the record; return each result's folder.

    Every file is held against the manifest beside it, and all manifests against the digest that
    the card's record is sealed with.
    """
    find = Store(place.state).find_folder
    where = {s: find(record.record.id, s, digest) for s, digest in drafted.stages.items()}
    held = {}
    for stage, folder in where.items():
        files = read_files(folder)
        check_manifest(files, str(folder))
        held[stage] = digest_files(files)
    if digest_results(held) != record.provenance.results_digest:
        raise StoreError(
            "the saved results are not those that the card was drafted from",
            where=str(find(record.record.id, "card", "").parent),
            expected=f"manifests with the SHA-256 {record.provenance.results_digest[:12]}...",
            next_step="run the project again",
        )
    return where


def _hold_files(drafted: Drafted, place: CardPlace) -> None:
    """Hold every file that a card is bound to against its digest."""
    for name, digest in drafted.files.items():
        path = place.workspace / name
        if not path.exists():
            raise StoreError(
                "the predictions are no longer there",
                where=name,
                next_step="put them back, or audit them again where they are now",
            )
        if digest_file(path) != digest:
            raise StoreError(
                "the predictions are not those that were audited",
                where=name,
                expected=f"a file with the SHA-256 {digest}",
                next_step="put the file back, or audit this one",
            )


def reread(drafted: Drafted, place: CardPlace, record: CardRecord) -> Reread:
    """Read what a card was drafted from, as it was saved, and judge it again."""
    from cityai.assessment.audit import audit_predictions
    from cityai.assessment.mitigation import apply_choice
    from cityai.config.load import Project
    from cityai.kinds import KINDS
    from cityai.pipeline.records import Records, gather_card_facts

    opened = KINDS[str(json.loads(drafted.spec)["kind"])]
    spec = opened.specification.model_validate_json(drafted.spec)
    folder = place.workspace / "projects" / spec.name
    kind = opened(Project(spec, folder, place.workspace, drafted.facts.spec_digest))
    _hold_files(drafted, place)
    where = _hold_results(drafted, place, record)

    def load(stage: Stage[RecordT]) -> RecordT:
        return load_record(stage.record, where[stage.name])

    def find(stage: Stage[RecordT]) -> RecordT | None:
        return load(stage) if stage.name in where else None

    backtest, groups = load(stages.backtest), load(stages.memberships)
    mitigation, unchanged = find(stages.mitigation), backtest.predictions
    if mitigation is not None:
        backtest = apply_choice(backtest, mitigation)
    predictions = backtest.predictions
    audit, taken = audit_predictions(predictions, groups, spec), find(impact)
    records = Records(
        quality=load(stages.quality),
        backtest=backtest,
        audit=audit,
        evaluation=kind.evaluate(predictions, audit),
        explanation=find(stages.explanation),
        mitigation=mitigation,
        proxies=find(stages.proxies),
        groups=groups,
        outlook=find(stages.outlook),
        impacts=taken.told if taken else (),
    )
    held = f" {len(drafted.files)} files are those that were given." if drafted.files else ""
    told = (
        f"{len(predictions.table):,} predictions and every file of {len(where)} results were read, "
        f"as they were saved.{held} The city's own tables and what MLflow keeps were not read."
    )
    facts = gather_card_facts(drafted.facts, kind, records)
    return Reread(predictions, groups, facts, told, unchanged)
