"""The page in four languages: every message written, every sentence found, figures rewritten."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityai import scaffold
from cityai.assessment.baseline_words import label_baseline, name_baseline
from cityai.card.diff import add_changes, compare_cards
from cityai.card.figures import draw_figures
from cityai.card.record import CardRecord, seal_record, write_canonical, write_lines
from cityai.card.record.messages import join_messages
from cityai.card.render.own_words import list_own_words
from cityai.card.render.page import name_page, render_html, render_pages
from cityai.card.verify import read_record
from cityai.card.verify.again import check_again
from cityai.config.yaml import read_yaml
from cityai.i18n.catalogue import (
    DOMAIN,
    FORMER,
    LOCALES,
    open_messages,
    read_catalogue,
    space_marks,
)
from cityai.i18n.collect import (
    PACKAGE,
    _collect_messages,
    _extract_messages,
    _keep_former,
    _Marked,
    _read_code,
    read_template,
    write_catalogue,
)
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import (
    Message,
    capitalize,
    count_periods,
    count_points,
    find_places,
    join,
    say,
    say_n,
    uncapitalize,
    write,
    write_day,
    write_span,
)
from cityai.i18n.stored import dump_text, list_plain, load_text
from cityai.i18n.translator import Translator, _draw_together, _FigureWriter
from tests.speech import check_card

from .conftest import make_spec

OTHERS = [language for language in LOCALES if language != "en"]
PROJECTS = Path(__file__).parents[2] / "projects"
CARDS = sorted((Path(__file__).parents[2] / "model_cards").glob("*/card.json"))


@pytest.fixture(scope="module")
def marked():
    return {(m.text, m.plural) for m in _extract_messages(PACKAGE)}


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
        for number, text in enumerate(told):
            places = set(find_places(english[min(number, len(english) - 1)]))
            assert set(find_places(text)) == places, entry.id


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
        if number.get("value") is not None:
            number["value"] += 0.02
    for result in facts["fairness"]["results"]:
        if result["gap"] is not None:
            result["gap"] += 0.01
        if result.get("limit") is not None:
            result["status"] = "fail" if result["status"] != "fail" else "pass"
    facts["findings"][0]["status"] = "error"
    word = facts["verdict"]["word"]
    facts["verdict"]["word"] = "ready" if word != "ready" else "not ready"
    facts["gaps"] = facts["gaps"][1:]
    facts["data"][0]["rows_accepted"] += 7
    facts["model"]["parameters"]["depth"] = "9"
    facts["model"]["candidates"][0]["weight"] = None
    facts["provenance"]["versions"]["lightgbm"] = "5.0.0"
    facts["fairness"]["limits"]["wape"] = 0.42
    facts["oversight"]["appeal"] = "Write to us."
    other = city.record.model_validate(facts)
    for before, after in ((city.record, other), (other, city.record)):
        changed = add_changes(after, write_lines(before))
        assert len({item.kind for item in changed.changes.items}) == 9
        check_card(changed)
    check_card(add_changes(city.record, write_lines(city.record)))
    check_card(add_changes(city.record, "{}"))


@pytest.mark.parametrize("path", CARDS, ids=lambda p: p.parent.name)
def test_every_sentence_of_the_repositorys_cards_is_found(path):
    record = read_record(path.read_text("utf-8"))
    if record.record.schema_version < "2":
        pytest.skip("a card of schema 1 is shown in English")
    check_card(record)


def test_a_sentence_that_nobody_translated_is_noticed():
    translator = Translator("es")
    assert str(translator.show("Pigeons were not counted.")) == (
        "<i lang=en>Pigeons were not counted.</i>"
    )
    assert translator.untranslated == {"Pigeons were not counted."}


@pytest.mark.parametrize(
    ("language", "message", "told"),
    [
        ("es", say("about 1 {one} in {times:,}", one="request", times=8),
         "cerca de 1 solicitud de cada 8"),
        ("pt", count_points(write(17.7, "+.1f")), "+17,7 pontos"),
        ("pt", count_points(write(0.4, "−+.1f")), "+0,4 ponto"),
        ("fr", count_points(write(-1.0, "−+.0f")), "−1 point"),
        ("fr", count_points(write(1.9, ".1f")), "1,9 point"),
        ("es", count_points(write(0.4, ".1f")), "0.4 puntos"),
        ("en", count_points(write(-1.0, "−+.0f")), "−1 point"),
        ("fr", say("{read} rows were read: {accepted} used, {out_of_scope} outside the question, "
                   "{rejected} refused.", read=write(1728, ","), accepted=1, out_of_scope=2,
                   rejected=3),
         "1\u00a0728 lignes ont été lues\u00a0: 1 utilisées, 2 hors de la question, 3 refusées."),
        ("fr", join("; ", ["lowest third", "highest third"]),
         "tiers inférieur\u00a0; tiers supérieur"),
        ("es", say("No outcome is known yet.") + " " + say("No row belongs to this group."),
         "Todavía no se conoce ningún resultado. Ninguna fila pertenece a este grupo."),
        ("es", capitalize(say("{named} and {others:,} more", named="Old Harbour", others=2)),
         "Old Harbour y 2 más"),
        ("es", say("Average error").lower(), "error medio"),
        ("es", say("Also open: {titles}.", titles=uncapitalize(say("Average error"))),
         "También abierto: error medio."),
        ("fr", uncapitalize("Areas without a row for long"), "secteurs longtemps sans ligne"),
        ("en", uncapitalize("MAE of it"), "MAE of it"),
        ("es", uncapitalize(say("{capitalize} of the data", capitalize="Completeness")),
         "integridad de los datos"),
    ],
)  # fmt: skip
def test_messages_are_said(language, message, told):
    translator = Translator(language, frozenset({"Old Harbour"}))
    assert translator.translate(message) == told
    assert translator.untranslated == set()
    assert translator.translate(load_text(json.loads(json.dumps(dump_text(message))))) == told


@pytest.mark.parametrize(
    "text",
    ["Access to food", "Rich and poor", "A: b: c", "12 to go", "Kind of establishment"],
)
def test_a_name_is_never_half_translated(text):
    for language in OTHERS:
        translator = Translator(language, frozenset({text}))
        assert translator.translate(text) == text
        assert text in translator.translate(say("Beyond the limit: {names}.", names=text))


def test_what_joins_messages_keeps_their_arguments():
    weeks, none = count_periods(7, "week"), say("No row belongs to this group.")
    for text in (weeks + " " + none, join(" ", (weeks, none)), capitalize(weeks + " " + none)):
        assert Translator("es").translate(text) == "7 semanas Ninguna fila pertenece a este grupo."
    assert str(weeks + ".") == "7 weeks."
    assert join(", ", []) == ""
    frame = make_frame([{"text": weeks, "n": 1}, {"text": "", "n": 2}])
    assert [type(text) for text in frame["text"]] == [Message, str]
    assert make_frame([{"text": "a"}])["text"].dtype == "str"
    made = make_frame({"text": pd.array(["a", "b"], "str"), "told": np.array([weeks, ""], object)})
    assert made["text"].dtype == "str"
    assert [*map(type, made["told"])] == [type(weeks), str]


def test_what_loses_its_arguments_is_noticed():
    """An f-string around a message is plain text: the check of every card finds it."""
    translator = Translator("es")
    translator.translate(f"{say('{rows:,} rows', rows=7)} and more")
    assert translator.untranslated == {"7 rows and more"}


@pytest.mark.parametrize("form", [".1f", "+.2f", ",.3g", ".0%", "−,.1f", "−+,.1f", ",.10g"])
@pytest.mark.parametrize("value", [-0.3, -18.9, -1470.0, -2.4e-15])
def test_there_is_one_minus_sign(value, form):
    """In English as in other languages; an exponent is a program's."""
    said = write(value, form)
    assert "-" not in re.sub(r"e-\d+", "", said)
    assert said.startswith("−") or not said.value
    assert said.value == pytest.approx(value, rel=0.5, abs=0.5)


def test_a_figure_gives_no_further_digits_away():
    assert write(0.3771234, ".1%").value == 0.377
    assert write(1234.5678, ",.3g").value == 1230.0
    content = dump_text(say("{share:.1%} of {rows:,}", share=0.3771234, rows=1728))
    assert content == {
        "id": "{share} of {rows}",
        "arguments": {"share:.1%": 0.377, "rows:,": 1728},
        "text": "37.7% of 1,728",
    }


@pytest.mark.parametrize(
    ("language", "told"),
    [("es", "Fue menor que el del promedio de las últimas semanas en 3 de 4."),
     ("pt", "Foi menor que o da média das últimas semanas em 3 de 4.")],
)  # fmt: skip
def test_an_article_is_drawn_together_with_what_stands_before(language, told):
    label = name_baseline("recent_mean", "week")
    message = say(
        "It was less than that of {practice_label} in {wins} of {rival}.",
        practice_label=label, wins=3, rival=4,
    )  # fmt: skip
    assert Translator(language).translate(message) == told


@pytest.mark.parametrize(
    ("period", "horizon", "lead", "name", "told"),
    [("day", 7, 0, "seasonal_naive", "the same weekday last week"),
     ("day", 14, 0, "seasonal_naive", "the last known same weekday"),
     ("day", 7, 1, "seasonal_naive", "the last known same weekday"),
     ("day", 14, 0, "same_period_last_year", "the same day last year"),
     ("day", 364, 1, "same_period_last_year", "the last known same day of a year"),
     ("week", 4, 0, "seasonal_naive", "the same week last year"),
     ("month", 12, 0, "seasonal_naive", "the same month last year"),
     ("month", 13, 0, "seasonal_naive", "the last known same month")],
)  # fmt: skip
def test_a_baseline_is_called_what_it_is_at_the_longest_step(period, horizon, lead, name, told):
    spec = make_spec()
    asked = {"period": period, "horizon": horizon, "lead": lead}
    question = spec.question.model_copy(update=asked)
    known = spec.data.known.model_copy(update={"lag_days": 0})
    data = spec.data.model_copy(update={"known": known, "reporting_delay_days": 0})
    spec = spec.model_copy(update={"question": question, "data": data})
    assert label_baseline(name, spec) == told


def test_what_no_catalogue_has_stands_in_whole_english() -> None:
    """As on a page that is made again of an older card: a plural stays one."""
    old = say_n("{n} old check of them.", "{n} old checks of them.", 3)
    translator = Translator("es")
    assert translator.translate(old) == "3 old checks of them."
    assert translator.untranslated == {"{n} old check of them."}


def test_what_nothing_says_any_more_is_still_said_of_an_older_card(tmp_path, monkeypatch):
    """A message that goes out of the code moves, and comes back with its translation."""
    for name in ("catalogue", "collect"):
        monkeypatch.setattr(f"cityai.i18n.{name}.find_file", lambda code, domain=DOMAIN:
                            tmp_path / f"{code}.{domain}.po")  # fmt: skip
    old, new = _Marked("It was so.", "", "a.py"), _Marked("{n} case", "{n} cases", "a.py")

    def collect(*marked):
        fresh = _collect_messages("es", marked)
        former = _keep_former("es", fresh)
        write_catalogue(fresh, tmp_path / f"es.{DOMAIN}.po")
        write_catalogue(former, tmp_path / f"es.{FORMER}.po")
        return {e.id: e.string for e in fresh if e.id}, {e.id: e.string for e in former if e.id}

    collect(old, new)
    first = read_catalogue("es")
    first.get(old.text).string, first.get(new.text).string = "Era así.", ("{n} caso", "{n} casos")
    write_catalogue(first, tmp_path / f"es.{DOMAIN}.po")
    assert collect(new)[1] == {"It was so.": "Era así."}
    open_messages.cache_clear()
    try:
        assert Translator("es").translate(say("It was so.")) == "Era así."
        assert Translator("es").translate(say_n("{n} case", "{n} cases", 2)) == "2 casos"
    finally:
        open_messages.cache_clear()
    assert collect()[1].keys() == {"It was so.", (new.text, new.plural)}
    said, former = collect(old, new)
    assert said == {"It was so.": "Era así.", (new.text, new.plural): ("{n} caso", "{n} casos")}
    assert former == {}


@pytest.mark.parametrize("language", OTHERS)
def test_the_rules_of_the_model_policy_are_read_in_every_language(language):
    path = Path(scaffold.__file__).parent / "templates/_workspace/configs/policy.yaml"
    rules = read_yaml(path).content["release"]
    texts = {r[key] for r in rules for key in ("sentence", "owner", "compensation") if key in r}
    assert len(texts) > 12
    own = {text: Translator(language, own_language="en").show_own(text) for text in texts}
    assert [text for text, told in own.items() if "<i lang" in told or text == told] == []
    assert "<i lang" in Translator(language).show_own("A rule that this city wrote by itself.")


def test_a_card_of_schema_1_is_read_shown_and_compared(city):
    facts = list_plain(city.record.model_dump(mode="json"))
    facts["record"]["schema_version"] = "1.2.0"
    old = seal_record(CardRecord.model_validate(facts))
    assert read_record(write_canonical(old)) == old
    assert old.findings[0].reason in render_html(old, language="es").replace("&#39;", "'")
    assert check_again(old, city.record).status == "pass"
    assert compare_cards(old, city.record).items == ()
    assert not any(isinstance(sentence, Message) for sentence in old.eval.in_words)


@pytest.mark.parametrize(
    "content", [7, {"text": "a"}, {"id": "{a}", "arguments": {"b": "c"}}, {"id": "a", "other": 1},
                {"id": "{a}", "arguments": {"a:,": {}}},
                {"id": "{a}", "arguments": {"a:": "no day"}}],
)  # fmt: skip
def test_what_is_no_message_is_refused(content):
    with pytest.raises(ValueError, match=r"text|message|place|figure|isoformat"):
        load_text(content)


def test_french_marks_are_set_apart_by_spaces_that_break_no_line():
    """The catalogue has plain spaces, as people type them; the page has none that break."""
    entries = [m for m in read_catalogue("fr") if m.id]
    assert not [m.id for m in entries if "\u00a0" in str(m.string)]
    shown = [form for forms in open_messages("fr").forms.values() for form in forms]
    assert sum(form.count("\u00a0") for form in shown) > 400
    assert not [form for form in shown if re.search(r" [:;!?%»]|« ", form)]
    assert space_marks("« {a} » :", "\u00a0", "fr") == "«\u00a0{a}\u00a0»\u00a0:"
    assert space_marks("à 10:30 ?", "\u00a0", "fr") == "à 10:30\u00a0?"
    assert space_marks("¿ sí ?", "\u00a0", "es") == "¿ sí ?"


def test_no_french_word_touches_a_colon(city):
    """Words that stand in a template, too; what the city wrote stands as it was written."""
    html = render_html(city.record, language="fr")
    text = re.sub(r"<[^>]+>", "", re.sub(r"(?s)<(script|style|i|code)\b.*?</\1>", " ", html))
    assert len(text) > 10_000
    assert re.findall(r"[^\W\d]: .{20}", text) == []


def test_own_words_keep_their_language():
    translator = Translator("fr", frozenset({"Old Harbour"}), "en")
    assert str(translator.show(say("Beyond the limit: {names}.", names="Old Harbour"))) == (
        "Au-delà de la limite\u00a0: <i lang=en>Old Harbour</i>."
    )
    assert str(Translator("en", frozenset(), "es").show_own("El Puerto")) == (
        "<i lang=es>El Puerto</i>"
    )


@pytest.mark.parametrize(
    ("code", "figure", "told"),
    [
        ("es_419", write(1728.5, ",.1f"), "1,728.5"),
        ("pt_BR", write(1728.5, ",.1f"), "1.728,5"),
        ("fr_CA", write(-0.038, ".1%"), "−3,8\u00a0%"),
        ("pt_BR", write(1234, ".3g"), "1.230"),
        ("pt_BR", write(0.0, "−+,.1f"), "±0,0"),
        ("es_419", write_day(date(2026, 3, 4)), "4 de marzo de 2026"),
        ("fr_CA", write(date(2026, 3, 1), "%B %Y"), "mars 2026"),
        ("fr_CA", write(date(2026, 3, 1), "%b"), "mars"),
        ("pt_BR", write(date(2026, 11, 1), ""), "1º de novembro de 2026"),
        ("es_419", write_span(date(2026, 3, 4), date(2026, 5, 9)),
         "4 de marzo\u2009–\u20099 de mayo de 2026"),
        ("fr_CA", write_span(date(2026, 3, 4), date(2026, 3, 9)), "4–9 mars 2026"),
        ("fr_CA", write_day(date(2026, 7, 1)), "1er juillet 2026"),
        ("fr_CA", write_day(date(2026, 7, 11)), "11 juillet 2026"),
        ("fr_CA", write(date(2026, 7, 1), "%-d %b"), "1er juill."),
        ("en", write_span(date(2026, 3, 4), date(2026, 3, 9)), "4 March 2026 to 9 March 2026"),
    ],
)  # fmt: skip
def test_figures_are_written_as_the_locale_writes_them(code, figure, told):
    assert _FigureWriter(code).write(figure) == told
    assert _FigureWriter(code).write(load_text(dump_text(figure))) == told


@pytest.mark.parametrize(
    ("language", "n", "told"),
    [("fr", 0, "0 semaine"), ("fr", 1, "1 semaine"), ("fr", 2, "2 semaines"),
     ("es", 0, "0 semanas"), ("es", 1, "1 semana"), ("pt", 1, "1 semana"),
     ("es", 1_000_000, "1,000,000 semanas")],
)  # fmt: skip
def test_plurals_follow_the_language(language, n, told):
    assert Translator(language).translate(count_periods(n, "week")) == told


def test_marked_sentences_are_read_from_code_and_templates():
    source = (
        "from cityai.i18n.messages import say as mark, say_n\n"
        "a = mark('{rows:,} rows of {unit} and {part:.{d}%}', rows=1, unit=u, part=2, d=1)\n"
        "b = say_n('{n} day', '{n} days', len(x))\n"
        "c = mark('{rows:,} rows')\n"
    )
    assert [(m.text, m.plural) for m in _read_code(source, "x.py")] == [
        ("{rows} rows of {unit} and {part}", ""),
        ("{n} day", "{n} days"),
        ("{rows} rows", ""),
    ]
    with pytest.raises(ValueError, match="nothing is given for b"):
        list(_read_code("from cityai.i18n.messages import say\nsay('{a} {b}', a=1)", "x.py"))
    with pytest.raises(ValueError, match="only a literal"):
        list(_read_code("from cityai.i18n.messages import say\nsay(text)", "x.py"))
    found = read_template("{{ _('Hello {name}', name=n) }}{% if x %}{{ _('Bye') }}{% endif %}", "t")
    assert [m.text for m in found] == ["Hello {name}", "Bye"]
    assert say_n("a day", "days", 1) == "a day"


@pytest.mark.parametrize("count", [1, 2])
def test_joined_figures_come_back_as_they_went(count):
    """A record is sealed with what it says: one figure alone must not change when it is read."""
    days = join(", ", [write(date(2017, 12, 25 + i), "%Y-%m-%d") for i in range(count)])
    told = dump_text(say("Beginning {days}.", days=days))
    assert dump_text(load_text(told)) == told


def test_a_space_around_a_text_is_refused():
    """Catalogues hold texts without it, so a translation would lose it."""
    with pytest.raises(ValueError, match="a space around a text"):
        list(_read_code('from cityai.i18n.messages import say\nx = say(" A.")', "x.py"))


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
    assert "<i lang=es>" in pages["card.en.html"]
    assert "<i lang=es>" not in pages["card.html"]


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
    translator = Translator(language, list_own_words(city.record))
    said = [*city.record.eval.in_words, *city.record.fairness.in_words]
    textstat.set_lang(language)
    formula, limit = EASY[language]
    figure = getattr(textstat, formula)(" ".join(translator.translate(text) for text in said))
    assert figure <= limit if language == "en" else figure >= limit


@pytest.mark.parametrize("path", sorted(PROJECTS.glob("*/*card.yaml")), ids=lambda p: p.parent.name)
def test_the_first_sentence_of_every_example_is_read_at_grade_8(path):
    textstat = pytest.importorskip("textstat")
    summary = " ".join(str(read_yaml(path).content["system"]["summary_plain"]).split())
    textstat.set_lang("en")
    assert textstat.flesch_kincaid_grade(re.split(r"(?<=[.!?]) ", summary)[0]) <= 8.0


@pytest.mark.parametrize("language", LOCALES)
def test_sentences_of_the_summary_are_short(city, language):
    translator = Translator(language, list_own_words(city.record))
    for text in city.record.eval.in_words:
        for sentence in re.split(r"(?<=[.!?]) ", translator.translate(text)):
            assert len(sentence.split()) <= 26, sentence


def test_labels_of_pictures_are_cut_in_every_language(city):
    """A label is never longer than the room that the drawing left for it."""
    for html in render_pages(city.record, draw_figures(city.record)).values():
        assert "data-most" not in html
        ends = set(re.findall(r"\.(p\d+)\{[^}]*text-anchor: ?end", html))
        texts = re.findall(r"<text[^>]*class=(p\d+)[^>]*>([^<]+)<", html)
        labels = [text for style, text in texts if style in ends]
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
    assert _draw_together(said, language) == drawn


FORMS = (".0%", ".1%", ".2%", ".3g", ",.3g", ".4g", ".2f", ".1f", "+.1f", ",", ",.0f", ".1g")


@given(st.floats(-1e6, 1e6, allow_nan=False), st.sampled_from(FORMS))
def test_a_figure_is_written_again_as_it_was(value, form):
    """What a record keeps of a figure gives the very digits that were printed."""
    figure = write(value if form != "," else round(value), form)
    assert write(figure.value, form) == str(figure)


@pytest.mark.parametrize("value", [0.03, 0.95, 0.005, 0.0, 1.0, 0.079, 1.234])
def test_whole_percents_stay_what_they_are(value):
    assert Translator("en").translate(write(value, ".0%")) == f"{value:.0%}"


def list_messages(facts):
    if isinstance(facts, list):
        for part in facts:
            yield from list_messages(part)
    elif isinstance(facts, dict) and {"id", "arguments", "text"} <= facts.keys():
        yield facts
    elif isinstance(facts, dict):
        for part in facts.values():
            yield from list_messages(part)


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.parent.name)
def test_the_arguments_of_every_sentence_give_its_text(path):
    """The page is written from arguments, `card.json` holds the text too: they say the same."""
    speaker, sentences = (
        Translator("en"),
        list(list_messages(join_messages(json.loads(path.read_text())))),
    )
    assert len(sentences) > 100
    for facts in sentences:
        assert speaker.translate(load_text(facts)) == facts["text"]


@pytest.mark.parametrize("language", sorted(LOCALES))
def test_a_sentence_that_becomes_a_part_of_another_has_no_point_in_any_language(language):
    old = say("The card is {days:,} days old; {allowed:,} are allowed.", days=400, allowed=365)
    quiet = say("No evaluation was announced.")
    told = join("; ", [join(": ", ("card", old.rstrip("."))), quiet.rstrip("."), quiet])
    said = Translator(language).translate(told)
    assert said.count(".") == 1
    assert said.endswith(".")
    assert Translator(language).translate(old).endswith(".")
