"""Messages: sentences that keep their template and its arguments, beside their English text.

``say("{rows:,} rows were read.", rows=rows)`` is a `Message`: a `str` that reads as English
wherever a text is asked for, and knows what it was made from, so that a page can write it in
another language. Numbers and days in it are figures (`Figure`) that a page writes as its locale
does; any other text is a name: of the city, of a column, or a common word
(`cityai.i18n.vocabulary`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from numbers import Real
from string import Formatter
from typing import Any, Final, Literal, SupportsIndex

COUNT: Final = "n"
"""Name of the argument that a plural form is chosen by."""
Value = float | date | tuple[date, date]
Case = Literal["", "upper", "lower"]
"""What becomes of a message's first letter."""
MOST_TEMPLATES: Final = 4_096
"""Templates whose places are remembered."""
_PLACE: Final = re.compile(r"\{(\w+)(?:[^{}]|\{[^{}]*\})*\}")
_LONG_DAY: Final = "%-d %B %Y"
_SIGNS: Final = str.maketrans({"-": "−"})


class Made(str):
    """A text that knows what it was made from, and still does where it is joined to others."""

    __slots__ = ()

    def __str__(self) -> str:
        return self

    def __add__(self, other: str) -> str:
        """Join texts without losing what they are made of."""
        return join("", (self, other))

    def __radd__(self, other: str) -> str:
        """Join texts without losing what they are made of."""
        return join("", (other, self))


class Figure(Made):
    """A number or a day as English writes it, with its value and its format."""

    __slots__ = ("format", "value")
    value: Value
    """Rounded as it is printed: what a record publishes gives no further digits away."""
    format: str  # type: ignore[assignment]
    """A format of Python: ``,.1f``, ``.1%``, ``%B %Y``. A number below 0 has print's minus; with a
    leading ``−`` a signed 0 has ``±`` before it."""

    def __new__(cls, text: str, value: Value = 0, format: str = "") -> Figure:
        """Return the figure; `write` makes one from a value."""
        made = super().__new__(cls, text)
        made.value, made.format = value, format
        return made


class Message(Made):
    """A sentence in English that keeps what it was made from."""

    __slots__ = ("arguments", "case", "id", "several")
    id: str
    """Its template, as catalogues have it: ``{rows} rows were read.``. One without words of its own
    (``{0} {1}``) joins others, and is in no catalogue."""
    several: str
    """The template for several, where it counts something."""
    arguments: dict[str, str]
    """By name: messages, figures, or plain names. A template that waits for them has none."""
    case: Case
    """What becomes of the first letter."""

    def __new__(
        cls,
        text: str,
        id: str = "",
        arguments: Mapping[str, str] | None = None,
        several: str = "",
        case: Case = "",
    ) -> Message:
        """Return the message; `say` and `say_n` make one from a template."""
        made = super().__new__(cls, text)
        made.id, made.several, made.case = id, several, case
        made.arguments = dict(arguments or {})
        return made

    def __format__(self, spec: str) -> str:
        """Return the message itself where nothing is asked of its width."""
        return super().__format__(spec) if spec else self

    def format(self, *_: object, **arguments: object) -> Message:
        """Fill the template, as `say` does with arguments at once."""
        return _fill(str.__str__(self), arguments)

    def lower(self) -> Message:
        """Return the message with a small first letter; in English all letters are small."""
        return self._recase(super().lower(), "lower")

    def strip(self, chars: str | None = None, /) -> Message:
        """Return the message without space around it."""
        return self._recase(super().strip(chars), self.case)

    def rstrip(self, chars: str | None = None, /) -> Message:
        """Return the message without space, or its point, behind it."""
        return self._recase(super().rstrip(chars), self.case)

    def replace(self, old: str, new: str, count: SupportsIndex = -1, /) -> str:
        """Return the message itself where nothing is replaced, else plain text."""
        return super().replace(old, new, count) if old in self else self

    def _recase(self, text: str, case: Case) -> Message:
        return Message(text, self.id, self.arguments, self.several, case)


def say(template: str, /, **arguments: object) -> str:
    """Make a message from a template in English.

    Parameters
    ----------
    template : str
        With places as `str.format` has them: ``{rows:,} rows of {unit}``. Without `arguments` it
        waits for them (`Message.format`), or has no places.
    **arguments
        What stands in the places.
    """
    if arguments:
        return _fill(template, arguments)
    return Message(template, name_template(template))


def say_n(one: str, several: str, n: float, /, **arguments: object) -> str:
    """Make a message that counts something: its form is chosen by `n`, here and on every page."""
    arguments = {COUNT: n, **arguments}
    chosen = _fill(one if n == 1 else several, arguments)
    return Message(chosen, name_template(one), chosen.arguments, name_template(several))


def write(value: float | date, format: str = "") -> str:
    """Write a number or a day: ``write(0.377, ".1%")``, ``write(day, "%B %Y")``.

    Parameters
    ----------
    value : float or date
        It is kept as it is printed, not more exactly.
    format : str
        See `Figure`.
    """
    if isinstance(value, date):
        day = value.date() if isinstance(value, datetime) else value
        return Figure(_write_date(day, format), day, format)
    text = _write_number(value, format)
    return Figure(text, _read_back(text, value), format)


def write_bounds(low: str, high: str) -> str:
    """Write a range of numbers that are written already; one number where both are the same."""
    return high if low == high else say("{left} to {right}", left=low, right=high)


def write_day(day: date) -> str:
    """Write a day in words: ``4 March 2026``."""
    return write(day, _LONG_DAY)


def write_span(first: date, last: date) -> str:
    """Write a range of days: ``4 March 2026 to 9 May 2026``."""
    days = (write_day(first), write_day(last))
    return Figure(" to ".join(days), (first, last), _LONG_DAY)


def join(mark: str, texts: Iterable[str]) -> str:
    """Join texts without losing what they are made of; plain text where all of them are plain."""
    parts = [part for text in texts for part in (mark, text)][1:]
    english = str.join("", parts)
    if not any(isinstance(part, Message | Figure) for part in parts) and mark.strip() == mark:
        return english
    arguments: dict[str, str] = {}
    form = ""
    for part in parts:
        plain = not isinstance(part, Message | Figure)
        if plain and not any(c.isalnum() or c in "{}" for c in part):
            form += part
        elif isinstance(part, Message) and is_joined(part) and not part.case:
            form += _renumber(part.id, len(arguments))
            arguments |= {str(len(arguments) + i): a for i, a in enumerate(part.arguments.values())}
        else:
            form += f"{{{len(arguments)}}}"
            arguments[str(len(arguments))] = part
    return arguments["0"] if form == "{0}" else Message(english, form, arguments)


def capitalize(text: str) -> str:
    """Return a text with a capital first letter."""
    english = recase(str.__str__(text), "upper")
    return text._recase(english, "upper") if isinstance(text, Message) else english


def uncapitalize(text: str) -> str:
    """Return a title as it stands in the middle of a sentence: with a small first letter.

    A title begins with words of the program, never with a name; one in capitals stays as it is.
    """
    english = recase(str.__str__(text), "lower")
    if english[1:2].isupper():
        return text
    if not isinstance(text, Message) or not text.arguments:
        return english  # a record keeps a message without arguments as plain text
    return text._recase(english, "lower")


def fill_places(form: str, places: Mapping[str, str]) -> str:
    """Return a form with its places filled; what stands in them is not looked into."""
    return _PLACE.sub(lambda m: str.__str__(places.get(m[1], m[0])), form)


def recase(text: str, case: str) -> str:
    """Change the first letter of a text to a capital (``upper``) or a small one (``lower``)."""
    if not case:
        return text
    return f"{text[:1].upper() if case == 'upper' else text[:1].lower()}{text[1:]}"


def is_joined(message: Message) -> bool:
    """Tell whether a message only joins others."""
    return all(name.isdigit() for name in message.arguments or ("",))


@lru_cache(maxsize=MOST_TEMPLATES)
def name_template(template: str) -> str:
    """Return a template as catalogues have it: places without formats, no space around."""
    return _PLACE.sub(r"{\1}", template).strip()


def find_places(template: str) -> tuple[str, ...]:
    """Return the names of a template's places, each once."""
    return tuple(dict.fromkeys(_PLACE.findall(template)))


def name_period(period: str) -> str:
    """Return the word for one period, or for a test fold: ``week``."""
    return {
        "day": say("day"),
        "week": say("week"),
        "month": say("month"),
        "fold": say("test period"),
    }.get(period, period)


def name_periods(period: str) -> str:
    """Return the word for several periods: ``weeks``."""
    return {"day": say("days"), "week": say("weeks"), "month": say("months")}.get(
        period, say("periods")
    )


def count_periods(n: int, period: str) -> str:
    """Count periods: ``4 weeks``."""
    return {
        "day": say_n("{n:,} day", "{n:,} days", n),
        "week": say_n("{n:,} week", "{n:,} weeks", n),
        "month": say_n("{n:,} month", "{n:,} months", n),
    }.get(period, say_n("{n:,} period", "{n:,} periods", n))


def count_points(points: str) -> str:
    """Count percentage points, written already: ``+0.4 points``, ``1 point``."""
    return say_n("{n} point", "{n} points", 1 if points.strip("+−") == "1" else 2, n=points)


def _fill(template: str, given: Mapping[str, object]) -> Message:
    arguments, text = {}, []
    for literal, name, spec, conversion in _parse(template):
        text.append(literal)
        if name is None:
            continue
        value = given[name]
        if spec and "{" in spec:
            spec = Formatter().vformat(spec, (), given)
        told = repr(value) if conversion == "r" else _argue(value, spec or "")
        arguments[name] = told
        text.append(told)
    if COUNT in given and COUNT not in arguments:
        arguments[COUNT] = _argue(given[COUNT], ",")
    return Message(str.join("", text), name_template(template), arguments)


@lru_cache(maxsize=MOST_TEMPLATES)
def _parse(template: str) -> tuple[tuple[str, str | None, str | None, str | None], ...]:
    return tuple(Formatter().parse(template))


def _argue(value: Any, spec: str) -> str:
    """Return what stands in a place: a message, a figure, or a name."""
    if isinstance(value, str):
        return format(str(value), spec) if spec else str(value)
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, Real | date):
        return write(value, spec)  # type: ignore[arg-type]
    return format(value, spec)


def _renumber(form: str, first: int) -> str:
    return _PLACE.sub(lambda m: f"{{{first + int(m[1])}}}", form)


def _write_number(value: float, form: str) -> str:
    text = format(value, form.removeprefix("−"))
    if "e+" in text:  # "g" writes 1470 to three digits as 1.47e+03
        number = Decimal(text.lstrip("+-"))
        text = text[: text[0] in "+-"] + format(number, ",f" if "," in form else "f")
    text = f"{text[:1].translate(_SIGNS)}{text[1:]}"  # an exponent keeps its own
    signed = form.startswith("−") and "+" in form
    return f"±{text.lstrip('+−')}" if signed and not value else text


def _write_date(day: date, form: str) -> str:
    return f"{day.day} {day:%B %Y}" if form == _LONG_DAY else format(day, form)


def _read_back(text: str, value: float) -> float:
    """Return a number as it was printed."""
    digits = text.replace(",", "").translate({ord("−"): "-", ord("±"): None})
    if digits.endswith("%"):
        share = digits[:-1]
        return round(float(share) / 100, len(share.partition(".")[2]) + 2)
    try:
        whole = digits.lstrip("+-").isdigit() and digits != "-0"
        return int(digits) if whole else float(digits)
    except ValueError:
        return float(value)
