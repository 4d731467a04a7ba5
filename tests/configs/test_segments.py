"""Segments and service standards: which rule is tried first, and what a bank is told of a wrong one."""

from itertools import product

import pytest

from configs.bank_folder import load_settings
from configs.errors import ConfigError
from configs.published import STAGES
from configs.segments import LEVELS, standard_of

DEMO = load_settings("demo")  # of medium value from 1 million on, of high value from 2 million on
EVERYBODY = {"name": "rest", "en": "Rest", "zh": "其余"}
RICH = {"name": "rich", "en": "Rich", "zh": "富", "values": ["high"]}
DAYS = {"days": 90}


@pytest.mark.parametrize(
    ("aum", "band", "stage", "segment"),
    [
        (2_000_000, "high", "declining", "high_value_leaving"),
        (1_999_999.99, "high", "declining", "medium_value_at_risk"),
        (2_000_000, "medium", "dormant", "high_value_leaving"),
        (3_000_000, "medium", "new", "high_value_at_risk"),
        (1_000_000, "medium", "mature", "medium_value_at_risk"),
        (999_999.99, "high", "mature", "at_risk"),
        (2_000_000, "low", "declining", "high_value"),
        (600_000, "low", "growing", "growing"),
        (1_500_000, "low", "dormant", "declining"),
        (0, "low", "mature", "steady"),
    ],
)
def test_the_first_rule_that_fits_is_the_segment(aum, band, stage, segment):
    assert DEMO.segments.of(round(aum * 100), band, stage) == segment


def test_everybody_is_of_exactly_one_segment_and_each_segment_can_be_reached():
    """In every bank that ships; nobody is of value where no balance is delivered."""
    for bank in ("demo", "berka", "wallet"):
        settings = load_settings(bank)
        amounts = (0, settings.segments.medium_value, settings.segments.high_value)
        cells = [
            settings.segments.of(int(aum * 100), band, stage)
            for aum, band, stage in product(amounts if bank != "wallet" else (0,), LEVELS, STAGES)
        ]
        assert set(cells) == set(settings.segments.names)
        for segment, tier in product(settings.segments.names, settings.tiers):
            place = standard_of(settings.service_standards, segment, tier.name)
            fitting = [each.fits(segment, tier.name) for each in settings.service_standards]
            assert fitting.index(True) == place


def refused(**settings):
    with pytest.raises(ConfigError) as raised:
        load_settings("demo", settings)
    return str(raised.value)


@pytest.mark.parametrize(
    ("segments", "said"),
    [
        ({"high_value": 10}, "segments: medium_value 1000000.0 must be below high_value 10.0"),
        ({"rules": [RICH]}, "segments: the last of rules, 'rich', must fit everybody"),
        ({"rules": [EVERYBODY, EVERYBODY]}, "segments: no rule after 'rest' would be reached"),
        ({"rules": [RICH, RICH, EVERYBODY]}, "segments: 2 rules are named 'rich'. Give each its own name"),
        ({"rules": [RICH | {"values": ["hi"]}, EVERYBODY]}, "unknown value 'hi'. Did you mean 'high'?"),
        ({"rules": [RICH | {"risks": ["lo"]}, EVERYBODY]}, "unknown risk 'lo'. Did you mean 'low'?"),
        ({"rules": [RICH | {"stages": ["newt"]}, EVERYBODY]}, "unknown stage 'newt'. Did you mean 'new'?"),
        ({"rules": [RICH | {"name": "High value"}, EVERYBODY]}, "segments.rules.0.name: String should match"),
        # The bank's own segments take the place of those that its standards name.
        (
            {"rules": [RICH, EVERYBODY]},
            "service_standards: a standard is for the unknown segment 'high_value_leaving'.",
        ),
    ],
)
def test_a_wrong_segment_is_named_with_what_helps(segments, said):
    assert said in refused(segments=segments)


@pytest.mark.parametrize(
    ("standards", "said"),
    [
        ([], "service_standards: must not be empty"),
        ([DAYS | {"days": 0}], "service_standards.0.days: Input should be greater than or equal to 1"),
        ([DAYS | {"who": "boss"}], "service_standards.0.who: Input should be 'manager', 'branch_head' or"),
        ([DAYS | {"channels": ["vist"]}], "for the unknown channel 'vist'. Did you mean 'visit'?"),
        ([DAYS | {"segments": ["steddy"]}, DAYS], "unknown segment 'steddy'. Did you mean 'steady'?"),
        ([DAYS | {"tiers": ["welth"]}, DAYS], "a standard is for the unknown tier 'welth'. Did you mean"),
        ([DAYS | {"tiers": ["wealth"]}], "the last standard must fit everybody, or nothing is due"),
        ([DAYS, DAYS], "service_standards: number 1, of 90 days, fits everybody, so that none after it"),
    ],
)
def test_a_wrong_standard_is_named_with_what_helps(standards, said):
    assert said in refused(service_standards=standards)


def test_a_bank_may_have_channels_of_its_own():
    standards = [DAYS | {"channels": ["wechat"]}]
    words = {"contacts.channel": ["wechat"]}
    own = load_settings("demo", {"service_standards": standards, "words": words})
    assert own.service_standards[0].channels == ("wechat",)


def test_a_next_step_may_name_segments():
    step = {"segments": ["steddy"], "en": "Call", "zh": "致电"}
    said = refused(next_steps={"bank_rules": [step]})
    assert "next_steps: a next step is for the unknown segment 'steddy'. Did you mean 'steady'?" in said
