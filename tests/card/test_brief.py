"""The council's page: one page, the card's own words, the same bytes, whatever people wrote."""

# ruff: noqa: E501

from __future__ import annotations

import re
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cityai.card import pages
from cityai.card.draft import draft_card
from cityai.card.draft.verdict import draft_verdict
from cityai.card.figures.paper import HEIGHT, MARGIN, STEPS, measure, wrap
from cityai.card.pages import make_pages
from cityai.card.record import JSON, seal_record
from cityai.card.render.brief import list_brief_languages, name_brief, render_brief
from cityai.card.render.own_words import open_translator
from cityai.card.verify import check_pages, read_record
from cityai.card.words import VERDICT_WORDS
from cityai.config.load_audit import load_audit
from cityai.config.policy import VerdictRules
from cityai.errors import UserError
from cityai.findings import Status
from cityai.i18n.catalogue import LOCALES
from cityai.i18n.messages import say
from cityai.pipeline.cards import Drafted, Published, publish_made
from cityai.pipeline.export import write_brief_of
from cityai.pipeline.places import CardPlace
from tests.card.test_attack_people import AUDIT
from tests.card.test_hostile import PAYLOADS, make_words
from tests.kinds import judge_given

MODEL_CARDS = Path(__file__).parents[2] / "model_cards"
OBJECT = re.compile(rb"(?<!\d)(\d+) 0 obj\s*(.*?)endobj", re.DOTALL)


class Pdf:
    """As much of a reader of PDF as our own files need: objects, fonts, the text of each page."""

    def __init__(self, content: bytes) -> None:
        self.objects = {int(m[1]): m[2] for m in OBJECT.finditer(content)}
        (root,) = re.findall(rb"/Root (\d+) 0 R", content)[-1:]
        self.root = self.objects[int(root)]
        self.pages = [o for o in self.objects.values() if re.search(rb"/Type /Page\b(?!s)", o)]
        self.fonts = {
            name.decode(): self.read_font(int(number))
            for name, number in re.findall(rb"/(F\d[-\w]*) (\d+) 0 R", content)
        }

    def read_stream(self, number: int) -> str:
        _, _, stream = self.objects[number].partition(b"stream")
        return zlib.decompressobj().decompress(stream.lstrip(b"\r\n")).decode("latin-1")

    def read_font(self, number: int) -> dict[int, str]:
        (mapped,) = re.findall(rb"/ToUnicode (\d+) 0 R", self.objects[number])
        found: dict[int, str] = {}
        ranges = r"<(\w+)> <\w+> \[([^\]]*)\]"
        for first, texts in re.findall(ranges, self.read_stream(int(mapped))):
            for i, text in enumerate(re.findall(r"<(\w+)>", texts)):
                found[int(first, 16) + i] = bytes.fromhex(text).decode("utf-16-be")
        return found

    def read_text(self) -> str:
        (page,) = self.pages
        (number,) = re.findall(rb"/Contents (\d+) 0 R", page)
        lines, font = [], {}
        for block in re.findall(r"BT(.*?)\nET", self.read_stream(int(number)), re.DOTALL):
            said = ""
            for name, text in re.findall(r"/(F\S+) \S+ Tf|\(((?:\\.|[^\\)])*)\)", block, re.DOTALL):
                if name:
                    font = self.fonts[name]
                    continue
                codes = re.sub(r"\\(.)", unescape, text, flags=re.DOTALL).encode("latin-1")
                said += "".join(
                    font[int.from_bytes(codes[i : i + 2])] for i in range(0, len(codes), 2)
                )
            lines.append(said)
        return " ".join(" ".join(lines).split())


def unescape(match: re.Match[str]) -> str:
    return {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}.get(match[1], match[1])


def judge(record):
    return record.verdict or draft_verdict(record, VerdictRules())


def translate(record, language, text):
    return " ".join(open_translator(record, language).translate(text).split())


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Build the card of given predictions: who is selected, and who should have been."""
    folder = tmp_path_factory.mktemp("given")
    rng = np.random.default_rng(7)
    y = rng.integers(0, 2, 900)
    rows = pd.DataFrame({"y": y, "d": np.where(rng.random(900) < 0.8, y, 1 - y),
                         "kind": rng.choice(list("abc"), 900), "side": rng.choice(["left", "right"], 900)})  # fmt: skip
    (folder / "configs").mkdir()
    (folder / "configs" / "city.yaml").write_text(
        "name: Testville\ncountry: US\ntime_zone: UTC\nsynthetic: true\n"
        "contact: {unit: Data office, email: data@testville.example}\n"
    )
    (folder / "configs" / "policy.yaml").write_text("small_cell: 5\n")
    (folder / "audit.yaml").write_text(AUDIT)
    rows.to_csv(folder / "rows.csv", index=False)
    judged = judge_given(load_audit(folder / "audit.yaml"), folder / "rows.csv")
    return draft_card(judged.facts)


@pytest.fixture(scope="module", params=["forecast", "list", "given"])
def record(request, city, given):
    clinic = MODEL_CARDS / "clinic_no_shows" / JSON
    made = {"forecast": lambda: city.record, "given": lambda: given}
    return made.get(request.param, lambda: read_record(clinic.read_text("utf-8")))()


def test_it_is_one_page_that_says_what_the_card_says(record):
    verdict = judge(record)
    for language in list_brief_languages(record):
        content = render_brief(record, verdict, language)
        pdf = Pdf(content)
        assert len(pdf.pages) == 1
        assert f"/Lang ({language})".encode() in pdf.root
        text = pdf.read_text().replace("ﬁ", "fi")
        for said in (VERDICT_WORDS[verdict.word], verdict.because, verdict.works,
                     verdict.not_for_whom, verdict.unknown, *(c.text for c in verdict.conditions)):  # fmt: skip
            assert translate(record, language, said) in text, (language, said)
        assert record.record.content_digest in text
        assert translate(record, language, record.system.name or record.record.title) in text
        assert translate(record, language, record.owner.city_contact.unit) in text
        assert translate(record, language, say("Not yet said")) not in text


def test_the_same_record_gives_the_same_bytes_and_the_day_of_the_record(city):
    first, second = (render_brief(city.record, judge(city.record), "es") for _ in range(2))
    assert first == second
    made = city.record.record.created.strftime("D:%Y%m%d%H%M%S").encode()
    assert set(re.findall(rb"D:\d{14}", first)) == {made}
    assert not re.search(rb"/FontFile[23]? 0 0 R|/Type1", first)
    assert len(re.findall(rb"/FontFile2", first)) >= 2


@pytest.mark.parametrize(
    "text",
    [
        *PAYLOADS[1::9],
        "\ufeffbom\u200b",
        "\u202eright to left",
        "x" * 9000,
        "word " * 2500,
        "\n\n- a\n" * 300,
        "𝔘 🏙️ مرحبا",
    ],
)
def test_long_and_hostile_words_stay_on_one_page(text, draft_city):
    record = draft_city(words=make_words(text), reuse=True).record
    verdict = judge(record)
    long = verdict.model_copy(
        update={
            **dict.fromkeys(("because", "works", "not_for_whom", "unknown"), text * 3),
            "conditions": verdict.conditions[:1] * 30 if verdict.conditions else (),
        }
    )
    for shown in (verdict, long):
        content = render_brief(record, shown, "en")
        pdf = Pdf(content)
        assert len(pdf.pages) == 1
        assert VERDICT_WORDS[shown.word] in pdf.read_text()
        assert record.record.content_digest in pdf.read_text()
        assert b"/JavaScript" not in content
        assert b"/URI" not in content


def test_it_is_set_no_tighter_than_it_must_be_and_nothing_runs_off(city, monkeypatch):
    from cityai.card.figures import pen

    seen = []

    def keep(parts, scale):
        seen.append((scale, measure(parts, scale)))
        return seen[-1][1]

    monkeypatch.setattr(pen, "measure", keep)
    verdict = judge(city.record)
    render_brief(city.record, verdict, "en")
    assert all(high > HEIGHT - 2 * MARGIN for _, high in seen[:-1])
    assert seen[-1][1] <= HEIGHT - 2 * MARGIN
    seen.clear()
    long = verdict.model_copy(update=dict.fromkeys(("because", "works", "unknown"), "word " * 4000))
    render_brief(city.record, long, "en")
    assert 1 < len(seen) <= len(STEPS)
    assert seen[-1][1] <= HEIGHT - 2 * MARGIN


def test_lines_are_no_wider_than_the_room_and_lose_nothing():
    text = "short words and one" + "w" * 400 + " — “quoted” end"
    lines = wrap(text, 9.0, False, 120.0)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert len(lines) > 10
    assert wrap("", 9.0, False, 120.0) == []


@pytest.fixture
def plain(monkeypatch):
    """Pages without pictures: no brief looks at them, and they take long to draw."""
    monkeypatch.setattr(pages, "draw_figures", lambda *_: ())


def make_workspace(root):
    (root / "configs").mkdir()
    (root / "configs" / "city.yaml").write_text("name: Testville\n")
    (root / "configs" / "policy.yaml").write_text("small_cell: 10\n")
    folder = root / "model_cards" / "waste"
    folder.mkdir(parents=True)
    return folder


def test_a_folder_gets_a_file_a_language_and_the_card_still_verifies(city, plain, tmp_path):
    folder = make_workspace(tmp_path)
    record = seal_record(city.record.model_copy(update={"verdict": judge(city.record)}))
    for name, text in make_pages(record).files.items():
        (folder / name).write_text(text, encoding="utf-8")
    written = write_brief_of(folder)
    own = list_brief_languages(record)[0]
    assert {p.name for p in written} == {name_brief(code, own) for code in LOCALES}
    assert {p.suffix for p in folder.iterdir()} == {".html", ".md", ".json", ".pdf"}
    files = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert check_pages(files, record).status is Status.PASS
    files["brief.pdf"] = files["brief.pdf"].replace(b"(record ", b"(record 0")
    assert check_pages(files, record).status is Status.FAIL
    with pytest.raises(UserError, match="'de'"):
        write_brief_of(folder, "de")


def test_a_card_that_comes_out_anew_takes_the_briefs_before_it_away(city, plain, tmp_path):
    folder = make_workspace(tmp_path)
    record = seal_record(city.record.model_copy(update={"verdict": judge(city.record)}))
    place, drafted = CardPlace(folder, tmp_path), Drafted("{}", city.facts, {})
    publish_made(Published(record, make_pages(record), ""), place, drafted)
    assert (folder / "brief.es.pdf") in write_brief_of(folder)
    publish_made(Published(record, make_pages(record), ""), place, drafted)
    assert not list(folder.glob("*.pdf"))
    assert (folder / "card.es.html").is_file()


def test_a_changed_card_and_one_without_a_verdict_get_no_brief(city, plain, tmp_path):
    folder = make_workspace(tmp_path)
    bare = seal_record(city.record.model_copy(update={"verdict": None}))
    (folder / JSON).write_text(make_pages(bare).json, encoding="utf-8")
    with pytest.raises(UserError, match="no verdict"):
        write_brief_of(folder)
    changed = make_pages(bare).json.replace("Testville", "Otherville", 1)
    (folder / JSON).write_text(changed, encoding="utf-8")
    with pytest.raises(UserError, match="changed"):
        write_brief_of(folder)
    assert [p.name for p in folder.iterdir()] == [JSON]
