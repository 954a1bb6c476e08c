"""Facts of given predictions that no figure shows: counted once, told as findings elsewhere."""

from __future__ import annotations

import math
from typing import Final

import pandas as pd

from cityai.columns import AREA, AS_OF, ENTITY, EVERYWHERE
from cityai.config.audit_file import AuditFileSpec
from cityai.data.conversion import UNSAID, fold_spelling
from cityai.data.quality_facts import ONE_VALUE, UNKNOWN_AREA
from cityai.data.source import SourceTable
from cityai.data.source.engine import fetch_frame
from cityai.data.yes_no import count_unsaid, list_no, quote_values

GROUP: Final = "group."
"""Prefix of a column that divides rows into groups, as text."""
UNSAID_NO: Final = "unsaid"
"""Fact: answers that count as no, though they may say that nothing is known."""
SEVERAL_NO: Final = "several_no"
"""Fact: different texts that count as no; `good` of `total` rows hold one that says so."""
ALIKE: Final = "alike"
"""Fact: values of a column of groups that differ in their spelling alone."""
UNSAID_GROUP: Final = "unsaid_group"
"""Fact: values of a column of groups that may say that nothing is known."""
MANY_NUMBERS: Final = "many_numbers"
"""Fact: a column of groups that holds numbers alone, and `total` of them."""
NO_NUMBER: Final = "no_number"
"""Fact: of the known values of a column that is cut into bands, `good` of `total` are numbers."""
MOST_NUMBERS: Final = 20
"""More different numbers are rarely categories."""

Fact = tuple[str, str, str, str, int, int, float]


def collect_given_facts(
    table: pd.DataFrame, cells: pd.DataFrame, spec: AuditFileSpec, areas: pd.DataFrame | None
) -> list[Fact]:
    """Collect what is known of the rows: `Events.quality_facts`, a tuple each.

    Parameters
    ----------
    table : pandas.DataFrame
        `Events.table` of given predictions.
    cells : pandas.DataFrame
        Same index: the columns of the file.
    """
    return [
        *_count_values(table, spec),
        *_count_unknown(table, areas),
        *_list_answers(cells, spec),
        *_list_groups(table, spec),
    ]


def count_repeats(opened: SourceTable) -> tuple[int, bool]:
    """Count rows that are the same in every column, and say whether one names all others."""
    names = list(opened.names.values())
    rows = opened.table.select(*names).distinct()
    distinct = rows.aggregate(n=rows.count(), **{f"d{c}": rows[c].nunique() for c in names})
    counts = fetch_frame(distinct).iloc[0]
    left = int(counts["n"])
    return opened.count_rows() - left, bool((counts.drop("n") == left).any())


def _count_values(table: pd.DataFrame, spec: AuditFileSpec) -> list[Fact]:
    """Count, where there are steps, the moments of an entity with one value of a column."""
    if spec.predictions.columns.step is None:
        return []
    found: list[Fact] = []
    for name in (c for c in table if str(c).startswith(GROUP)):
        values = table[name].groupby([table[ENTITY], table[AS_OF]]).nunique()
        one, column = int((values <= 1).sum()), str(name).removeprefix(GROUP)
        found.append((ONE_VALUE, column, EVERYWHERE, EVERYWHERE, one, len(values), math.nan))
    return found


def _count_unknown(table: pd.DataFrame, areas: pd.DataFrame | None) -> list[Fact]:
    """Count rows in areas that the area table does not list, by area."""
    if areas is None:
        return []
    counted = table.loc[~table[AREA].isin(areas.index), AREA].dropna().value_counts().sort_index()
    n = int(counted.sum())
    whole = (UNKNOWN_AREA, "", EVERYWHERE, EVERYWHERE, len(table) - n, len(table), len(counted))
    listed = [(UNKNOWN_AREA, "", "code", str(c), 0, int(m), math.nan) for c, m in counted.items()]
    return [whole, *listed] if n else []


def _list_answers(cells: pd.DataFrame, spec: AuditFileSpec) -> list[Fact]:
    """List what means no only since nothing else was said of it."""
    columns, found, total = spec.predictions.columns, list[Fact](), len(cells)
    answers = (columns.outcome, columns.outcome_yes), (columns.decision, columns.decision_yes)
    for name, yes in answers:
        if name is None or not yes:
            continue
        if n := count_unsaid(cells[name], yes):
            found.append((UNSAID_NO, name, EVERYWHERE, EVERYWHERE, total - n, total, math.nan))
        meant, surely = list_no(cells[name], yes)
        if len(meant) > 1:
            said = quote_values(meant.index)
            rows = int(meant[surely].sum()), int(meant.sum())
            found.append((SEVERAL_NO, name, "values", said, *rows, math.nan))
    return found


def _list_groups(table: pd.DataFrame, spec: AuditFileSpec) -> list[Fact]:
    """List values of columns of groups that may be no groups, or no groups of their own."""
    cut = {d.attribute for d in spec.audit.dimensions.values() if d.cuts is not None}
    found: list[Fact] = []
    for name in (c for c in map(str, table) if c.startswith(GROUP)):
        column = name.removeprefix(GROUP)
        counts = table[name].dropna().astype("str").value_counts()
        texts = pd.Series(counts.index, index=counts.index, dtype="str")
        rows = int(counts.sum())
        numbers = pd.to_numeric(texts, errors="coerce").notna()
        if column in cut:
            good = int(counts[numbers].sum())
            said = quote_values(texts[~numbers])
            found.append((NO_NUMBER, column, "values", said, good, rows, math.nan))
            continue
        for _, same in texts.groupby(fold_spelling(texts)):
            if len(same) > 1:
                held = counts[same]
                most = int(held.max()), int(held.sum())
                found.append((ALIKE, column, "values", quote_values(same), *most, math.nan))
        unsaid = texts.str.strip().str.lower().isin(UNSAID)
        if unsaid.any():
            known = int(counts[~unsaid].sum())
            said = quote_values(texts[unsaid])
            found.append((UNSAID_GROUP, column, "values", said, known, rows, math.nan))
        if len(texts) > MOST_NUMBERS and numbers.all():
            found.append((MANY_NUMBERS, column, EVERYWHERE, EVERYWHERE, 0, len(texts), math.nan))
    return found
