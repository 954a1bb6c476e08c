"""What each kind of question is made of."""

from __future__ import annotations

from typing import Final

from cityai.kinds.demand import DEMAND
from cityai.kinds.kind import Kind
from cityai.kinds.risk import RISK

KINDS: Final[dict[str, Kind]] = {kind.name: kind for kind in (DEMAND, RISK)}

__all__ = ["KINDS", "Kind"]
