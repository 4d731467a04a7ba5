"""Both languages have the same texts and figures; code and templates ask for all of them, no others."""

import re
import tomllib
from string import Formatter
from typing import get_args

import pytest

from configs.alarms import KINDS as ALARMS
from configs.campaigns import LEFT_OUT, STATES
from configs.codes import DECISIONS, EXCLUSION_CODES
from configs.list_settings import CHANNELS
from configs.published import ALERT_FEEDBACK, OUTCOMES, STAGES, Change, ListPart, Reason, Strength
from configs.response import RESTS_ON
from configs.settings import Label
from configs.tables import COUNTERPARTIES, KINDS, PRODUCT_CLASSES
from pipeline.gates.verdicts import ALARM, LATE, OVERRIDDEN, PASSED, REFUSED
from serve.pages.page import FOLDER
from serve.texts.wording import FILES, TEXTS, Wording, change_in_words

ROOT = FOLDER.parents[1]
TEMPLATES = sorted((FOLDER / "templates").rglob("*.html"))
REPORT = [ROOT / "pipeline/evaluation/templates" / f"{name}.html" for name in ("model", "figures", "base")]
PYTHON = sorted(path for room in ("serve", "pipeline") for path in (ROOT / room).rglob("*.py"))
# Every code that the product itself gives; each has a text.
CODES = {
    "alarm": ALARMS,
    "alarm_remedy": ALARMS,
    "verdict": (PASSED, ALARM, REFUSED, LATE, OVERRIDDEN),
    "outcome": OUTCOMES,
    "feedback": ALERT_FEEDBACK,
    "strength": get_args(Strength),
    "marks": ("call", "complaint"),
    "customer": ("corrected", "withdrawn"),
    "saved": ("feedback", "withdrawn"),
    "excluded": EXCLUSION_CODES,
    "decision": {f"{code}.{why}" for code, reasons in DECISIONS.items() for why in reasons}
    | {"listed.follow_up"},
    "kind": KINDS,
    "class": [name for name in PRODUCT_CLASSES if name != "loan"],
    "counterparty": COUNTERPARTIES,
    "stage": STAGES,
    "band": ("high", "medium", "low"),
    "channel_contact": CHANNELS,
    "effect.policy": ("learnt", "settings"),
    "policy.rests_on": RESTS_ON,
    "campaign.state": STATES,
    "channel": CHANNELS,
    "campaign.left_out": LEFT_OUT,
    "list.part": get_args(ListPart),
    "list.risk": get_args(Label.model_fields["definition"].annotation),
}
# Codes that a bank chooses, here those of the contracts and of the demo bank; others are shown as they are.
OPEN_CODES = ("tier.", "channel.", "purpose.", "contact.", "outcome.answered", "outcome.declined")
# Keys that are put together from a part that says what happened.
COMPOSED = (
    "satisfaction.message.",
    "campaign.",
    "satisfaction.field.",
    "satisfaction.dimension.",
    "assistant.",
    "figures.",
    "choose.",
    "book.",
    "service.",
    "bridge.",
    "sign_in.",
    "refused.",
    "effect.reading.",
    "model.calibration.",
    "model.drift.",
    "model.verdict.",
    "branch.load.",
    "change.",
    "decision_by_risk.",
    "mail.",
    "gate.",
    "gate_remedy.",
    "intake.",
    "report.name.",
    "source.",
    "service.",
)


def placeholders(text: str) -> list[str]:
    """Each placeholder with how it is formatted, in alphabetical order."""
    return sorted(f"{name}:{spec}" for _, name, spec, _ in Formatter().parse(text) if name)


def quoted() -> set[str]:
    """Every string without blanks that stands between quotes in code or a template."""
    source = "\n".join(path.read_text("utf-8") for path in (*TEMPLATES, *REPORT, *PYTHON))
    return set(re.findall(r"""['"]([a-z_]+(?:\.[a-z_]+)*)['"]""", source))


def asked_for() -> set[str]:
    """The keys that templates and code give to a wording."""
    source = "\n".join(path.read_text("utf-8") for path in (*TEMPLATES, *REPORT, *PYTHON))
    return set(re.findall(r"""\b(?:w|words|text|texts)[(\[]\s*['"]([\w.]*\w)['"]""", source))


@pytest.mark.parametrize("language", TEXTS)
def test_a_key_stands_in_one_section(language):
    sections = tomllib.loads(FILES[language].read_text("utf-8"))
    keys = [key for section in sections.values() for key in section]
    assert len(keys) == len(set(keys)) == len(TEXTS[language])


def test_both_languages_have_the_same_sections_keys_and_placeholders():
    english, chinese = (tomllib.loads(FILES[language].read_text("utf-8")) for language in ("en", "zh"))
    sections = {name: list(texts) for name, texts in chinese.items()}
    assert {name: list(texts) for name, texts in english.items()} == sections
    for key, text in TEXTS["en"].items():
        assert text
        assert TEXTS["zh"][key]
        assert placeholders(text) == placeholders(TEXTS["zh"][key]), key


# Words and phrases that read like a translation, or that only operators know; each had a better one.
RETIRED = {
    "en": re.compile(
        r"\b(worked off|nobody in charge|in charge|reckon\w*|held out|by lot|lots|promised|what came|mend\w*|"
        r"anew|bookings?|who is new|you may not|other side|weigh)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile("机构|无客户经理|留出|可能跟随|八成把握|存在问题|重要交易|各个周一|最近一次有效联络"),
}


@pytest.mark.parametrize("language", TEXTS)
def test_no_text_has_words_that_went(language):
    assert {key: text for key, text in TEXTS[language].items() if RETIRED[language].search(text)} == {}


def test_every_name_of_a_report_is_a_code():
    folders = (ROOT / name for name in ("models", "pipeline"))
    files = (path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".html"))
    source = "\n".join(path.read_text("utf-8") for path in files)
    codes = {found.replace(" ", "_") for found in re.findall(r'"([a-z_ \d]+)"', source)}
    names = {key.removeprefix("report.name.") for key in TEXTS["en"] if key.startswith("report.name.")}
    assert names - codes == set()


def test_texts_cannot_be_changed():
    with pytest.raises(TypeError):
        TEXTS["en"]["brand"] = "Another"


def test_every_text_that_is_asked_for_is_there():
    assert len(asked_for()) > 200
    assert asked_for() - set(TEXTS["en"]) == set()


def test_no_text_is_left_over():
    codes = {f"{kind}.{code}" for kind, of_kind in CODES.items() for code in of_kind}
    unused = set(TEXTS["en"]) - quoted() - codes
    assert {key for key in unused if not key.startswith((*OPEN_CODES, *COMPOSED))} == set()


@pytest.mark.parametrize("language", TEXTS)
def test_every_code_has_a_text(language):
    for kind, codes in CODES.items():
        for code in codes:
            assert f"{kind}.{code}" in TEXTS[language]


def test_a_code_without_a_text_is_shown_as_it_is():
    assert Wording("zh").term("tier", "own_tier") == "own_tier"


def test_a_tier_has_the_name_that_the_bank_gives_it_or_else_the_standard_one():
    words = Wording("zh", lambda: {"own_tier": "黑金", "wealth": ""})
    assert [words.term("tier", name) for name in ("own_tier", "wealth", "mass")] == ["黑金", "财富", "大众"]
    assert words.term("stage", "own_tier") == "own_tier"
    assert Wording("en", lambda: {"own_tier": "黑金"}).term("tier", "own_tier") == "own_tier"
    assert Wording("zh").term("channel", None) == "–"


def test_the_choice_of_outcomes_fits_into_excels_limit():
    for texts in TEXTS.values():
        outcomes = [texts[f"outcome.{outcome}"] for outcome in OUTCOMES]
        assert len(",".join(outcomes).encode("utf-16-le")) // 2 <= 255
        assert not any("," in outcome for outcome in outcomes if texts["font"] != "Calibri")


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
        (0.026, "up 3 points since last week: new model; salary stopped or fell (last salary on 2026-08-14)",
         "较上周上升3个百分点：模型更新；代发工资中断或减少（…）"),
        (-0.2, "down 20 points since last week; eased: money moves to other banks",
         "较上周下降20个百分点；缓解：资金转往他行"),
        (0.024, "", ""),
        (-0.02, "", ""),
        (None, "", ""),
    ],
)  # fmt: skip
def test_the_parts_that_went_the_same_way_largest_first(make_run, make_score, change, en, zh):
    run = make_run(manifest={"compared_with": "2026-11-09"})
    score = make_score("c1", risk_change=change, changes=(SALARY, OUTFLOW, NEW_MODEL, OTHER))
    assert change_in_words(run, score, "en") == en
    assert change_in_words(run, score, "zh") == zh


def test_what_is_a_reason_already_is_named_by_its_group(make_run, make_score):
    run = make_run(manifest={"compared_with": "2026-11-09"})
    reason = Reason("salary", "days_since_salary", 94.0, 0.4, SALARY.text_en, SALARY.text_zh)
    score = make_score("c1", risk_change=0.2, changes=(SALARY,), reasons=(reason,))
    assert change_in_words(run, score, "en") == "up 20 points since last week: salary stopped or fell"


def test_a_run_with_none_before_it_tells_no_change(make_run, make_score):
    assert change_in_words(make_run(), make_score("c1", risk_change=0.2), "en") == ""


def test_an_older_run_is_named_by_its_day(make_run, make_score):
    run = make_run(manifest={"compared_with": "2026-11-02"})
    assert change_in_words(run, make_score("c1", risk_change=0.2), "en") == "up 20 points since 2 Nov 2026"
    assert change_in_words(run, make_score("c1", risk_change=0.2), "zh") == "较2026年11月2日上升20个百分点"
