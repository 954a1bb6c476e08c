"""The rules behind the word on the first screen, as the city's policy has them."""

from __future__ import annotations

from cityai.card.draft.verdict import RULES
from cityai.card.record.verdict import VerdictPart
from cityai.card.render.tables import Grid, make_grid
from cityai.card.words import VERDICT_WORDS, Code, write_number
from cityai.i18n.messages import join, say


def arrange_rules(part: VerdictPart) -> Grid:
    """Arrange what each rule of the policy means for a yes."""
    rules = part.rules
    rows = [
        (rule.because, Code(rule.name), VERDICT_WORDS.get(word, word))
        for rule in RULES
        for word in [getattr(rules, rule.name)]
        if isinstance(word, str)
    ]
    rows.insert(0, (RULES[0].because, Code(join(", ", rules.blocking)), VERDICT_WORDS["not ready"]))
    most = say(
        "Checks of groups that may have no answer: up to {share}.",
        share=write_number(rules.most_undecided, "share"),
    )
    rows.append((most, Code("most_undecided"), ""))
    columns = (say("When this holds"), say("In the policy"), say("The word is"))
    return make_grid(say("The city's rules for the word"), columns, rows)
