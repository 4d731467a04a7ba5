"""Every cause of the simulator has a group of reasons that a manager reads, or leaves no sign."""

from configs.reason_groups import GROUPS
from pipeline.demo_bank.hazards import REASONS
from pipeline.evaluation.demo_truth import GROUP_OF_CAUSE


def test_every_true_cause_is_mapped_to_an_occasion_or_a_sign() -> None:
    assert set(GROUP_OF_CAUSE) == set(REASONS)
    assert {group for group in GROUP_OF_CAUSE.values() if group} <= set(GROUPS)
    assert [cause for cause, group in GROUP_OF_CAUSE.items() if not group] == ["", "life_event"]
    groups = [group for group in GROUP_OF_CAUSE.values() if group]
    assert len(set(groups)) == len(groups), "a group for two causes would be right too easily"
