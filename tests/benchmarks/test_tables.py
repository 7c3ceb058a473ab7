"""The Markdown: whole tables compared, so that a README reader's view is what is tested."""

import pytest

from benchmarks import tables

from .results import result, row


def test_a_group_table_marks_ratio_noise_and_other_results():
    lines = tables.readme(result()).splitlines()
    heads = [text.strip() for text in lines[0].strip("|").split("|")]
    cells = [text.strip() for text in lines[2].strip("|").split("|")]
    assert heads == ["Training step with Adam, eager, us", "backlit", "torch", "jax"]
    assert cells == ["2-16-16-2, batch 100", "**41.0**", "~330 (8.05×)", "61.5 (differs) (1.50×)"]


def test_the_readme_block_names_the_machine_and_what_was_skipped_but_no_date():
    text = tables.readme(result())
    assert "A Processor (avx2), 2 cores, 16 GB" in text
    assert "backlit 0.1.0, torch 2.13.0" in text
    assert "1 thread for every system" in text
    assert "load average before the start 0.25" in text
    assert "Skipped: torch-compile (no compiler)" in text
    assert "2024" not in text


def test_without_backlit_there_are_peers_and_no_ratios():
    alone = row()
    alone["cells"].pop("backlit")
    alone["ratios"] = {}
    text = tables.readme(result(alone))
    assert "~330" in text
    assert "×" not in text


def test_details_give_min_median_spread_and_the_range_of_the_ratio():
    text = tables.details([row()])
    torch = next(line for line in text.splitlines() if "| torch" in line)
    cells = [cell.strip() for cell in torch.strip("|").split("|")]
    assert cells[2:] == ["us", "320", "330", "5% ~", "8.05 (8.00 to 8.10)", "32,000"]


def test_agreement_says_who_differs():
    text = tables.agreement([row()])
    assert [line.split("|")[-2].strip() for line in text.splitlines()[2:]] == [
        "same work",
        "DIFFERS",
    ]


def test_everything_holds_the_goals():
    assert "| fast |     8.05 | at least 5 | met |" in tables.everything(result())


def test_every_line_of_a_table_has_the_same_columns():
    for block in tables.everything(result()).split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.0123, "0.012"),
        (0.13049, "0.130"),
        (1.0, "1.00"),
        (9.999, "10.0"),
        (42.06, "42.1"),
        (99.96, "100"),
        (319.4, "319"),
        (66043.0, "66,043"),
    ],
)
def test_numbers_have_three_digits(value, text):
    assert tables.number(value) == text
