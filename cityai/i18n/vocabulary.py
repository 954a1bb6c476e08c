"""Common words of city work, for the catalogues."""

from __future__ import annotations

from typing import Final

from cityai.i18n.messages import say

VOCABULARY: Final = (
    say("request"), say("requests"), say("call"), say("calls"), say("case"), say("cases"),
    say("ton"), say("tons"), say("person"), say("people"), say("child"), say("children"),
    say("visit"), say("visits"), say("inspection"), say("inspections"), say("trip"), say("trips"),
    say("rider"), say("riders"), say("bed"), say("beds"), say("appointment"), say("appointments"),
    say("permit"), say("permits"), say("complaint"), say("complaints"), say("rental"),
    say("rentals"), say("eviction"), say("evictions"), say("row"), say("rows"),
    say("neighbourhood"), say("neighbourhoods"), say("neighborhood"), say("neighborhoods"),
    say("district"), say("districts"), say("community district"), say("community districts"),
    say("ward"), say("wards"), say("borough"), say("area"), say("areas"), say("place"),
    say("places"), say("programme"), say("programmes"), say("program"), say("programs"),
    say("shelter"), say("shelters"), say("station"), say("stations"), say("school"),
    say("schools"), say("facility"), say("facilities"), say("household"), say("households"),
    say("day"), say("week"), say("month"), say("period"), say("point"),
    say("lowest"), say("lower middle"), say("middle"), say("upper middle"), say("highest"),
    say("lowest third"), say("middle third"), say("highest third"), say("lowest quarter"),
    say("highest quarter"), say("lower half"), say("upper half"), say("poorest quarter"),
    say("second poorest"), say("second wealthiest"), say("wealthiest quarter"), say("not recorded"),
    say("another group"), say("another language"), say("women"), say("men"), say("youth"),
    say("families"), say("English"), say("Spanish"), say("Portuguese"), say("French"),
    say("pass"), say("fail"), say("not enough evidence"), say("suppressed"),
    say("not applicable"), say("error"), say("low"), say("medium"), say("high"),
    say("completeness"), say("accuracy"), say("consistency"), say("timeliness"),
    say("hard"), say("soft"), say("bands"), say("this city"), say("overall"), say("test"),
    say("learning"), say("testing"), say("operation"), say("audit"), say("reference"),
    say("share"), say("correlation"), say("features"), say("folds"), say("best"),
    say("origin"), say("origins"), say("series"), say("rank"), say("columns"),
    say("city rule"), say("recent mean"), say("seasonal naive"), say("same period last year"),
    say("open"), say("done"), say("in progress"), say("yes/no"), say("amount"), say("missing"),
    say("log-odds"), say("AUC"), say("outcomes"), say("actual order"), say("past rate"),
    say("area average"),
    say("random order"), say("city score"), say("logistic regression"), say("violation"),
    say("violations"), say("restaurant"), say("restaurants"), say("establishment"),
    say("establishments"), say("kitchen"), say("kitchens"), say("identity"), say("platt"),
    say("isotonic"), say("others like these"), say("entity"), say("entities"),
)  # fmt: skip
"""Common words of city work: names of things counted and of groups, translated where they stand
alone in a sentence. Another name stays as the city wrote it."""

MODEL_RULES: Final = (
    say("No prediction of the tests used anything that was not known yet."),
    say("The model gives the same answer twice, and its explanation adds up to it."),
    say("The card's own word is ready, or ready on conditions."),
    say("No group is beyond a limit of the city, unless this was accepted in writing."),
    say("For every group it is known whether it is within the limits, or somebody watches it."),
    say("a monitor of these groups within 14 days, a random probe, or a narrower use"),
    say("The data are complete, timely and without contradiction, or somebody mends them."),
    say("No evaluation found that acting on it does harm, and none was dropped."),
    say("Every question that the public may ask has an answer on the card."),
    say("Anybody in the city can look up the code that was run."),
    say("The card is not older than a year."),
    say("The card is not older than half a year."),
    say("Somebody who did not ask for it has read the card and said yes."),
    say("The chief data officer and the ethics board have said yes."),
    say("data office"), say("chief data officer"), say("ethics board"), say("department"),
    say("council"), say("city manager"),
)  # fmt: skip
"""What the model policy says, word for word: a city that keeps a rule reads it in its language. A
rule that it wrote itself stands as it was written."""
