"""`cityai card verify`: a published card beside what it was drafted from, made a second time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from cityai.card.diff import add_changes
from cityai.card.draft import draft_card
from cityai.card.pages import make_pages
from cityai.card.record import CardRecord
from cityai.card.verify import (
    check_claims,
    check_digest,
    check_pages,
    read_record,
)
from cityai.card.verify.again import check_again, check_earlier
from cityai.card.verify.claims import Claim
from cityai.card.verify.recount import list_claims, list_option_claims
from cityai.config.audit_file import AuditFileSpec
from cityai.config.load_audit import AuditRequest
from cityai.errors import CityaiError, StoreError
from cityai.findings import Finding, Status
from cityai.pipeline import run as stages
from cityai.pipeline.cards import CardPlace, Drafted, find_drafted, find_place
from cityai.pipeline.stage import RecordT, Stage, digest_results
from cityai.store.cards import JSON
from cityai.store.records import (
    check_manifest,
    digest_files,
    has_record,
    load_record,
    read_files,
)
from cityai.store.stages import Store

if TYPE_CHECKING:
    from cityai.records.groups import Groups
    from cityai.records.predictions import Predictions

TITLE = "What the card was drafted from is as it was"


@dataclass(frozen=True)
class Recount:
    """A card made a second time.

    Attributes
    ----------
    record : CardRecord
        Drafted again, before what changed since the last card is added.
    claims : tuple of Claim
        The published card's figures, counted independently.
    told : str
        What was read.
    """

    record: CardRecord
    claims: tuple[Claim, ...]
    told: str


def verify_published(path: Path) -> tuple[Finding, ...]:
    """Verify a published card: every figure, value and page, from what was saved.

    Parameters
    ----------
    path : Path
        As for `cityai.pipeline.cards.find_place`.

    Returns
    -------
    tuple of Finding
        ``card.digest`` (the record is sealed), ``card.earlier`` (so is the one that it was
        compared with), ``card.predictions`` (what it was drafted from is there, unchanged),
        ``card.figures`` (counted independently), ``card.record`` (drafted again) and
        ``card.pages`` (made again, byte by byte). The first that differs is named.

    Raises
    ------
    StoreError, UserError
        When there is no card, or it is not one.
    """
    place = find_place(path)
    files = place.read_files()
    content = files[JSON]
    record = read_record(content, where=str(place.json))
    sealed: tuple[Finding, ...] = (check_digest(record, content),)
    try:
        drafted = read_drafted(place, record)
        sealed += (check_earlier(record, drafted.earlier.encode()),)
        recount: Callable[..., Recount] = recount_given if drafted.file else recount_run
        again = recount(drafted, place, record)
        pages = make_pages(record, drafted.read_outlines(place.workspace))
    except CityaiError as error:
        lost = Finding("card.predictions", Status.ERROR, TITLE, " ".join(str(error).split()))
        return *sealed, lost, check_pages(files, record)
    return (
        *sealed,
        Finding("card.predictions", Status.PASS, TITLE, again.told),
        check_claims(again.claims),
        check_again(record, add_changes(again.record, drafted.earlier)),
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


def hold_results(drafted: Drafted, place: CardPlace, record: CardRecord) -> dict[str, Path]:
    """Hold every file of the saved results against the record; return each result's folder.

    Every file is held against the manifest beside it, and all manifests against the digest that
    the card's record is sealed with.

    Raises
    ------
    StoreError
        Naming the first file that was changed, added or removed.
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


def recount_run(drafted: Drafted, place: CardPlace, record: CardRecord) -> Recount:
    """Judge a run's saved predictions again, draft its card again, and count its figures apart."""
    from cityai.assessment.audit import audit_predictions
    from cityai.assessment.evaluate import evaluate_predictions
    from cityai.config.load import SPECS, Project
    from cityai.kinds import open_kind
    from cityai.pipeline.records import Records, gather_card_facts

    spec = SPECS[str(json.loads(drafted.spec)["kind"])].model_validate_json(drafted.spec)
    folder = place.workspace / "projects" / spec.name
    kind = open_kind(Project(spec, folder, place.workspace, drafted.facts.spec_digest))
    where = hold_results(drafted, place, record)

    def load(stage: Stage[RecordT]) -> RecordT:
        return load_record(stage.record, where[stage.name])

    backtest, groups = load(stages.backtest), load(stages.memberships)
    claims: list[Claim] = []
    mitigation = load(stages.mitigation) if stages.mitigation.name in where else None
    if mitigation is not None:
        before, corrections = backtest.predictions, mitigation.corrections
        claims += list_option_claims(record, before, corrections, groups.memberships)
        backtest = kind.apply(backtest, mitigation)
    predictions = backtest.predictions
    records = Records(
        quality=load(stages.quality),
        backtest=backtest,
        evaluation=evaluate_predictions(predictions, spec),
        audit=audit_predictions(predictions, groups, spec),
        explanation=load(stages.explanation),
        mitigation=mitigation,
        proxies=load(stages.proxies),
    )
    again = draft_card(gather_card_facts(drafted.facts, kind, records))
    told = (
        f"{len(predictions.table):,} predictions and every file of {len(where)} results were read, "
        "as they were saved. The city's own tables and what MLflow keeps were not read."
    )
    return Recount(again, (*_count(record, predictions, groups), *claims), told)


def recount_given(drafted: Drafted, place: CardPlace, record: CardRecord) -> Recount:
    """Read given predictions again, judge them, draft their card, and count its figures apart.

    Raises
    ------
    StoreError
        When the file is gone, or is not the one that was audited.
    """
    from cityai.data.source.engine import digest_file
    from cityai.pipeline.external_audit import gather_card_facts, judge_given

    spec = AuditFileSpec.model_validate_json(drafted.spec)
    path = place.workspace / drafted.file
    if not path.exists():
        raise StoreError(
            "the predictions are no longer there",
            where=drafted.file,
            next_step="put them back, or audit them again where they are now",
        )
    if digest_file(path) != drafted.file_digest:
        raise StoreError(
            "the predictions are not those that were audited",
            where=drafted.file,
            expected=f"a file with the SHA-256 {drafted.file_digest}",
            next_step="put the file back, or audit this one",
        )
    order = AuditRequest(
        spec, place.workspace / drafted.order, place.workspace, drafted.facts.spec_digest
    )
    judged = judge_given(order, path)
    rows, groups = judged.given.predictions, judged.groups
    claims = _count(record, rows, groups)
    again = draft_card(gather_card_facts(judged, drafted.facts, path.name))
    told = (
        f"{len(rows.table):,} predictions were read, as they were given. What MLflow keeps was "
        "not read."
    )
    return Recount(again, tuple(claims), told)


def _count(record: CardRecord, predictions: Predictions, groups: Groups) -> Iterator[Claim]:
    units = groups.find_units(predictions.table)
    keys = None if units is None else pd.Series(units)
    return list_claims(record, predictions, groups.memberships, keys)
