"""The gate's result as a Simple Verification Result (SVR v0.2), which other tools read.

Source: https://github.com/in-toto/attestation/blob/main/spec/predicates/svr.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from cityai.review.acts import describe_subject, write_in_toto
from cityai.review.gate import Checked, is_open
from cityai.review.standing import Standing, is_policy

SVR: Final = "https://in-toto.io/attestation/svr/v0.2"
VERIFIER: Final = "urn:cityai:gate:1"
"""Who verified: another number where the gate's logic is another."""
_HELD: Final = {"met": "", "met on condition": "_ON_CONDITION"}


def write_result(
    found: Sequence[Checked], subjects: Mapping[str, str], standing: Standing, at: datetime
) -> bytes:
    """Return the JSON of the statement: which rules hold, of these bytes, under this policy.

    Only what holds is a property; a rule that is not among them does not hold, or does not apply.
    """
    start = f"CITYAI_{standing.phase.upper()}_"
    held = [f"{start}{c.rule.id}{_HELD[c.outcome]}" for c in found if c.outcome in _HELD]
    held += [f"{start}ALLOWED"] * is_open(found, standing) + [
        f"{start}OVERRIDDEN"
    ] * standing.overridden
    policies = [describe_subject(*subject) for subject in subjects.items() if is_policy(subject[0])]
    predicate = {
        "verifier": {"id": VERIFIER, "policies": policies},
        "timeCreated": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "properties": held,
    }
    return write_in_toto(SVR, predicate, {n: d for n, d in subjects.items() if not is_policy(n)})
