"""Channels of the lists: what a bank may set, and what is refused with a remedy."""

import re
from typing import Any

import pytest

from configs.bank_folder import load_settings
from configs.errors import ConfigError
from configs.list_settings import Channel
from tests.serve.conftest import a_score

PHONE = {"name": "phone", "response": 1.0, "places": 1.0}


def test_a_bank_names_channels_in_place_of_the_default_and_a_cost_is_of_the_managers_time() -> None:
    visit = {"name": "visit", "response": 1.5, "places": 3.0, "made_by": "branch_head", "cost": 900.0}
    message = {"name": "message", "response": 0.2, "places": 0.29}
    lists = load_settings("demo", {"lists": {"channels": [visit, message]}}).lists
    assert [channel.name for channel in lists.channels] == ["visit", "message"]
    assert [channel.percent_of_place for channel in lists.channels] == [300, 29]
    assert [channel.cost_of_one(150.0) for channel in lists.channels] == [900.0, pytest.approx(43.5)]
    assert [channel.name for channel in load_settings("demo").lists.channels] == ["phone"]


@pytest.mark.parametrize(
    ("changed", "fits"),
    [
        ({}, True),
        ({"tiers": ["private"]}, False),
        ({"tiers": ["private", "affluent"], "reasons": ["salary", "outflow"]}, True),
        ({"reasons": ["salary"]}, False),
        ({"segments": ["growing"]}, False),
    ],
)
def test_a_channel_is_for_whom_all_of_its_conditions_fit(changed: dict[str, Any], fits: bool) -> None:
    assert Channel(**(PHONE | changed)).fits(a_score("a")) is fits


@pytest.mark.parametrize(
    ("channels", "why"),
    [
        ([], "must not be empty"),
        ([PHONE, PHONE], "2 channels are named 'phone'. Leave one"),
        ([PHONE | {"reasons": ["salary"]}], "no channel is for everybody"),
        ([PHONE | {"places": 0.001}], "channels.0.places"),
        ([PHONE | {"name": "fax"}], "channels.0.name"),
        (
            [PHONE, PHONE | {"name": "offer", "reasons": ["salry"]}],
            "unknown reason 'salry'. Did you mean 'sal",
        ),
        (
            [PHONE, PHONE | {"name": "offer", "tiers": ["afluent"]}],
            "lists.channels: 'offer' is for the unknown tier",
        ),
        ([PHONE, PHONE | {"name": "offer", "segments": ["x"]}], "is for the unknown segment 'x'"),
    ],
)
def test_channels_that_cannot_work_are_refused(channels: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(why)):
        load_settings("demo", {"lists": {"channels": channels}})


def test_where_no_money_is_counted_one_channel_is_left() -> None:
    with pytest.raises(ConfigError, match="a question of money"):
        load_settings("wallet", {"lists": {"channels": [PHONE, PHONE | {"name": "message"}]}})
