"""SVG as matplotlib writes it, made plain: safe, short, in the page's own colours."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final

INK: Final = "#010101"
MUTED: Final = "#020202"
LINE: Final = "#030303"
FIRST: Final = "#040404"
SECOND: Final = "#050505"
PANEL: Final = "#060606"
BAND: Final = "#070707"
SCALE: Final = ("#0a0a0a", "#0b0b0b", "#0c0c0c", "#0d0d0d", "#0e0e0e")
PLACE: Final = "place-"
"""Before the number of a place, in the id of its shape: its row in the table of places."""
_COLOURS: Final = {
    INK: "var(--ink,#1a1d21)",
    MUTED: "var(--muted,#5b6470)",
    LINE: "var(--line,#d5dae1)",
    FIRST: "var(--first,#0b5cad)",
    SECOND: "var(--second,#a8480f)",
    PANEL: "var(--panel,#ffffff)",
    BAND: "var(--band,#c9def4)",
    **{
        c: f"var(--scale{i},{f})"
        for i, (c, f) in enumerate(
            zip(SCALE, ("#dbe9f6", "#a6cbe6", "#61a2d0", "#2a72b0", "#0a3d78"), strict=True), 1
        )
    },
}
"""Marks that matplotlib draws in, and the colours of the page that they stand for."""
PRINTED: Final = {mark: told[told.index("#") : -1] for mark, told in _COLOURS.items()}
"""The same in daylight, where no page chooses."""

SVG: Final = "http://www.w3.org/2000/svg"
_XLINK: Final = "{http://www.w3.org/1999/xlink}href"
_CIRCLE: Final = re.compile(r"M 0 (\d[\d.]*)\s+(?:C[-\d. ]+\s+){8}z\s*")
"""How matplotlib draws a round marker."""
_TAGS: Final = {
    "svg",
    "g",
    "path",
    "use",
    "text",
    "tspan",
    "defs",
    "clipPath",
    "rect",
    "polygon",
    "circle",
    "pattern",
}


def clean(
    element: ElementTree.Element,
    name: str,
    ids: dict[str, str],
    cut: dict[str, tuple[str, int]],
    said: Mapping[str, int],
) -> None:
    """Leave nothing of a drawing but shapes and texts, and write them shortly, in place.

    Parameters
    ----------
    name : str
        What the ids begin with.
    ids : dict
        The new id of each id, filled here.
    cut : dict
        The whole text and the room, of each label that was cut.
    said : mapping
        Place of each text among the messages of the picture.
    """
    if element.get("id", "").startswith(PLACE):
        for shape in element:
            shape.set("data-place", element.attrib["id"].removeprefix(PLACE))
    kept: list[ElementTree.Element] = []
    for child in list(element):
        if child.tag.removeprefix(f"{{{SVG}}}") not in _TAGS:
            continue
        clean(child, name, ids, cut, said)
        is_group = child.tag in {f"{{{SVG}}}g", f"{{{SVG}}}defs"}
        if child.tag == f"{{{SVG}}}g" and not child.attrib:
            kept += list(child)
        elif len(child) or not (is_group or _is_empty(child)):
            kept.append(child)
    element[:] = _join_like(kept)
    if element.tag != f"{{{SVG}}}text" and element.tag != f"{{{SVG}}}tspan":
        element.text = None
    elif element.text in cut:
        element.text, most = cut[element.text]
        element.set("data-most", str(most))
    if element.text is not None and element.text in said:
        element.set("data-said", str(said[element.text]))
    element.tail = None
    for key in list(element.attrib):
        value = element.attrib[key]
        if key == "id":
            if element.tag == f"{{{SVG}}}g":
                del element.attrib[key]
            else:
                element.set(key, _shorten_id(value, name, ids))
        elif key == _XLINK:
            del element.attrib[key]
            element.set("href", f"#{_shorten_id(value.removeprefix('#'), name, ids)}")
        elif key == "clip-path":
            element.set(key, _shorten_links(value, name, ids))
        elif key == "style":
            element.set(key, _shorten_links(_restyle(value), name, ids))
        elif key == "transform" and re.fullmatch(r"rotate\(-?0 [^)]*\)", value):
            del element.attrib[key]
        elif key == "d":
            circle = _CIRCLE.fullmatch(value)
            element.set(key, _shorten_path(value))
            if circle:
                element.tag = f"{{{SVG}}}circle"
                element.attrib = {k: v for k, v in element.attrib.items() if k != "d"}
                element.set("r", _write_tenths(circle[1]))
        elif key in {"x", "y", "width", "height"}:
            element.set(key, _write_tenths(value))
        elif key in {"transform", "viewBox"}:
            element.set(key, re.sub(r"-?\d+\.\d+", _shorten_number, value))


def _is_empty(shape: ElementTree.Element) -> bool:
    """Tell whether a path goes nowhere, so that nothing of it is seen."""
    return "d" in shape.attrib and re.fullmatch(r"M[^A-Za-z]*", shape.attrib["d"]) is not None


def _join_like(drawn: Sequence[ElementTree.Element]) -> list[ElementTree.Element]:
    """Join lines that follow each other and are drawn alike, and clip alike shapes at once."""
    lines: list[ElementTree.Element] = []
    for shape in drawn:
        if lines and _describe_line(shape) and _describe_line(shape) == _describe_line(lines[-1]):
            lines[-1].set("d", lines[-1].attrib["d"] + shape.attrib["d"])
        else:
            lines.append(shape)
    joined: list[ElementTree.Element] = []
    for clip, shapes in groupby(lines, lambda shape: shape.get("clip-path")):
        alike = list(shapes)
        if clip is None or len(alike) == 1:
            joined += alike
            continue
        group = ElementTree.Element(f"{{{SVG}}}g", {"clip-path": clip})
        for shape in alike:
            del shape.attrib["clip-path"]
            bare = shape.tag == f"{{{SVG}}}g" and not shape.attrib
            group.extend(shape if bare else [shape])
        joined.append(group)
    return joined


def _describe_line(shape: ElementTree.Element) -> dict[str, str]:
    """Return how a line is drawn; nothing of a shape that is filled."""
    is_line = shape.tag == f"{{{SVG}}}path" and shape.get("style", "").startswith("fill:none")
    return {k: v for k, v in shape.attrib.items() if k != "d"} if is_line else {}


def _shorten_id(value: str, name: str, ids: dict[str, str]) -> str:
    """Return the id of a part of a picture: its name, and which part it is."""
    return ids.setdefault(value, f"{name}-{len(ids)}")


def _shorten_links(value: str, name: str, ids: dict[str, str]) -> str:
    return re.sub(
        r"url\(#([^)]+)\)", lambda match: f"url(#{_shorten_id(match[1], name, ids)})", value
    )


def _shorten_path(path: str) -> str:
    """Write a path to a tenth of a pixel, each point after the first of a line by its step."""
    written, last, at = [], "", (0, 0)
    for command, numbers in re.findall(r"([MLCQz])([^A-Za-z]*)", path):
        tenths = [round(float(number) * 10) for number in numbers.split()]
        steps = [t - at[i % 2] for i, t in enumerate(tenths)] if command != "M" else tenths
        at = (tenths[-2], tenths[-1]) if tenths else at
        letter = command if command in "Mz" else command.lower()
        if letter == "l" and 0 in steps:
            letter, steps = ("h", steps[:1]) if steps[1] == 0 else ("v", steps[1:])
        written += [" " if letter == last else letter, " ".join(map(_write_tenth, steps))]
        last = "" if letter == "M" else letter
    return re.sub(r"(\.\d+) (?=\.)", r"\1", "".join(written).replace(" -", "-"))


def _write_tenth(tenths: int) -> str:
    return re.sub(r"^(-?)0\.", r"\1.", f"{tenths / 10:g}")


def _write_tenths(value: str) -> str:
    tenths = re.sub(r"-?\d+\.\d+", lambda match: f"{float(match[0]):.1f}", value)
    return re.sub(r"-0(?![.\d])", "0", re.sub(r"\.0(?!\d)", "", tenths))


def _restyle(style: str) -> str:
    for mark, colour in _COLOURS.items():
        style = style.replace(mark, colour)
    style = re.sub(r"font-family:[^;]*;?\s*", "", style)
    style = re.sub(r"-?\d+\.\d{3,}", _shorten_number, style)
    return re.sub(r"\s*([:;,])\s*", r"\1", style).strip(";")


def _shorten_number(match: re.Match[str]) -> str:
    text = f"{float(match.group()):.2f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text
