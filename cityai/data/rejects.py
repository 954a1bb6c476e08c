"""Rows that do not count: counted, listed with their numbers, and never lost from sight."""

from __future__ import annotations

from typing import Final

import pandas as pd

from cityai.columns import ROW_NUMBER
from cityai.config.project import BaseProjectSpec
from cityai.data.contract import Contract
from cityai.data.row_status import ACCEPTED, REJECTED
from cityai.data.source import REJECT_COLUMNS, SourceTable
from cityai.data.source.engine import Table, count_rows, fetch_frame, list_none
from cityai.errors import DataError
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import join, say, write
from cityai.records.events import name_reasons

SHOWN_REJECTS: Final = 3
LISTED_REJECTS: Final = 1_000_000


def count_status(rows: Table) -> dict[int, int]:
    """Count rows by status."""
    found = fetch_frame(rows.group_by("status").agg(rows=count_rows(rows)))
    return dict(zip(found["status"].tolist(), found["rows"].tolist(), strict=True))


def refuse_hopeless(
    years: pd.DataFrame, refused: Table, opened: SourceTable, contract: Contract
) -> None:
    """Refuse a table of which most rows break the contract, showing the first of them."""
    found = years.groupby("status")["rows"].sum()
    accepted, rejected = int(found.get(ACCEPTED, 0)), int(found.get(REJECTED, 0))
    rejected += len(opened.cut_rows)
    if accepted and rejected <= accepted:
        return
    if not accepted and not rejected:
        raise DataError(
            f"none of the {found.sum():,} rows is in scope",
            where=opened.where,
            next_step="correct `data.where`, `data.since` or `data.until`",
        )
    first = list_rejects(refused, opened, contract, pd.DataFrame(), limit=SHOWN_REJECTS)
    raise DataError(
        f"{rejected:,} of {rejected + accepted:,} rows in scope break the contract "
        f"({tell_first(first)})",
        where=opened.where,
        expected="most rows to keep it",
        next_step="correct the types and formats under `data.columns`, or what `question.outcome` "
        "takes for yes and no, or the file",
    )


def find_repeats(rows: Table, contract: Contract, spec: BaseProjectSpec) -> pd.DataFrame:
    """Find all but one row of each repeated key: n, key, kept.

    The one that was known first is kept; ties are broken by the cells, then by the row number, so
    another order of the file keeps the same content.
    """
    columns = [f"v{contract.place(name)}" for name in spec.row_key]
    if not columns:
        return pd.DataFrame({"n": pd.Series(dtype="int64"), "e": pd.Series(dtype="str")})
    # Rows below 0 stand for several, of which none has the key of another row.
    good = rows.filter((rows["status"] == ACCEPTED) & (rows["n"] > 0))
    for column in columns:
        good = good.filter(good[column].notnull())
    several = good.group_by(columns).having(good.count() > 1).agg(times=good.count())
    cells = [f"v{i}" for i in range(len(contract.columns))]
    rows_of = fetch_frame(good.semi_join(several, columns).select("n", "e", "k", *cells))
    rows_of = rows_of.sort_values(["k", *cells, "n", "e"], na_position="last")
    rows_of["place"] = rows_of.groupby(columns, sort=False).cumcount()
    rows_of["kept"] = rows_of.groupby(columns, sort=False)["n"].transform("first")
    rows_of["key"] = [
        ", ".join(map(str, key)) for key in zip(*(rows_of[c] for c in columns), strict=True)
    ]
    return rows_of[rows_of["place"] > 0][["n", "e", "key", "kept"]].sort_values(["n", "e"])


def mark_repeats(rows: Table, repeats: pd.DataFrame, opened: SourceTable) -> Table:
    """Reject the repeats; a row is told by its number and entity, since `unpivot` repeats both."""
    if repeats.empty:
        return rows.mutate(repeats=rows["n"].isnull())
    marked = opened.put("repeats", repeats[["n", "e"]].assign(repeats=True))
    joined = rows.left_join(marked, ["n", "e"])
    is_repeat = joined["repeats"].fill_null(False)
    columns = {name: joined[name] for name in rows.columns if name != "status"}
    return joined.select(
        **columns,
        status=is_repeat.ifelse(REJECTED, joined["status"]).cast("int8"),
        repeats=is_repeat,
    )


def list_rejects(
    rejected: Table,
    opened: SourceTable,
    contract: Contract,
    repeats: pd.DataFrame,
    *,
    limit: int = LISTED_REJECTS,
) -> pd.DataFrame:
    """List every refused cell: row_number, column, value as written, reason."""
    parts = [opened.cut_rows]
    has = fetch_frame(
        rejected.agg(**{f"r{i}": rejected[f"r{i}"].count() for i in range(len(contract.columns))})
    )
    for i, name in enumerate(contract.columns):
        if not has[f"r{i}"].iloc[0]:
            continue
        cells = rejected.filter(rejected[f"r{i}"].notnull())
        found = cells.select(
            **{ROW_NUMBER: cells["n"], "value": cells[f"x{i}"], "reason": cells[f"r{i}"]}
        )
        found = fetch_frame(found.order_by(ROW_NUMBER).limit(limit))
        parts.append(found.assign(column=name)[list(REJECT_COLUMNS)])
    if len(repeats):
        parts.append(
            make_frame(
                {
                    ROW_NUMBER: repeats["n"],
                    "column": "",
                    "value": repeats["key"],
                    "reason": [
                        say("repeats the key of row {kept}", kept=kept) for kept in repeats["kept"]
                    ],
                }
            )
        )
    listed = pd.concat([part for part in parts if len(part)] or [opened.cut_rows])
    listed = listed.sort_values([ROW_NUMBER, "column", "reason"], ignore_index=True)
    return listed.head(limit).astype(
        {ROW_NUMBER: "int64", "column": "str", "value": "str", "reason": object}
    )


def list_refused(
    frame: pd.DataFrame, contract: Contract, cut_rows: pd.DataFrame, name: str = ""
) -> pd.DataFrame:
    """List every refused cell of a table that was fetched, its column after the table's name."""
    parts = [cut_rows.assign(column=name)]
    for i, column in enumerate(contract.columns):
        bad = frame[frame[f"r{i}"].notna()]
        cells = {ROW_NUMBER: bad["n"], "value": bad[f"x{i}"], "reason": bad[f"r{i}"]}
        parts.append(pd.DataFrame(cells).assign(column=f"{name}.{column}" if name else column))
    listed = pd.concat([part for part in parts if len(part)] or [cut_rows])
    listed = listed.sort_values([ROW_NUMBER, "column"], ignore_index=True)
    return listed[list(REJECT_COLUMNS)].astype(list_none().dtypes.to_dict())


def tell_first(rejects: pd.DataFrame) -> str:
    """Tell the first refused cells: row, column, what is written and why it is refused."""
    return "; ".join(
        f"row {row[ROW_NUMBER]:,}, column '{row['column']}'"
        + (f": {row['value']!r} is" if pd.notna(row["value"]) else " is")
        + f" {row['reason']}"
        if row["column"]
        else f"row {row[ROW_NUMBER]:,}: {row['reason']}"
        for row in rejects.head(SHOWN_REJECTS).to_dict("records")
    )


def tell_rejects(rejects: pd.DataFrame) -> list[tuple[int, str]]:
    """Count the refused cells by column and reason, the most first, and show the first of each.

    What is shown is written in the table, so it is for a private terminal alone.
    """
    told = []
    alike = rejects.assign(reason=name_reasons(rejects["reason"]))
    for (column, reason), part in alike.groupby(["column", "reason"]):
        first = part.head(SHOWN_REJECTS)
        rows = join(
            ", ",
            (
                f"{row:,} ({value[:40]!r})" if value else write(row, ",")
                for row, value in zip(first[ROW_NUMBER], first["value"].fillna(""), strict=True)
            ),
        )
        where = f"{column}: " if column else ""
        told.append((len(part), f"{where}{reason}; row{'s' * (len(first) > 1)} {rows}"))
    return sorted(told, key=lambda part: (-part[0], part[1]))
