"""What made the network think so: the columns add up to the change of its output, in its unit."""

from dataclasses import replace

import numpy as np
import pytest

from backlit.learn import Problem, Settings, learn
from backlit.learn.attributing import EXPLAINED, attributions
from backlit.learn.data.table import Table
from backlit.learn.models.looks import outputs_of
from backlit.learn.report.attributions import attributions as panel
from backlit.learn.report.html import render
from backlit.learn.result import Result

from .test_walk import walked
from .test_walk_report import said


def with_network(result: Result) -> Result:
    """The result as if its network were recommended."""
    network = result.context.candidates[-1]
    worst = result.extras["worst_rows"]
    found = attributions(result.context, network, worst)
    verdict = replace(result.verdict, recommended=network)
    return replace(result, verdict=verdict, extras=result.extras | {"attributions": found})


@pytest.fixture(scope="module")
def penguins() -> Result:
    return with_network(walked("penguins"))


def test_columns_add_up_to_the_change_of_the_logit(penguins):
    found, context = penguins.extras["attributions"], penguins.context
    assert len(found["rows"]) == EXPLAINED
    model = context.candidates[-1].model
    place = {int(row): k for k, row in enumerate(context.validation.rows)}
    mean = context.train.X.mean(axis=0, keepdims=True)
    most = max(abs(row["end"] - row["start"]) for row in found["rows"])
    for row in found["rows"]:
        logits = outputs_of(model, context.validation.X[[place[row["row"]]]])[0]
        assert row["end"] == pytest.approx(logits.max(), rel=1e-5)
        assert row["start"] == pytest.approx(
            outputs_of(model, mean)[0][logits.argmax()], rel=1e-4, abs=1e-4
        )
        missed = abs(row["added"].sum() - (row["end"] - row["start"]))
        assert missed <= (found["gap"] + 1e-4) * most
        assert len(row["added"]) == len(found["columns"])
    assert found["gap"] <= 0.01


def test_a_number_is_explained_in_its_own_unit():
    """A network that is nearly a straight line: what a column adds is its slope times the way."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 3))
    price = 1000 + 300 * x[:, 0] - 100 * x[:, 1] + rng.normal(size=600)
    table = Table.of({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "price": price})
    result = learn(table, Problem("price"), Settings((32,), epochs=60, lr=0.01))
    found = with_network(result).extras["attributions"]
    parts = result.context.parts
    assert parts is not None
    rows = parts.train
    slopes = dict(zip("abc", (300, -100, 0), strict=True))
    for row in found["rows"]:
        assert row["start"] == pytest.approx(1000, abs=80)
        for column, added in zip(found["columns"], row["added"], strict=True):
            way = table.column(column)[row["row"]] - table.column(column)[rows].mean()
            assert added == pytest.approx(slopes[column] * way, abs=120)


def test_the_page_names_columns_baseline_and_what_is_missing(penguins):
    page = said(render(penguins))
    text = page[page.index("What made the network think so") :]
    first = penguins.extras["attributions"]["rows"][0]
    strongest = int(np.argmax(np.abs(first["added"])))
    assert penguins.extras["attributions"]["columns"][strongest] in text
    for words in ("Integrated gradients", "the mean of the training rows", "add up to the change"):
        assert words in text


def test_pictures_are_explained_pixel_by_pixel():
    result = walked("digits")
    assert result.verdict.recommended.name == "network"
    html = panel(result)
    assert html.count('class="picture large"') == EXPLAINED
    assert "f-blue" in html
    assert "s-orange" in html


def test_other_models_are_not_explained_as_networks():
    result = walked("wisconsin")
    assert result.verdict.recommended.name == "logistic regression"
    assert result.extras["attributions"] is None
    assert panel(result) == ""
