"""The change of a customer's risk since the run before, as a sentence."""

from configs.published import Language, Run, Score
from serve.texts.wording import Wording

WEEK = 7


def risk_points(score: Score) -> int:
    """By how many whole percentage points the risk rose; 0 where nothing is known to compare with."""
    return round(100 * (score.risk_change or 0))


def change_in_words(run: Run, score: Score, language: Language) -> str:
    """For example "up 12 points since last week: salary stopped or fell (last salary on 2026-08-14)".

    Empty for a customer who was not in the cohort then, or a run with none before it.
    """
    if run.compared_with is None or score.risk_change is None:
        return ""
    words, points = Wording(language), risk_points(score)
    days = (run.snapshot_date - run.compared_with).days
    since = words("change.week") if days == WEEK else str(run.compared_with)
    if not points:
        return words("change.same", since=since)
    way = "up" if points > 0 else "down"
    shown = words("change.point" if abs(points) == 1 else "change.points", count=abs(points))
    change = words(f"change.{way}", points=shown, since=since)
    what = words("change.and").join(_same_direction(score, points, words))
    return words(f"change.{way}_by", change=change, what=what) if what else change


def _same_direction(score: Score, points: int, words: Wording) -> list[str]:
    """The parts that went the way of the whole change, the largest first."""
    parts = [part for part in score.changes if part.contribution * points > 0 and part.group != "other"]
    return [words.of(part) for part in sorted(parts, key=lambda part: -abs(part.contribution))]
