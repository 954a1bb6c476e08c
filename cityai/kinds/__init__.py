"""What each kind of question is made of."""

from __future__ import annotations

from typing import Final

from cityai.kinds.demand import DEMAND
from cityai.kinds.kind import Kind

KINDS: Final[dict[str, Kind]] = {kind.name: kind for kind in (DEMAND,)}

__all__ = ["KINDS", "Kind"]
