"""The page in four languages: every message written, every sentence found, figures rewritten."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cityai.card.diff import add_changes
from cityai.card.figures import draw_figures
from cityai.card.render import name_page, render_json, render_pages
from cityai.card.render.own_words import list_own_words
from cityai.card.verify import read_record
from cityai.i18n.catalogue import LOCALES, open_messages, read_catalogue
from cityai.i18n.collect import PACKAGE
from cityai.i18n.extract import extract_messages, read_code, read_template
from cityai.i18n.figures import FigureWriter
from cityai.i18n.grammar import draw_together
from cityai.i18n.messages import count_periods, say_n
from cityai.i18n.patterns import Pattern, find_places, list_patterns
from cityai.i18n.speaker import Speaker
from tests.speech import check_card

OTHERS = [language for language in LOCALES if language != "en"]
CARDS = sorted((Path(__file__).parents[2] / "model_cards").glob("*/card.json"))


@pytest.fixture(scope="module")
def marked():
    return {(m.text, m.plural) for m in extract_messages(PACKAGE)}


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_written_and_none_is_left_over(language, marked):
    catalogue = read_catalogue(language)
    entries = [entry for entry in catalogue if entry.id]
    ids = {e.id if isinstance(e.id, tuple) else (e.id, "") for e in entries}
    assert ids - marked == set(), "unused: run `make messages`"
    assert marked - ids == set(), "missing: run `make messages` and translate"
    for entry in entries:
        told = entry.string if isinstance(entry.string, tuple) else (entry.string,)
        assert all(told), f"not translated: {entry.id}"
        assert not entry.fuzzy, entry.id


@pytest.mark.parametrize("language", OTHERS)
def test_places_match(language):
    for entry in read_catalogue(language):
        if not entry.id:
            continue
        english = entry.id if isinstance(entry.id, tuple) else (entry.id,)
        told = entry.string if isinstance(entry.string, tuple) else (entry.string,)
        for text in told:
            assert set(find_places(text)) == set(find_places(english[0])), entry.id


def test_a_translation_is_not_the_english_text():
    """Most messages with three words or more differ in every language."""
    for language in OTHERS:
        same = [
            entry.id
            for entry in read_catalogue(language)
            if entry.id
            and entry.id == entry.string
            and len(re.findall(r"[a-z]{3,}", re.sub(r"\{\w+\}", "", str(entry.id)))) >= 3
            and not isinstance(entry.id, tuple)
        ]
        assert same == []


def test_every_sentence_of_the_test_card_is_found(city):
    check_card(city.record, draw_figures(city.record))


def test_every_sentence_of_a_changed_card_is_found(city):
    """Every kind of change, there and back: figures, verdicts, data, model, question, words."""
    facts = city.record.model_dump(mode="json")
    for number in facts["eval"]["metrics"]:
        if number["value"] is not None:
            number["value"] += 0.02
    for result in facts["fairness"]["results"]:
        if result["gap"] is not None:
            result["gap"] += 0.01
        if result["limit"] is not None:
            result["status"] = "fail" if result["status"] != "fail" else "pass"
    facts["findings"][0]["status"] = "error"
    facts["gaps"] = facts["gaps"][1:]
    facts["data"][0]["rows_accepted"] += 7
    facts["model"]["parameters"]["depth"] = "9"
    facts["model"]["candidates"][0]["weight"] = None
    facts["provenance"]["versions"]["lightgbm"] = "5.0.0"
    facts["fairness"]["limits"]["wape"] = 0.42
    facts["oversight"]["appeal"] = "Write to us."
    other = city.record.model_validate(facts)
    for before, after in ((city.record, other), (other, city.record)):
        changed = add_changes(after, render_json(before))
        assert len({item.kind for item in changed.changes.items}) == 8
        check_card(changed)
    check_card(add_changes(city.record, render_json(city.record)))
    check_card(add_changes(city.record, "{}"))


@pytest.mark.parametrize("path", CARDS, ids=lambda p: p.parent.name)
def test_every_sentence_of_the_repositorys_cards_is_found(path):
    check_card(read_record(path.read_text("utf-8")))


def test_a_sentence_that_nobody_translated_is_noticed():
    speaker = Speaker("es")
    assert str(speaker.show("Pigeons were not counted.")) == (
        '<span lang="en">Pigeons were not counted.</span>'
    )
    assert speaker.unknown == {"Pigeons were not counted."}


@pytest.mark.parametrize(
    ("language", "text", "told"),
    [
        ("es", "about 1 request in 8", "cerca de 1 solicitud de cada 8"),
        ("pt", "+17.7 points", "+17,7 pontos"),
        ("fr", "1,728 rows were read: 1 used, 2 outside the question, 3 refused.",
         "1\u00a0728 lignes ont été lues\u00a0: 1 utilisées, 2 hors de la question, 3 refusées."),
        ("pt", "30.7%: about 1 ton in 3", "30,7%: cerca de 1 tonelada em cada 3"),
        ("fr", "lowest third; highest third", "tiers inférieur; tiers supérieur"),
        ("es", "No outcome is known yet. No row belongs to this group.",
         "Todavía no se conoce ningún resultado. Ninguna fila pertenece a este grupo."),
    ],
)  # fmt: skip
def test_sentences_are_said(language, text, told):
    speaker = Speaker(language)
    assert speaker.tell(text) == told
    assert speaker.unknown == set()


@pytest.mark.parametrize("text", ["Access to food", "Rich and poor (mixed)", "A: b: c", "12 to go"])
def test_a_name_is_never_half_translated(text):
    for language in OTHERS:
        assert Speaker(language, frozenset({text})).tell(text) == text


def test_own_words_keep_their_language():
    speaker = Speaker("fr", frozenset({"Old Harbour"}), "en")
    assert str(speaker.show("Beyond the limit: Old Harbour.")) == (
        'Au-delà de la limite\u00a0: <span lang="en">Old Harbour</span>.'
    )
    assert str(Speaker("en", frozenset(), "es").show_own("El Puerto")) == (
        '<span lang="es">El Puerto</span>'
    )


@pytest.mark.parametrize(
    ("code", "text", "told"),
    [
        ("es_419", "1,728.5", "1,728.5"),
        ("pt_BR", "1,728.5", "1.728,5"),
        ("fr_CA", "-3.8%", "−3,8\u00a0%"),
        ("pt_BR", "1.23e+03", "1,23e+03"),
        ("es_419", "4 March 2026", "4 de marzo de 2026"),
        ("fr_CA", "March 2026", "mars 2026"),
        ("pt_BR", "2026-11-01", "1 de novembro de 2026"),
        ("es_419", "22 November 2026, 12:00 UTC", "22 de noviembre de 2026, 12:00 UTC"),
        ("pt_BR", "31 February 2026", None),
        ("pt_BR", "four", None),
    ],
)
def test_figures_are_written_as_the_locale_writes_them(code, text, told):
    assert FigureWriter(code).write(text) == told


@pytest.mark.parametrize(
    ("language", "n", "told"),
    [("fr", 0, "0 semaine"), ("fr", 1, "1 semaine"), ("fr", 2, "2 semaines"),
     ("es", 0, "0 semanas"), ("es", 1, "1 semana"), ("pt", 1, "1 semana"),
     ("es", 1_000_000, "1,000,000 semanas")],
)  # fmt: skip
def test_plurals_follow_the_language(language, n, told):
    assert Speaker(language).tell(count_periods(n, "week")) == told


def test_the_heavier_message_wins():
    patterns = list_patterns([("{a} of {b}", "light"), ("{a} rows of {b}", "heavy")])
    assert [p.key for p in patterns] == ["heavy", "light"]
    assert list(Pattern("{a} x {a}", "").match("1 x 2")) == []
    assert list(Pattern("{a} x {a}", "").match("1 x 1")) == [{"a": "1"}]


def test_marked_sentences_are_read_from_code_and_templates():
    source = (
        "from cityai.i18n.messages import say as mark, say_n\n"
        "a = mark(f\"{len(rows):,} rows of {spec.unit} and {row['part']}\")\n"
        "b = say_n(f'{len(x)} day', f'{len(x)} days', len(x))\n"
        "c = mark('{rows:,} rows')\n"
    )
    assert [(m.text, m.plural) for m in read_code(source, "x.py")] == [
        ("{rows} rows of {unit} and {part}", ""),
        ("{n} day", "{n} days"),
        ("{rows} rows", ""),
    ]
    with pytest.raises(ValueError, match="only a literal"):
        list(read_code("from cityai.i18n.messages import say\nsay(text)", "x.py"))
    found = read_template("{{ _('Hello {name}', name=n) }}{% if x %}{{ _('Bye') }}{% endif %}", "t")
    assert [m.text for m in found] == ["Hello {name}", "Bye"]
    assert say_n("a day", "days", 1) == "a day"


def test_pages_link_to_each_other(city):
    pages = render_pages(city.record)
    assert list(pages) == ["card.html", "card.es.html", "card.pt.html", "card.fr.html"]
    for name, html in pages.items():
        for other in pages:
            assert (f'href="{other}"' in html) is (other != name)
    assert name_page("es", "es") == "card.html"
    assert '<html lang="pt">' in pages["card.pt.html"]


def test_a_city_that_writes_spanish_has_a_spanish_card(city):
    head = city.record.record.model_copy(update={"words_language": "es"})
    pages = render_pages(city.record.model_copy(update={"record": head}))
    assert '<html lang="es">' in pages["card.html"]
    assert '<span lang="es">' in pages["card.en.html"]
    assert '<span lang="es">' not in pages["card.html"]


def test_the_city_decides_which_pages_are_written(city):
    head = city.record.record.model_copy(update={"languages": ("fr", "en")})
    pages = render_pages(city.record.model_copy(update={"record": head}))
    assert list(pages) == ["card.html", "card.fr.html"]
    assert "card.es.html" not in pages["card.html"]
    head = head.model_copy(update={"words_language": "es"})
    assert list(render_pages(city.record.model_copy(update={"record": head}))) == [
        "card.html", "card.en.html",
    ]  # fmt: skip


def test_catalogues_open_once():
    assert open_messages("es") is open_messages("es")


EASY = {
    "en": ("flesch_kincaid_grade", 9.0),
    "es": ("fernandez_huerta", 60.0),
    "fr": ("flesch_reading_ease", 60.0),
}
"""Grade at most 9 (Flesch and Kincaid); in Spanish (Fernandez Huerta) and French (Kandel and Moles)
an ease of 60 or more, which is plain language. There is no formula for Portuguese in the library.
"""


@pytest.mark.parametrize("language", EASY)
def test_a_fourteen_year_old_can_read_the_summary(city, language):
    textstat = pytest.importorskip("textstat")
    speaker = Speaker(language, list_own_words(city.record))
    said = [*city.record.eval.in_words, *city.record.fairness.in_words]
    textstat.set_lang(language)
    formula, limit = EASY[language]
    figure = getattr(textstat, formula)(" ".join(speaker.tell(text) for text in said))
    assert figure <= limit if language == "en" else figure >= limit


@pytest.mark.parametrize("language", LOCALES)
def test_sentences_of_the_summary_are_short(city, language):
    speaker = Speaker(language, list_own_words(city.record))
    for text in city.record.eval.in_words:
        for sentence in re.split(r"(?<=[.!?]) ", speaker.tell(text)):
            assert len(sentence.split()) <= 26, sentence


def test_labels_of_pictures_are_cut_in_every_language(city):
    """A label is never longer than the room that the drawing left for it."""
    for html in render_pages(city.record, draw_figures(city.record)).values():
        assert "data-most" not in html
        labels = re.findall(r"<text[^>]*text-anchor: end[^>]*>([^<]+)<", html)
        assert labels
        assert max(map(len, labels)) <= 44


@pytest.mark.parametrize(
    ("language", "said", "drawn"),
    [
        ("es", "más que el de el promedio; a el mismo", "más que el del promedio; al mismo"),
        ("es", "lo de él", "lo de él"),
        ("pt", "a a média de as semanas, em a mesma", "à média das semanas, na mesma"),
        ("fr", "de le mois, de les mois, de environ onze", "du mois, des mois, d’environ onze"),
        ("fr", "de onze à les autres", "de onze aux autres"),
        ("en", "a a", "a a"),
    ],
)
def test_what_a_language_draws_together_is_drawn_together(language, said, drawn):
    assert draw_together(said, language) == drawn
