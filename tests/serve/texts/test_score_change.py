"""What moved, as a manager reads it."""

import pytest

from configs.published import Change
from serve.texts.score_change import change_in_words

SALARY = Change(
    "salary", 0.4, "salary stopped or fell (last salary on 2026-08-14)", "代发工资中断或减少（…）"
)
OUTFLOW = Change("outflow", -0.3, "money moves to other banks", "资金转往他行")
NEW_MODEL = Change("model", 0.5, "new model", "模型更新")
OTHER = Change("other", 0.6, "other", "其他")


@pytest.mark.parametrize(
    ("change", "en", "zh"),
    [
        (0.118, "up 12 points since last week: new model; salary stopped or fell (last salary on 2026-08-14)",
         "较上周上升12个百分点：模型更新；代发工资中断或减少（…）"),
        (0.01, "up 1 point since last week: new model; salary stopped or fell (last salary on 2026-08-14)",
         "较上周上升1个百分点：模型更新；代发工资中断或减少（…）"),
        (-0.2, "down 20 points since last week; eased: money moves to other banks",
         "较上周下降20个百分点；缓解：资金转往他行"),
        (0.004, "unchanged since last week", "与上周持平"),
        (None, "", ""),
    ],
)  # fmt: skip
def test_the_parts_that_went_the_same_way_largest_first(make_run, make_score, change, en, zh):
    run = make_run(manifest={"compared_with": "2026-11-09"})
    score = make_score("c1", risk_change=change, changes=(SALARY, OUTFLOW, NEW_MODEL, OTHER))
    assert change_in_words(run, score, "en") == en
    assert change_in_words(run, score, "zh") == zh


def test_a_run_with_none_before_it_tells_no_change(make_run, make_score):
    assert change_in_words(make_run(), make_score("c1", risk_change=0.2), "en") == ""


def test_an_older_run_is_named_by_its_day(make_run, make_score):
    run = make_run(manifest={"compared_with": "2026-11-02"})
    assert change_in_words(run, make_score("c1", risk_change=0.2), "en") == "up 20 points since 2026-11-02"
    assert change_in_words(run, make_score("c1", risk_change=0.2), "zh") == "较2026-11-02上升20个百分点"
