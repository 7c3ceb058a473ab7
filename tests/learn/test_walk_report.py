"""The page of a walk: well-formed, offline, readable by machines that read aloud, safe against
hostile names, the same bytes for the same result; and its pictures, read back.
"""

import base64
import hashlib
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import matplotlib
import numpy as np
import pytest

from backlit.learn.report import closing, mistakes, opening, plane, training, trust, walking
from backlit.learn.report.html import PICTURES, render
from backlit.learn.report.page import esc, page
from backlit.learn.report.words import SYMBOLS
from backlit.study.findings import Finding
from backlit.study.text import clean, columns

from .disguises import disguised
from .samples import sample, without

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><style>*{display:none}",
    "-->",
    "<!--",
    "]]>",
    "<![CDATA[",
    "&lt;b&gt;",
    "&#60;script&#62;",
    "javascript:alert(1)",
    "a\x00b\x1b[31m",
    "line\nbreak\ttab\r",
    "\u202egnp.exe",
    "\ud800 alone",
    "{{7*7}} ${7*7} %s {0} $\\frac",
    "x" * 500,
    "</title></head><body>",
)
HARMLESS = tuple(str(k).ljust(columns(clean(word)), "w") for k, word in enumerate(HOSTILE))
"""Names as long as those, as the page shows as many columns as there is room for."""
VOID = {"meta", "img", "source", "input", "br"}
SAMPLES = ("digits", "moons", "diabetes")


class Reader(HTMLParser):
    """Collects tags and attributes, and checks that tags close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def said(html: str) -> str:
    """The text of a page with single spaces."""
    return " ".join(read(html).text.split())


@cache
def page_of(name: str) -> str:
    return render(sample(name))


@pytest.fixture(params=SAMPLES)
def shown(request):
    return sample(request.param), page_of(request.param)


def test_well_formed_for_an_html_and_an_xml_parser(shown):
    read(shown[1])
    ET.fromstring(shown[1])


def test_it_loads_nothing_from_anywhere(shown):
    for tag, attributes in read(shown[1]).seen:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form", "audio", "video")
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("src", "href", "xlink:href", "action", "srcset", "background"):
            value = attributes.get(name)
            beside = value in ("graph.svg", "backprop.html", "result.json")
            assert value is None or value[:1] == "#" or value.startswith("data:image/") or beside
    assert "http:" not in shown[1]
    assert "https:" not in shown[1]
    assert "@import" not in shown[1]
    assert set(re.findall(r"url\((.)", shown[1])) <= {"#"}


def test_the_policy_lets_through_one_style_and_one_script(shown):
    html = shown[1]
    policy = next(
        attributes["content"] or ""
        for _, attributes in read(html).seen
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.S)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert html.index("Content-Security-Policy") < html.index("<style>")


def test_every_class_that_is_used_is_in_the_style(shown):
    (style,) = re.findall(r"<style>(.*?)</style>", shown[1], re.S)
    used = {
        name
        for _, attributes in read(shown[1]).seen
        for name in (attributes.get("class") or "").split()
    }
    known = set(re.findall(r"\.([a-z][a-z0-9-]*)", style))
    assert used - known == set()


def test_identifiers_are_unique_and_what_is_pointed_at_is_there(shown):
    seen = read(shown[1]).seen
    ids = [attributes["id"] for _, attributes in seen if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in seen:
        for name in ("href", "for", "clip-path"):
            value = attributes.get(name) or ""
            target = value if name == "for" else (re.findall(r"#([^)]+)", value) or [""])[0]
            assert not target or target in ids, value


def test_pictures_have_names_and_tables_scopes(shown):
    seen = read(shown[1]).seen
    for tag, attributes in seen:
        if tag == "svg":
            assert attributes.get("aria-hidden") == "true" or (
                attributes.get("role") == "img" and attributes.get("aria-label")
            )
        if tag == "th":
            assert attributes.get("scope") in ("row", "col")
        if tag == "img":
            assert attributes.get("alt")
    levels = [int(tag[1]) for tag, _ in seen if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))


def test_colours_of_charts_are_classes_that_follow_light_and_dark(shown):
    (style,) = re.findall(r"<style>(.*?)</style>", shown[1], re.S)
    body = shown[1].replace(style, "")
    assert re.findall(r'(?:fill|stroke)="#', body) == []
    assert re.findall(r"font-family", body) == []
    names = re.findall(r"var\((--[a-z0-9-]+)\)", style)
    light, dark = (style.partition("screen and")[i] for i in (0, 2))
    for name in set(names):
        assert f"{name}:" in light
        assert f"{name}:" in dark


def test_it_says_everything_the_verdict_first_the_steps_in_order(shown):
    result, html = shown
    text = said(html).lower()
    places = [text.index(result.verdict.headline.lower())]
    for step in result.steps:
        places.append(text.index(f"{step.number}{step.title}".lower(), places[-1]))
        wanted = [*step.found, *step.did, step.why, *step.more.split("\n\n")]
        for finding in step.findings:
            wanted += [finding.sentence, finding.advice, finding.source]
        for sentence in wanted:
            assert " ".join(sentence.lower().split()) in text[places[-1] :], sentence
    assert places == sorted(places)
    for sentence in result.verdict.next:
        assert sentence.lower() in text
    for candidate in result.context.candidates:
        assert candidate.name in text
        assert f"{candidate.score:.3f}".replace("-", "−") in text
    exam = result.exam
    for wanted in (f"{exam.score:.3f}", f"{exam.interval[0]:.3f} to {exam.interval[1]:.3f}",
                   result.sha256, result.command, f"seed {result.context.seed}",
                   *result.versions, *result.versions.values(), "recommended",
                   *map(str, result.extras["sources"].values())):  # fmt: skip
        assert wanted.lower() in text, wanted


def test_links_lead_to_each_step_and_bear_the_sign_of_what_was_found(shown):
    result, html = shown
    nav = html[html.index("<nav") : html.index("</nav>")]
    for step in result.steps:
        assert f'href="#step-{step.number}"' in nav
    assert nav.count(SYMBOLS["error"]) == 1
    assert nav.count(SYMBOLS["warning"]) == 1


def test_findings_are_counted_and_the_worst_come_first():
    html = page_of("digits")
    assert "1 error, 1 warning, 7 notes" in html
    assert html.index('class="finding error"') < html.index('class="finding note"')


OF_KEY = {
    "reliability": mistakes.calibration,
    "worst_rows": mistakes.worst_rows,
    "groups": trust.groups,
    "importances": trust.importances,
    "learning_curve": trust.learning_curve,
    "plane_frames": plane.plane,
    "lr_finder": training.lr_finder,
    "tree": trust.tree,
    "drift_reference": trust.drift_reference,
    "sources": closing.sources_panel,
}


@pytest.mark.parametrize("key", OF_KEY)
def test_a_missing_extra_leaves_its_part_out(key):
    result = sample("moons")
    heading = re.findall("<h3>.*?</h3>", OF_KEY[key](result))
    assert heading
    assert heading[0] in page_of("moons")
    assert OF_KEY[key](without(result, key)) == ""


@pytest.mark.parametrize("name", SAMPLES)
def test_all_extras_may_be_missing(name):
    bare = render(replace(sample(name), extras={}))
    ET.fromstring(bare)
    assert "Which columns matter" not in bare
    assert "What the layers did" in bare  # from Fit.looks


def test_what_has_not_been_done_yet_may_be_missing():
    result = sample("moons")
    context = replace(result.context, fit=None, parts=None, preparation=None, task=None,
                      candidates=())  # fmt: skip
    ET.fromstring(render(replace(result, context=context, steps=(), extras={})))


def test_sentences_begin_large_and_end_with_a_stop():
    result = sample("moons")
    found = Finding("x", "note", "no row repeats another", np.nan, np.nan, 0, "", "nothing")
    step = replace(result.steps[0], found=("1,000 rows", "judged by accuracy"), findings=(found,))
    html = walking.step_section(step, [])
    assert "<li>Judged by accuracy.</li>" in html
    assert "No row repeats another.</p>" in html
    assert "Try:" not in html
    told = walking.step_section(replace(step, findings=(replace(found, advice="look"),)), [])
    assert "<strong>Try:</strong> look" in told
    assert 'aria-hidden="true">i</span>' in told


def test_the_honest_number_stands_in_the_verdict():
    result = sample("moons")
    extras = {"unseen": {"rows": 77, "score": 0.8123}}
    text = said(opening.verdict(replace(result, extras=extras)))
    assert "On the 77 of them that do not stand in the training part as well it is 0.812" in text
    assert "honest number" not in said(opening.verdict(result))


def test_pictures_whose_step_is_missing_stand_at_the_end():
    result = sample("digits")
    html = render(replace(result, steps=result.steps[:2]))
    assert "What the layers did" in html[html.index('id="pictures"') :]
    assert {step.key for step in result.steps} >= set(PICTURES)


def test_worst_digits_are_drawn():
    result, html = sample("digits"), page_of("digits")
    assert html.count('class="picture"') == 20
    rows = [str(row["row"]) for row in result.extras["worst_rows"]]
    assert re.findall(r'<th scope="row" class="n">(\d+)</th><td>', html) == rows


def test_worst_rows_show_the_columns_that_matter_most():
    result = sample("diabetes")
    ranked = sorted(result.extras["importances"], key=lambda one: -one["mean"])
    table = re.search(
        r"matter most</span></caption>\s*<thead>(.*?)</thead>", page_of("diabetes"), re.S
    )
    assert table
    heads = re.findall(r"<th[^>]*>([^<]+)</th>", table[1])
    many = len(heads) - heads.index("squared error") - 1
    assert 4 <= many <= 6
    assert heads[-many:] == [one["column"] for one in ranked[:many]]
    assert f"of 10 columns the {many} that matter most" in page_of("diabetes")


def test_the_confusion_matrix_is_that_of_the_exam():
    result = sample("digits")
    table = page_of("digits").split('class="confusion"')[1].split("</table>")[0]
    counts = np.array([int(n) for n in re.findall(r'<td class="\w+">([\d,]+)</td>', table)])
    expected = np.zeros((10, 10), int)
    np.add.at(expected, (result.exam.truth, result.exam.predicted), 1)
    assert (counts.reshape(10, 10) == expected).all()


def test_of_very_many_classes_the_worst_pairs_are_listed():
    result = sample("digits")
    many = 40
    truth = np.r_[np.arange(many), np.full(9, 3)]
    predicted = np.r_[np.arange(many), np.full(9, 17)]
    exam = replace(result.exam, truth=truth, predicted=predicted)
    preparation: Any = SimpleNamespace(classes=tuple(f"class {k}" for k in range(many)))
    context = replace(result.context, preparation=preparation)
    text = said(mistakes.confusion(replace(result, context=context, exam=exam)))
    assert "true classtaken forrows class 3class 179" in text


def test_metrics_of_which_less_is_better_are_shown_without_their_sign():
    result = sample("diabetes")
    context = replace(
        result.context,
        problem=replace(result.context.problem, metric="rmse"),
        candidates=tuple(
            replace(c, score=-50.0 - k, train_score=-40.0, interval=(-60.0, -45.0))
            for k, c in enumerate(result.context.candidates)
        ),
    )
    exam = replace(result.exam, score=-50.0, interval=(-60.0, -45.0), baseline_score=-77.0)
    text = said(render(replace(result, context=context, exam=exam, extras={})))
    assert "Test root mean square error50.00" in text
    assert "45.00 to 60.00: the whole interval lies below the baseline" in text
    assert "−50" not in text


@pytest.mark.parametrize(
    ("status", "best", "wanted"),
    [("interrupted", 0, "those of the untrained network"), ("diverged", 2, "those of epoch 2")],
)
def test_a_run_that_ended_early_says_so(status, best, wanted):
    result = sample("moons")
    fit: Any = SimpleNamespace(**vars(cast(Any, result.context.fit)) | {
        "status": status, "best": best, "message": "the loss became NaN in batch 3"})  # fmt: skip
    context = replace(result.context, fit=fit)
    text = said(opening.notice(replace(result, context=context)))
    assert "the loss became NaN in batch 3." in text
    assert wanted in text


@pytest.mark.parametrize("epochs", [1, 2, 5000])
def test_histories_of_any_length_and_losses_that_are_no_numbers(epochs):
    result = sample("moons")
    history = [
        SimpleNamespace(epoch=k, train_loss=1 / (1 + k), validation_loss=2.0 if k else np.inf,
                        train_score=np.nan, validation_score=np.nan)
        for k in range(epochs)
    ]  # fmt: skip
    fit: Any = SimpleNamespace(history=history, best=0, status="finished", message="", looks=())
    html = render(replace(result, context=replace(result.context, fit=fit), extras={}))
    ET.fromstring(html)
    assert len(html) < 120_000
    assert "nan" not in re.findall(r' d="[^"]*"', html)


def test_a_model_that_gives_no_numbers_can_be_shown():
    result = sample("diabetes")
    nothing = np.full(len(result.exam.rows), np.nan)
    exam = replace(result.exam, outputs=nothing, predicted=nothing, score=np.nan,
                   interval=(np.nan, np.nan))  # fmt: skip
    candidates = tuple(
        replace(c, score=np.nan, interval=(np.nan, np.inf), loss=np.inf, train_score=-np.inf)
        for c in result.context.candidates
    )
    context = replace(result.context, candidates=candidates)
    html = render(replace(result, exam=exam, context=context, extras={}))
    ET.fromstring(html)
    assert "typical error not a number" in said(html)
    assert "no better than the baseline" in said(html)
    places = {"d", "x", "y", "cx", "cy", "width", "height", "points"}
    for element in ET.fromstring(html).iter():
        for name, value in element.items():
            assert name not in places or not re.search("nan|inf", value), (name, value)


def test_the_whole_digits_page_is_small():
    assert len(page_of("digits").encode()) < 500_000


@pytest.mark.parametrize("name", SAMPLES)
def test_hostile_names_stay_text(name):
    hostile, harmless = (render(disguised(name, words)) for words in (HOSTILE, HARMLESS))
    ET.fromstring(hostile)
    seen, other = read(hostile), read(harmless)
    assert [(tag, *sorted(a)) for tag, a in seen.seen] == [
        (tag, *sorted(a)) for tag, a in other.seen
    ]
    for word in HOSTILE[:13]:
        assert word in seen.text, word
    assert not set("\x00\x1b\u202e\ud800\r") & set(hostile)
    hostile.encode()
    assert [a for tag, a in seen.seen if tag == "script"] == [{}]


@pytest.mark.parametrize("name", HOSTILE)
def test_escaped_text_comes_back_as_text(name):
    reader = read(page(name, f'<p title="{esc(name)}">{esc(name)}</p>'))
    assert {tag for tag, _ in reader.seen} == {"html", "head", "meta", "title", "style", "body",
                                               "main", "p", "script"}  # fmt: skip
    page(name, esc(name)).encode()


def test_the_same_result_gives_the_same_bytes_whatever_matplotlib_is_told():
    result = sample("moons")
    first = page_of("moons")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert render(result) == first


def test_another_process_gives_the_same_bytes():
    code = (
        "import sys, hashlib; sys.path.insert(0, sys.argv[1]); from samples import sample;"
        "from backlit.learn.report.html import render;"
        "print(hashlib.sha256(render(sample('moons')).encode()).hexdigest())"
    )
    folder = str(__file__).rpartition("/")[0]
    out = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True,
                         check=True)  # fmt: skip
    assert out.stdout.strip() == hashlib.sha256(page_of("moons").encode()).hexdigest()


def test_sliders_carry_what_they_show(shown):
    words: list[str] = []
    for tag, attributes in read(shown[1]).seen:
        if "data-slider" in attributes:
            assert tag == "div"
            words = json.loads(attributes["data-slider"] or "")["words"]
            assert len(words) >= 2
        for name in ("data-values", "data-places"):
            if name in attributes:
                assert len(json.loads(attributes[name] or "")) == len(words)
