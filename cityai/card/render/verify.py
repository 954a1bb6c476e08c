"""The page of a bundle that checks signatures, chain, digests and rules in any browser."""

from __future__ import annotations

import json
from typing import Final

from markupsafe import Markup

from cityai.card.render.page import fill_template
from cityai.card.render.scripts import read_script
from cityai.card.words import LIFE_PHASES
from cityai.config.release import PHASES
from cityai.i18n.catalogue import LOCALES, NAMES
from cityai.i18n.messages import say
from cityai.i18n.translator import Translator

WORDS: Final[dict[str, str]] = {
    "title": say("Check a card and its approvals"),
    "intro": say(
        "This page looks at the files that you choose, in this browser. "
        "It sends nothing and loads nothing."
    ),
    "language": say("Language"),
    "files": say("The folder of the bundle, unpacked"),
    "anchor": say(
        "A head of the chain that you know from elsewhere (minutes, the city's page), if any"
    ),
    "found": say("What was found"),
    "nothing": say("Nothing was looked at yet."),
    "asked": say("What the policy asks"),
    "signed": say("What people signed"),
    "keys": say("Whose keys count"),
    "keys_note": say(
        "The keys come with the bundle. Compare their digests with those that the city publishes "
        "elsewhere: whoever makes a bundle could put in keys of their own."
    ),
    "unchecked": say("What this page does not check"),
    "no_figures": say(
        "Whether the figures follow from the predictions: cityai card verify does, where the "
        "predictions are."
    ),
    "no_aliases": say("What MLflow's aliases are on: cityai registry check does."),
    "no_end": say(
        "Whether acts at the end were cut off, unless a head is given above, or stands on the "
        "card's pages."
    ),
    "holds": say(
        "It holds: signatures, chain, hashes, and the rules for what is in use, as of {day}",
    ),
    "fails": say("It does not hold. Faults: {many}"),
    "missing": say("{file} is missing"),
    "changed": say("{file} is missing or was changed"),
    "unlisted": say("{file} is not listed"),
    "key_kind": say("the key of {name} is of another kind"),
    "form": say("it is written in another way"),
    "stranger": say("it was signed by a key that is not listed"),
    "signature": say("the signature is not that of {name}"),
    "no_act": say("it is no act of a review"),
    "follows": say("it does not follow the act before it"),
    "dated": say("it is dated before the act before it"),
    "silent": say("the key of {name} does not speak on {day}"),
    "number": say("here act {number} was expected"),
    "given": say("the head that you gave"),
    "cut": say(
        "the chain was cut or written anew: {where} names an act that is not in it",
    ),
    "sealed": say("{file} was changed after it was sealed"),
    "record": say("{file} was made from another record"),
    "suspended": say(
        "{phase}: version {version} is in use, and may not be used today",
    ),
    "in_use": say("{phase}: version {version} is in use"),
    "unused": say("{phase}: nothing is in use"),
    "counts": say("{phase}: approvals that count today: {people}"),
    "overridden": say(
        "{phase}: allowed against the rules until {day}, by {who}: {reason}",
    ),
    "until": say("{who} until {day}"),
    "nobody": say("nobody yet"),
    "short": say("missing: {many} of {role}"),
    "anyone": say("any role"),
    "returned": say("returned by {who}"),
    "yes": say("holds"),
    "condition": say("holds on a condition"),
    "no": say("does not hold"),
    "none": say("does not apply"),
    **{phase: LIFE_PHASES[phase] for phase in PHASES},
    "open": say("asks for a review"),
    "comment": say("comments"),
    "approve": say("approves"),
    "return": say("returns it"),
    "withdraw": say("takes back their decision"),
    "fulfil": say("says that a condition is met"),
    "override": say("allows it against the rules"),
    "promote": say("puts it into use"),
    "rollback": say("goes back to the model before"),
    "retire": say("takes it out of use"),
    "announce": say("announces an evaluation"),
    "draw": say("says what chance gave for an evaluation"),
    "decide": say("decides on an evaluation"),
    "to_scale": say("to be scaled up"),
    "to_change": say("to be changed"),
    "to_stop": say("to be stopped"),
    "stopped": say(
        "{phase}: it was decided on {day} to stop it, after the evaluation {name}, by {who}: "
        "{reason}",
    ),
    "key_days": say("{who}, from {since}"),
    "key_ended": say("{who}, from {since} to {until}"),
    "browser": say("this browser cannot check these signatures; use a newer one"),
    "no_script": say(
        "Without scripts nothing is checked here: the files are plain JSON, and the city's page "
        "on the review says how to check them by openssl."
    ),
}
"""What the page says, by name; its script fills the places."""


def render_verifier(language: str) -> str:
    """Render the page: its only script is allowed by its SHA-256, and no request is."""
    said = {code: _translate(code) for code in LOCALES}
    first = language if language in said else next(iter(said))
    return fill_template(
        "verify.html.j2",
        Translator(first),
        script=read_script("verify.js"),
        words=said[first],
        language=first,
        languages={code: NAMES[code] for code in said},
        catalogue=Markup(json.dumps(said).replace("<", "\\u003c")),  # noqa: S704
    )


def _translate(language: str) -> dict[str, str]:
    translator = Translator(language)
    return {name: translator.translate(text) for name, text in WORDS.items()}
