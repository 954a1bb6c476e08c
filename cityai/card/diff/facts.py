"""What is no figure: verdicts, findings, open questions, data, model, specification, words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cityai.card.diff.evaluations import list_evaluations
from cityai.card.draft.gaps import QUESTIONS
from cityai.card.numbers import write_count
from cityai.card.record import CardRecord
from cityai.card.record.described import Change, ChangeKind
from cityai.card.record.fairness import GroupResult
from cityai.card.words import PAIR, STATUS_WORDS, VERDICT_WORDS, VERDICTS, describe_metric
from cityai.columns import DECIDING
from cityai.i18n.messages import capitalize, count_periods, join, say, write

LISTS: Final = ("model.inputs", " columns")
"""Ends of places that list names: what both lists have is not told."""
LONGEST: Final = 90
"""Characters of a person's text that a list of changes repeats."""
DIMENSIONS: Final = "fairness.dimensions "
"""Before a dimension's name, the place of a change of its groups."""
GROUPS_OF: Final = say("Groups of {label}")


def compare_facts(before: CardRecord, after: CardRecord) -> tuple[Change, ...]:
    """Compare all that is no figure of a test."""
    return (
        *_compare("evaluation", list_evaluations(before), list_evaluations(after)),
        *_compare("verdict", _list_verdicts(before), _list_verdicts(after)),
        *_compare("finding", _list_findings(before), _list_findings(after)),
        *_compare_gaps(before, after),
        *_compare("data", _list_content(before, after), _list_content(after, before)),
        *_compare("data", _list_data(before), _list_data(after)),
        *_compare("model", _list_model(before), _list_model(after)),
        *_compare("specification", _list_specification(before), _list_specification(after)),
        *_compare("words", _list_words(before), _list_words(after)),
    )


def compare_words(before: CardRecord, after: CardRecord) -> Iterator[Change]:
    """Compare the words on the first screens, where both cards have one."""
    old, new = before.verdict, after.verdict
    if old is None or new is None or old.word == new.word:
        return
    path, subject = "verdict.word", say("Can the city use it")
    told = _tell_verdict("word", subject, path, VERDICT_WORDS[old.word], VERDICT_WORDS[new.word])
    sentence = told.sentence + " " + new.because
    yield told.model_copy(update={"sentence": sentence})


AuditData = Mapping[str, tuple[str, str]]
"""By place in the record: what it is, and what it says."""


def _compare(kind: ChangeKind, before: AuditData, after: AuditData) -> Iterator[Change]:
    for path in dict.fromkeys((*after, *before)):
        old, new = before.get(path), after.get(path)
        if old is not None and new is not None and old[1] == new[1]:
            continue
        if old is not None and new is not None and path.endswith(LISTS):
            old, new = _leave_common(old, new), _leave_common(new, old)
        subject = (new or old or ("", ""))[0]
        tell = _tell_verdict if kind in {"evaluation", "verdict", "finding"} else _tell
        yield tell(kind, subject, path, old[1] if old else "", new[1] if new else "")


def _leave_common(own: tuple[str, str], other: tuple[str, str]) -> tuple[str, str]:
    """Return what a list has and the other has not; all of it where only the order differs."""
    has, had = (text.split(", ") for _, text in (own, other))
    left = has if set(has) == set(had) else [name for name in has if name not in had]
    return own[0], ", ".join(left)


def _tell(kind: ChangeKind, subject: str, path: str, before: str, after: str) -> Change:
    if not before:
        sentence = say("{subject}: now '{after}'.", subject=subject, after=_cut(after))
    elif not after:
        sentence = say(
            "{subject}: no longer there (it was '{before}').", subject=subject, before=_cut(before)
        )
    else:
        sentence = say(
            "{subject}: '{before}' before, '{after}' now.",
            subject=subject,
            before=_cut(before),
            after=_cut(after),
        )
    return Change(
        kind=kind, subject=subject, path=path, before=before, after=after, sentence=sentence
    )


def _tell_verdict(kind: ChangeKind, subject: str, path: str, before: str, after: str) -> Change:
    """Tell of what the card has its own words for; anything else is repeated as it was."""
    if not before:
        sentence = say("{subject}: now {after}.", subject=subject, after=after)
    elif not after:
        sentence = say(
            "{subject}: no longer there (it was {before}).", subject=subject, before=before
        )
    else:
        sentence = say(
            "{subject}: {before} before, {after} now.", subject=subject, before=before, after=after
        )
    return Change(
        kind=kind, subject=subject, path=path, before=before, after=after, sentence=sentence
    )


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _name_figure(result: GroupResult, labels: Mapping[str, str]) -> str:
    group, label = result.group, labels.get(result.dimension)
    named = say("{group} ({label})", group=group, label=label) if label else group
    return join(", ", (describe_metric(result.metric).label, named))


def _list_verdicts(card: CardRecord) -> AuditData:
    labels = {d.name: d.label for d in card.fairness.dimensions}
    judged = {
        f"fairness.results {r.dimension}={r.group} {r.metric}": (
            _name_figure(r, labels),
            VERDICTS[r.status],
        )
        for r in card.fairness.results
        if r.limit is not None and PAIR not in r.dimension
    }
    compared = {
        f"eval.comparisons {c.baseline} {c.metric}": (
            say("{label} beside {label2}", label=describe_metric(c.metric).label, label2=c.label),
            STATUS_WORDS[c.status],
        )
        for c in card.eval.comparisons
        if c.metric in DECIDING
    }
    return {**judged, **compared}


def _list_findings(card: CardRecord) -> AuditData:
    """List findings that no verdict of a group tells already."""
    counted: dict[str, int] = {}
    found = {}
    listed = [finding for finding in card.findings if "=" not in finding.subject]
    several = Counter((finding.code, finding.title) for finding in listed)
    for finding in listed:
        # What a check is about is said where another of the same name stands beside it.
        about = finding.subject if several[finding.code, finding.title] > 1 else ""
        key = f"findings {finding.code} {finding.title} {about}".strip()
        counted[key] = counted.get(key, 0) + 1
        name = key if counted[key] == 1 else f"{key} {counted[key]}"
        said = f" ({about})" if about and PAIR not in about else ""
        found[name] = (f"{finding.title}{said}", STATUS_WORDS[finding.status])
    return found


def _compare_gaps(before: CardRecord, after: CardRecord) -> Iterator[Change]:
    old, new = ({g.path: g for g in card.gaps} for card in (before, after))
    for path, gap in new.items():
        if path not in old:
            text = say("Open again: {what}.", what=gap.what)
            yield Change(
                kind="gap", subject=gap.what, path=path, before="", after="open", sentence=text
            )
    for path, gap in old.items():
        if path not in new:
            text = say("Answered: {what}.", what=gap.what)
            yield Change(
                kind="gap", subject=gap.what, path=path, before="open", after="", sentence=text
            )


def _list_content(card: CardRecord, other: CardRecord) -> AuditData:
    """List digests of the tables' content, where both cards took them of the same.

    Earlier cards have for their table's the digest of all tables and how they were declared.
    """
    whole, others = card.provenance.data_digest, other.provenance.data_digest
    own, its = {p.sha256 for p in card.data}, {p.sha256 for p in other.data}
    if (whole in own) != (others in its):
        return {}
    facts = {
        f"data {part.name} sha256": (say("Content of {name}", name=part.name), part.sha256[:12])
        for part in card.data
    }
    if own == its and own:
        facts["provenance.data_digest"] = (say("Content of the other tables"), whole[:12])
    return facts


def _list_data(card: CardRecord) -> AuditData:
    facts: dict[str, tuple[str, str]] = {}
    for part in card.data:
        at = f"data {part.name}"
        for field, words in (
            ("rows_accepted", say("Rows used")),
            ("rows_rejected", say("Rows refused")),
        ):
            facts[f"{at} {field}"] = (
                join(", ", (words, part.name)),
                write_count(getattr(part, field)),
            )
        if part.last is not None:
            facts[f"{at} last"] = (say("Last day of {name}", name=part.name), part.last.isoformat())
        facts[f"{at} columns"] = (say("Columns of {name}", name=part.name), ", ".join(part.columns))
        for m in part.quality:
            if m.slice == "overall":
                facts[f"{at} quality {m.dimension} {m.measure}"] = (
                    join(": ", (capitalize(m.dimension), m.measure)),
                    STATUS_WORDS[m.status],
                )
    return facts


def _list_model(card: CardRecord) -> AuditData:
    model = card.model
    facts = {
        "model.type": (say("Kind of model"), join("", (model.type, " (", model.name, ")"))),
        "model.inputs": (say("Inputs"), ", ".join(i.name for i in model.inputs)),
    }
    for name, value in model.parameters.items():
        facts[f"model.parameters.{name}"] = (say("Parameter {name}", name=name), value)
    for method in model.candidates:
        weight = say("not weighed") if method.weight is None else write(method.weight, ".3f")
        facts[f"model.candidates {method.name}"] = (
            say("Weight of {label}", label=method.label),
            weight,
        )
    for name, number in card.provenance.versions.items():
        facts[f"provenance.versions.{name}"] = (say("Version of {name}", name=name), number)
    return facts


def _list_specification(card: CardRecord) -> AuditData:
    facts = {
        "record.title": (say("Title"), card.record.title),
        "eval.nominal_coverage": (
            say("Coverage that is meant"),
            write(card.eval.nominal_coverage, "g"),
        ),
        "eval.confidence": (say("Confidence of intervals"), write(card.eval.confidence, "g")),
        "fairness.min_group_size": (say("Smallest group shown"), str(card.fairness.min_group_size)),
        "model.horizon": (
            say("Periods ahead"),
            count_periods(card.model.horizon, card.model.period),
        ),
    }
    for name, limit in card.fairness.limits.items():
        facts[f"fairness.limits.{name}"] = (
            say("Limit on {label}", label=describe_metric(name).label),
            write(limit, "g"),
        )
    for dimension in card.fairness.dimensions:
        if PAIR not in dimension.name:
            groups = join(", ", (g.name for g in dimension.groups))
            facts[f"{DIMENSIONS}{dimension.name}"] = (
                GROUPS_OF.format(label=dimension.label),
                groups,
            )
    tests = [f for f in card.eval.folds if f.role == "test"]
    if tests:
        span = say(
            "{tests} replays, {as_of} to {as_of2}",
            tests=len(tests),
            as_of=tests[0].as_of,
            as_of2=tests[-1].as_of,
        )
        facts["eval.folds"] = (say("Test"), span)
    options = card.fairness.options
    if options is not None:
        facts["fairness.options.choice"] = (say("Choice about a gap"), options.choice)
    return facts


def _list_words(card: CardRecord) -> AuditData:
    answers = card.model_dump(mode="json")
    answers["data"] = answers["data"][0] if answers["data"] else {}
    answers["review_due"] = answers["record"]["review_due"]
    answers["model"]["metric_reason"] = answers["eval"]["metric_reason"]
    facts = {}
    for path, (what, _) in QUESTIONS.items():
        answer: Any = answers
        for key in path.split("."):
            answer = answer.get(key) if isinstance(answer, dict) else None
        if answer is not None:
            facts[path] = (capitalize(what), _write_answer(answer))
    return facts


def _write_answer(answer: Any) -> str:
    if isinstance(answer, dict):
        if set(answer) == {"not_applicable"}:
            return say("does not apply: {not_applicable}", not_applicable=answer["not_applicable"])
        return join(", ", (f"{k} {_write_answer(v)}" for k, v in answer.items() if v))
    if isinstance(answer, list):
        return join("; ", (_write_answer(part) for part in answer))
    return str(answer)
