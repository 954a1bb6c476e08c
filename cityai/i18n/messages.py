"""The one door for sentences that a reader may want in another language.

A sentence stays an ordinary f-string: ``say(f"{rows:,} rows were read.")`` is that text, in plain
English, and is stored as such. The mark lets the catalogues be made from the code
(`cityai.i18n.extract`); a page finds the sentence again by its pattern
(`cityai.i18n.patterns`), so that a record written years ago can still be translated.
"""

from __future__ import annotations


def say(text: str) -> str:
    """Mark a sentence, or a template with ``{names}``, for translation; return it as it is."""
    return text


def say_n(one: str, several: str, n: float) -> str:
    """Mark a sentence that counts something, and return its form for `n` in English."""
    return one if n == 1 else several


def name_periods(period: str) -> str:
    """Return the word for several periods: ``weeks``."""
    return {
        "day": say("days"),
        "week": say("weeks"),
        "month": say("months"),
    }.get(period, say("periods"))


def count_periods(n: int, period: str) -> str:
    """Count periods: ``4 weeks``."""
    return {
        "day": say_n(f"{n:,} day", f"{n:,} days", n),
        "week": say_n(f"{n:,} week", f"{n:,} weeks", n),
        "month": say_n(f"{n:,} month", f"{n:,} months", n),
    }.get(period, say_n(f"{n:,} period", f"{n:,} periods", n))
