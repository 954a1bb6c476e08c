"""Registers that a card can be written for, one file each; a new one is added to `REGISTERS`."""

from __future__ import annotations

from typing import Final

from cityai.card.registers.cyclonedx import CYCLONEDX
from cityai.card.registers.inventory import INVENTORY
from cityai.card.registers.register import Export, Field, Register
from cityai.errors import UserError, suggest_name

REGISTERS: Final[dict[str, Register]] = {r.name: r for r in (CYCLONEDX, INVENTORY)}


def find_register(name: str) -> Register:
    """Return a register by its name."""
    if name not in REGISTERS:
        raise UserError(
            f"there is no register '{name}'",
            where="--to",
            expected=" or ".join(REGISTERS),
            next_step=suggest_name(name, REGISTERS),
        )
    return REGISTERS[name]


__all__ = ["REGISTERS", "Export", "Field", "Register", "find_register"]
