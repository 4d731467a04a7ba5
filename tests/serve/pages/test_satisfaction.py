"""What a branch head reads of questionnaires, and what analysts read besides, by hand."""

import json

from configs.branch_figures.contents import as_object
from configs.branch_figures.satisfaction import (
    AnsweringGroup,
    FactorFigures,
    Importance,
    ItemFigures,
    Message,
    Model,
    Satisfaction,
    WaveFigures,
)
from serve.store.read_session import ReadSession

SERVICE = FactorFigures(
    "service", "service", "服务", 40, 6.5, 6.2, 6.8, -0.9, 0.001, 0.1, 1.0, "improve", 0.78, 0.7, 0.85, 7.3,
    Importance(0.42, 0.31, 0.55, 0.4, 0.3, 0.5, True), Importance(0.5, 0.2, 0.8, -0.03, -0.05, -0.01, True),
    0.068, 0.041,
)  # fmt: skip
BRAND = FactorFigures(
    "brand", "brand", "品牌", 4, None, None, None, None, None, None, None, "", None, None, None, None, None,
    None, None, None,
)  # fmt: skip
CONTENT = Satisfaction(
    "2026-10-26", "2026-01-01", 1, 10, 400, 44, 0.11, 39.5, (Message("below", "service"),), 7.1, 6.9, 7.3,
    7.2, (SERVICE, BRAND), (AnsweringGroup("age_band", "60+", 90, 20, 0.22, 0.6),),
    (ItemFigures("service_waiting", "service", True, 40, 6.4, -0.2, None, True),),
    (WaveFigures("2026-Q3", 400, 44, None, None, None, (6.5, None)),), None, Model(40, 0, 0.4, 0.002),
    Model(38, 5, 0.1, 0.03),
)  # fmt: skip


def test_a_branch_head_reads_what_to_do_and_an_analyst_the_statistics(signed_in, settings, monkeypatch):
    stored = json.loads(json.dumps(as_object(CONTENT)))
    monkeypatch.setattr(ReadSession, "branch_figures", lambda *_: stored)
    monkeypatch.setattr(ReadSession, "list_terms", lambda *_: settings.list_terms)

    def page(path: str, role: str, language: str = "en", **claims: str) -> str:
        answer = signed_in(role, **claims).get(path, headers={"Accept-Language": language})
        assert answer.status_code == 200
        return " ".join(answer.text.split())

    path = "/branches/B1/figures/satisfaction"
    head = page(path, "branch_head", branch_id="B1")
    for words in (
        "Service: customers here rate it clearly lower", "42% (31% to 55%)", "−0.9", "6.5 (6.2–6.8)",
        "no clear difference", "too few", "improve first", "2026-Q3", "Age · 60+", "22%",
        "at least 50% of AUM went out, net, in the 13 weeks after the answer. 5 of 38",
    ):  # fmt: skip
        assert words in head, words
    for words in ("Cronbach", "KMO", "R²", "reversed"):
        assert words not in head, words
    assert "服务：本支行客户评分明显低于其他支行" in page(path, "branch_head", "zh", branch_id="B1")
    analyst = page("/bank/satisfaction", "analyst")
    for words in ("Cronbach α", "0.780 (0.700–0.850)", "R² 0.400", "is it reversed?", "Effective n"):
        assert words in analyst, words
    assert "Against other branches" not in analyst
