"""Drawing: what spares matplotlib a search changes no picture."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex

from cityai.card.figures import canvas, draw_figures, labels, read_outlines
from cityai.card.figures.bitmap import draw_bitmap
from cityai.card.figures.plain_svg import PRINTED
from cityai.card.record import CardRecord

CARDS = Path(__file__).parents[2] / "model_cards"


def write_plainly(drawn, buffer):
    """Write a sheet by matplotlib's own canvas, which measures a text for each renderer."""
    FigureCanvasSVG(drawn.figure).print_svg(buffer, metadata={"Date": None, "Creator": None})


def draw_fully(record, monkeypatch, outlines=None):
    """Draw with a layout that looks at everything, as matplotlib comes."""
    with monkeypatch.context() as patch:
        patch.setattr(canvas, "_spare_layout", lambda sheet: None)
        patch.setattr(canvas._Canvas, "write", write_plainly)
        patch.setattr(
            canvas, "_STYLE", {k: v for k, v in canvas._STYLE.items() if k not in canvas._SPARING}
        )
        return draw_figures(record, outlines)


def test_a_full_layout_draws_the_same_pictures(city, outlines_file, monkeypatch):
    outlines = read_outlines(outlines_file, "id", {})
    spared = draw_figures(city.record, outlines)
    assert spared == draw_fully(city.record, monkeypatch, outlines)
    assert "map" in {figure.name for figure in spared}


def say_texts(figures):
    """Write each picture with the texts that it says, not with their numbers."""
    told = []
    for svg in (svg for figure in figures for svg in (figure.wide, figure.narrow)):
        parts = re.split(r'data-said="(\d+)"', svg)
        told.append([*parts[::2], *(svg.texts[int(said)] for said in parts[1::2])])
    return told


def draw_all_marks(record, monkeypatch, outlines=None):
    """Draw with matplotlib's own axes, whose marks have five parts."""
    with monkeypatch.context() as patch:
        patch.setattr(canvas, "MarkedAxes", Axes)
        return draw_figures(record, outlines)


def test_marks_are_drawn_as_matplotlib_draws_its_own(city, outlines_file, monkeypatch):
    outlines = read_outlines(outlines_file, "id", {})
    told = say_texts(draw_all_marks(city.record, monkeypatch, outlines))
    assert told == say_texts(draw_figures(city.record, outlines))


def test_a_bitmap_has_the_marks_of_its_picture(city):
    """Also where its layout, of other dots, would choose others; in the colours of the page."""
    for figure in draw_figures(city.record):
        axes = figure.narrow.sheet.axes
        before = [mark.place for a in axes for mark in a.xaxis._update_ticks()]
        assert draw_bitmap(figure.narrow).mode == "RGBA"
        marks = [mark for a in axes for mark in a.xaxis._update_ticks()]
        assert [mark.place for mark in marks] == before
        painted = {to_hex(mark.label1.get_color()) for mark in marks}
        assert painted.isdisjoint(PRINTED)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["food_inspections", "sample_requests", "clinic_no_shows"])
def test_marks_of_a_published_card_are_drawn_as_matplotlib_draws_its_own(name, monkeypatch):
    record = CardRecord.model_validate_json((CARDS / name / "card.json").read_bytes())
    told = say_texts(draw_all_marks(record, monkeypatch))
    assert told == say_texts(draw_figures(record))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["food_inspections", "sample_requests"])
def test_a_full_layout_draws_the_pictures_of_a_published_card(name, monkeypatch):
    record = CardRecord.model_validate_json((CARDS / name / "card.json").read_bytes())
    assert draw_figures(record) == draw_fully(record, monkeypatch)


def test_a_label_that_fits_is_tried_once(monkeypatch):
    tried = []
    monkeypatch.setattr(labels, "_cut", lambda line, room: tried.append(room) or line[:room])
    with canvas.drawing():
        assert [labels.fit_label("Harbour", most) for most in (24, 18)] == ["Harbour"] * 2
        assert {*tried} == {24, 18}
        # Another label that is drawn alike gets more room, so that each can be told apart.
        assert labels.fit_label("Harbour", 4) == "Harb"
        assert labels.fit_label("Harbours", 4) == "Harbo"


def test_two_names_that_begin_alike_stay_two_where_they_are_cut():
    """ "Conjunto Habitacional P…" once stood twice beside one picture."""
    names = ("Conjunto Habitacional Palmares I", "Conjunto Habitacional Palmares II", "Conjunto B")
    told = labels.tell_apart((name, 18) for name in names)
    shown = [told[name, 18] for name in names]
    assert shown == ["Conjunto Habitac…I", "Conjunto Habita…II", "Conjunto B"]
    assert labels.tell_apart([(names[0], 18)]) == {(names[0], 18): "Conjunto Habitaci…"}


@settings(deadline=None)
@given(st.lists(st.text("abc", min_size=1, max_size=12), max_size=8, unique=True))
def test_labels_keep_their_room_and_none_becomes_another(names):
    told = labels.tell_apart((name, 6) for name in names)
    assert all(len(shown) <= 6 for shown in told.values())
    cut = {name: labels.shorten(name, 6) for name in names}
    assert len({*told.values()}) >= len({*cut.values()})
    if len({name[-1] for name in names}) == len(names):
        assert len({*told.values()}) == len(names)


def list_cut(record, monkeypatch):
    """List the pictures whose legend reaches beyond its sheet."""
    cut, write = [], canvas.write_svg

    def measure(sheet, name):
        written = write(sheet, name)
        for legend in (*sheet.legends, *(a.get_legend() for a in sheet.axes if a.get_legend())):
            box = legend.get_window_extent()
            if box.x0 < -1 or box.x1 > sheet.bbox.x1 + 1 or box.y1 > sheet.bbox.y1 + 1:
                cut.append(name)
        return written

    with monkeypatch.context() as patch:
        patch.setattr(canvas, "write_svg", measure)
        draw_figures(record)
    return cut


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.parent.name for path in CARDS.glob("*/card.json")))
def test_no_legend_is_cut_off_at_the_edge_of_its_picture(name, monkeypatch):
    """On a telephone too: two columns of a legend once ended in "what happ"."""
    record = CardRecord.model_validate_json((CARDS / name / "card.json").read_bytes())
    assert list_cut(record, monkeypatch) == []


def test_a_name_that_a_city_translated_has_room_in_the_picture():
    """ "menos de 18", where "under 18" had stood, once began left of the picture."""
    record = CardRecord.model_validate_json((CARDS / "clinic_no_shows" / "card.json").read_bytes())
    drawn = {figure.name: figure for figure in draw_figures(record)}
    assert drawn["worst"].wide.labels["menos de 18"] == ("under 18", 24)
    assert labels.speakers == []
