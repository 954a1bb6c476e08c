"""What a city installs with cityai may be used, changed and passed on under permissive terms."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PERMISSIVE = re.compile(
    r"\b(MIT|MIT-0|MIT-CMU|BSD|0BSD|Apache|ISC|PSF|Python Software Foundation|Zlib|CC0|CNRI"
    r"|HPND|Unlicense|MPL|Mozilla Public License|Kiwi)\b",
    re.IGNORECASE,
)
"""MPL binds the changed file alone, which nobody here changes (certifi, tqdm, pathspec)."""
COPYLEFT = re.compile(r"\bA?L?GPL|GNU|Affero|EUPL|SSPL|CC-BY-NC", re.IGNORECASE)
BY_HAND = {
    "huey": "MIT, in its LICENSE file",
    "skops": "MIT, in its LICENSE file",
    "axe-playwright-python": "MIT, in its LICENSE file",
}
"""Packages whose metadata names no licence, and what their licence file says."""
EITHER = {"pyphen": "MPL 1.1 at the user's choice"}
"""Packages under several licences of which one may be chosen; of the tests, never at run time."""


def read_licence(found: Distribution) -> str:
    data = found.metadata
    names = [c.split("::")[-1] for c in data.get_all("Classifier") or [] if "License ::" in c]
    return " / ".join(
        [data.get("License-Expression") or "", *names, (data.get("License") or "")[:60]]
    )


def walk_requirements(name: str, extras: frozenset[str] = frozenset()) -> dict[str, Distribution]:
    """Return every installed distribution that `name` needs here, itself included."""
    found: dict[str, Distribution] = {}
    todo, seen = [(name, extras)], set()
    while todo:
        name, extras = todo.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            found[canonicalize_name(name)] = here = distribution(name)
        except PackageNotFoundError:
            continue
        for text in here.requires or ():
            need = Requirement(text)
            environments = [{**default_environment(), "extra": e} for e in ("", *extras)]
            if need.marker is None or any(need.marker.evaluate(e) for e in environments):
                todo.append((need.name, frozenset(need.extras)))
    return found


def find_fault(name: str, licence: str) -> str | None:
    if name in BY_HAND:
        return None
    if COPYLEFT.search(licence) and name not in EITHER:
        return f"{name}: {licence} asks for more than a city can promise"
    if not PERMISSIVE.search(licence):
        return f"{name}: no known licence in its metadata ({licence})"
    return None


def test_every_run_time_dependency_is_permissive():
    needed = walk_requirements("cityai")
    assert len(needed) > 60
    assert not set(EITHER) & set(needed)
    faults = [find_fault(name, read_licence(found)) for name, found in sorted(needed.items())]
    assert [fault for fault in faults if fault] == []


def test_every_installed_tool_of_the_tests_is_permissive():
    for found in distributions():
        if "_vendor" in str(found.locate_file("")):
            continue  # a copy inside setuptools, which only builds
        name = canonicalize_name(found.name)
        assert find_fault(name, read_licence(found)) is None


@pytest.mark.parametrize(
    "licence", ["GPL-2.0-or-later", "GNU Lesser General Public License v2", "AGPL-3.0", "UNKNOWN"]
)
def test_a_licence_that_binds_is_found(licence):
    assert find_fault("merge3", licence)
