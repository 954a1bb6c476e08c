from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from cityai.config.load import load_project, read_words
from cityai.config.translations import check_translations, find_file, list_names, list_texts
from cityai.errors import SpecError
from cityai.i18n.translator import Translator
from cityai.scaffold.translate import list_missing, write_skeleton

ROOT = Path(__file__).parents[2]
WORDS = """\
language: en
system: {name: Reminder calls, summary_plain: It says whom to call., phase: pilot}
use:
  users: [Call centre, Analysts]
"""


def write(folder: Path, text: str, name: str = "card.es.yaml") -> Path:
    (folder / "card.yaml").write_text(WORDS)
    (folder / name).write_text(text)
    return folder / "card.yaml"


def test_texts_at_the_same_place_are_paired_and_empty_ones_are_not(tmp_path):
    path = write(
        tmp_path,
        "system: {name: Llamadas, summary_plain: }\nuse:\n  users:\n  -\n  - Analistas\n"
        "names: {North: Norte, South: }\n",
    )
    found = read_words(path).translations
    assert found == {
        "es": {"North": "Norte", "Reminder calls": "Llamadas", "Analysts": "Analistas"}
    }


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("system:\n  nam: Llamadas\n", "card.es.yaml:2", "name"),
        ("sistem: {name: Llamadas}\n", "card.es.yaml:1", "system"),
        ("system:\n  name: [Llamadas]\n", "card.es.yaml:2", "a text"),
        ("use:\n  users: [a, b, c]\n", "card.es.yaml:2", "at most 2"),
        ("system:\n  phase: piloto\n", "card.es.yaml:2", "every language"),
        ("names:\n  North: 3\n", "card.es.yaml:2", "no text"),
        ("names: Norte\n", "card.es.yaml:1", "such as"),
    ],
)
def test_a_wrong_key_is_refused_with_its_line(tmp_path, text, line, said):
    with pytest.raises(SpecError) as refused:
        read_words(write(tmp_path, text))
    assert line in str(refused.value)
    assert said in str(refused.value)


def test_a_page_says_the_citys_own_translation_and_marks_what_it_lacks():
    given = {
        "Old Harbour": "Puerto Viejo",
        "It says whom to call each day.": "Dice a quién llamar.",
    }
    own = frozenset({"Old Harbour", "North"})
    translator = Translator("es", own, "en", given)
    assert str(translator.show_own("It says whom\n to call each day.")) == "Dice a quién llamar."
    assert str(translator.show("Old Harbour")) == "Puerto Viejo"
    assert str(translator.show("old Harbour")) == "puerto Viejo"
    assert str(translator.show_own("North")) == "<i lang=en>North</i>"
    marked = str(translator.show_own("The list is used for overbooking"))
    assert marked == (
        '<i lang=en data-written="escrito en inglés">The list is used for overbooking</i>'
    )
    assert str(Translator("en", own, "en").show_own("The list is used for overbooking")) == (
        "The list is used for overbooking"
    )


def test_a_skeleton_holds_every_text_and_replaces_nothing(tmp_path):
    project = load_project(ROOT / "projects" / "sample_requests")
    words = tmp_path / "card.yaml"
    words.write_text((ROOT / "projects" / "sample_requests" / "card.yaml").read_text())
    made = write_skeleton(project, "fr", words)
    assert made == find_file(words, "fr")
    assert read_words(words).translations == {"fr": {}}
    content = YAML(typ="safe").load(words)
    told = made.read_text()
    for _, text in list_texts(content):
        assert " ".join(text.split()) in told
    with pytest.raises(SpecError, match="not replaced"):
        write_skeleton(project, "fr", words)


def test_what_the_repository_translates_is_whole_where_it_says_so():
    folder = ROOT / "projects" / "clinic_no_shows"
    project = load_project(folder)
    missing = list_missing(project, "pt", folder / "card.yaml")
    assert not [line for line in missing if line.startswith(("system.", "decision.", "use."))]
    assert len(list_missing(project, "fr", folder / "card.yaml")) > len(missing)
    sample = ROOT / "projects" / "sample_requests"
    assert not list_missing(load_project(sample), "es", sample / "card.yaml")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("  womn: mujeres\n", "Did you mean 'women'?"),
        ("  F: mujeres\n", "no name of the project"),
        ("  women: mujeres\n  Sectr: Sector\n", "Did you mean 'Sector'?"),
    ],
)
def test_a_name_that_the_project_does_not_give_is_refused_with_its_line(tmp_path, names, said):
    spec = load_project(ROOT / "projects" / "shelter_demand").spec
    path = write(tmp_path, f"names:\n{names}")
    spec = spec.model_copy(update={"words": read_words(path)})
    with pytest.raises(SpecError) as refused:
        check_translations(path, spec)
    assert said in str(refused.value)
    assert f"card.es.yaml:{1 + names.count(chr(10))}" in str(refused.value)
    write(tmp_path, "names: {women: mujeres, youth: jóvenes, people: personas}\n")
    check_translations(path, spec)


@pytest.mark.parametrize("language", ["en", "se"])
def test_a_file_in_a_language_that_no_page_has_is_refused(tmp_path, language):
    path = write(tmp_path, "names: {North: Norte}\n", f"card.{language}.yaml")
    with pytest.raises(SpecError, match=f"not translated into '{language}'"):
        read_words(path)


def test_places_named_by_the_city_may_be_translated_and_are_not_asked_for(tmp_path):
    spec = load_project(ROOT / "projects" / "waste_tonnage").spec
    assert "Midtown" not in list_names(spec)
    path = write(tmp_path, "names: {Midtown: Centro}\n")
    check_translations(path, spec.model_copy(update={"words": read_words(path)}))


def test_words_in_place_of_a_mailbox_are_translated_and_an_address_is_not():
    assert "see the repository's issue tracker" in list_names(
        load_project(ROOT / "projects" / "waste_tonnage").spec
    )
    names = list_names(load_project(ROOT / "projects" / "sample_requests").spec)
    assert not [name for name in names if "@" in name]
