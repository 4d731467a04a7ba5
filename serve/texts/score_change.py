"""How a customer's risk moved since the run before, in a sentence."""

from configs.published import Run, Score
from serve.texts.catalogue import TEXTS, Language

WEEK = 7


def since(run: Run, language: Language) -> str:
    """The Monday compared with, in words: last week, or its date; empty without one."""
    if run.compared_with is None:
        return ""
    days = (run.snapshot_date - run.compared_with).days
    return TEXTS[language]["change.week"] if days == WEEK else str(run.compared_with)


def change_in_words(run: Run, score: Score, language: Language) -> str:
    """For example "up 12 points since last week: salary stopped or fell (last salary on 2026-08-14)".

    Empty for a customer who was not in the cohort then, or a run with none before it.
    """
    if run.compared_with is None or score.risk_change is None:
        return ""
    text, points = TEXTS[language], round(100 * score.risk_change)
    if not points:
        return text["change.same"].format(since=since(run, language))
    way = "up" if points > 0 else "down"
    shown = text["change.point" if abs(points) == 1 else "change.points"].format(count=abs(points))
    change = text[f"change.{way}"].format(points=shown, since=since(run, language))
    what = text["change.and"].join(_moved_it(score, points, language))
    return text[f"change.{way}_by"].format(change=change, what=what) if what else change


def _moved_it(score: Score, points: int, language: Language) -> list[str]:
    """The parts that went the same way, the largest first."""
    along = [one for one in score.changes if one.contribution * points > 0 and one.group != "other"]
    along.sort(key=lambda one: -abs(one.contribution))
    return [one.text_zh if language == "zh" else one.text_en for one in along]
