from types import MappingProxyType, SimpleNamespace
from typing import get_args

import pytest

from configs.bank_folder import load_settings
from configs.settings import Label
from pipeline.evaluation.model_card import card_markdown, missing_in_card, model_card
from tests.pipeline.evaluation.conftest import PARTS

SURE = {f"model.{name}": [0.1, 0.9] for name in
        ("auroc", "average_precision", "recall_at_10", "aum_caught_at_10", "ece")}  # fmt: skip
MODEL = {"rows": 15_157, "attrition_rate": 0.0405, "auroc": 0.856, "average_precision": 0.406,
         "recall_at_10": 0.6, "aum_caught_at_10": 0.61, "ece": 0.004}  # fmt: skip
EVALUATION = {
    "data": {
        "fingerprint": "9e83",
        "first_day": "2024-05-20",
        "last_day": "2026-11-15",
        "rows": {"customers": 5825},
    },
    "figures": {"model": MODEL, "intervals": SURE},
}
MONDAYS = {
    "train": ["2024-11-18", "2025-10-06"],
    "tune": ["2026-01-12"],
    "judge": ["2026-06-22", "2026-08-10"],
}


def bundle(**changes):
    """As much of a bundle as a card looks at."""
    settings = load_settings("demo").model_dump(mode="json")
    metrics = {"snapshots": MONDAYS, "trained_as_of": "2026-11-16", "customer_periods": 84_212}
    made = {"model_id": "a641", "metrics": metrics, "settings": settings}
    return SimpleNamespace(**(made | {"model": SimpleNamespace(columns=["a"] * 468)} | changes))


def test_the_cards_of_the_banks_that_ship_are_complete():
    for bank in ("demo", "berka"):
        assert missing_in_card(model_card(load_settings(bank), bundle(), EVALUATION)) == []


@pytest.mark.parametrize("part", PARTS)
def test_each_part_left_out_is_named_with_what_to_do(part):
    whole = model_card(load_settings("demo"), bundle(), EVALUATION)
    assert tuple(whole) == PARTS
    for left in ({**whole, part: ()}, {name: said for name, said in whole.items() if name != part}):
        (missing,) = missing_in_card(left)
        assert missing.startswith(f"the model card lacks its {part}: ")
        assert "[card]" in missing or "make report" in missing or "train again" in missing
        assert "**Missing**" in card_markdown("a641", left)
    assert "**Missing**" not in card_markdown("a641", whole)


@pytest.mark.parametrize(
    ("field", "empty", "part"),
    [
        ("owner", "", "owner"),
        ("approver", " ", "approver"),
        ("purpose", "", "purpose"),
        ("assumptions", [], "assumptions"),
        ("limits", [""], "limits"),
        ("monitoring", [], "monitoring limits"),
    ],
)
def test_what_nobody_has_said_is_missing(field, empty, part):
    card = model_card(load_settings("demo", {"card": {field: empty}}), bundle(), EVALUATION)
    assert [one.split(":")[0] for one in missing_in_card(card)] == [f"the model card lacks its {part}"]


@pytest.mark.parametrize(
    ("made", "evaluation", "part"),
    [
        (bundle(), EVALUATION | {"data": {}}, "data"),
        (bundle(), {name: one for name, one in EVALUATION.items() if name != "data"}, "data"),
        (bundle(settings={}), EVALUATION, "label"),
        (bundle(), EVALUATION | {"figures": {}}, "results"),
        # One interval that was not drawn is no result.
        (bundle(), EVALUATION | {"figures": {"model": MODEL, "intervals": dict(list(SURE.items())[1:])}},
         "results"),
    ],
)  # fmt: skip
def test_facts_that_are_not_known_are_missing(made, evaluation, part):
    card = model_card(load_settings("demo"), made, MappingProxyType(evaluation))
    assert [one.split(":")[0] for one in missing_in_card(card)] == [f"the model card lacks its {part}"]


def test_a_model_never_evaluated_lacks_data_and_results():
    card = model_card(load_settings("demo"), bundle(), {})
    assert [one.split(":")[0][25:] for one in missing_in_card(card)] == ["data", "results"]


def test_facts_in_words():
    text = card_markdown("a641", model_card(load_settings("demo"), bundle(), EVALUATION))
    assert text.startswith("# Model card of a641\n\n## Purpose\n\n")
    assert "- Tables 9e83, bookings from 2024-05-20 to 2026-11-15; loaded: 5,825 customers.\n" in text
    assert (
        "- Fitted on 2 Mondays, 2024-11-18 to 2025-10-06.\n- Stopped and calibrated on 1 Monday, 2026-01-12"
        in text
    )
    assert (
        "has left when, 97 days after the Monday (7 days to act, then 90), at least 50% of the average"
        in text
    )
    assert "AUROC 0.856 [0.100, 0.900]" in text


def test_every_definition_of_attrition_has_its_words():
    definitions = get_args(Label.model_fields["definition"].annotation)
    said = set()
    for definition in definitions:
        settings = load_settings("demo", {"label": {"definition": definition}}).model_dump(mode="json")
        said.add(model_card(load_settings("demo"), bundle(settings=settings), EVALUATION)["label"][0])
    assert len(said) == len(definitions) > 0
    assert "{" not in "".join(said)
