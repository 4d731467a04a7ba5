from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.dates import mondays
from configs.errors import DataError
from configs.settings import Label, Settings, Training
from models.splits import Split, TooFewMondaysError, dates_needed, folds, split


def small(settings: Settings, **training: int) -> tuple[Label, Training]:
    return settings.label, settings.training.model_copy(update=training)


def test_the_worked_example(settings):
    label, training = small(settings, judged_snapshots=8, tuned_snapshots=10, min_train_snapshots=4)
    made = split(mondays(date(2023, 1, 2), date(2024, 6, 24)), label, training, date(2024, 6, 30))
    assert made.evaluation[0] == date(2024, 2, 5)
    assert made.evaluation[-1] == date(2024, 3, 25)
    assert len(made.evaluation) == 8
    assert (made.tune[0], made.tune[-1], len(made.tune)) == (date(2023, 8, 28), date(2023, 10, 30), 10)
    assert (made.train[0], made.train[-1], len(made.train)) == (date(2023, 1, 2), date(2023, 5, 22), 21)


def test_one_day_less_of_data_moves_every_set_by_a_week(settings):
    label, training = small(settings, judged_snapshots=8, tuned_snapshots=10, min_train_snapshots=4)
    made = split(mondays(date(2023, 1, 2), date(2024, 6, 24)), label, training, date(2024, 6, 29))
    assert made.evaluation[-1] == date(2024, 3, 18)
    assert made.tune[-1] == date(2023, 10, 23)
    assert made.train[-1] == date(2023, 5, 15)


@given(
    weeks_apart=st.integers(1, 60),
    horizon=st.integers(1, 365),
    judged=st.integers(1, 5),
    tuned=st.integers(1, 5),
    least=st.integers(1, 5),
)
def test_so_many_dates_are_needed_and_one_less_is_too_few(
    settings, weeks_apart, horizon, judged, tuned, least
):
    label, training = small(
        settings, judged_snapshots=judged, tuned_snapshots=tuned, min_train_snapshots=least
    )
    label = label.model_copy(update={"horizon_days": horizon})
    dates = [date(2000, 1, 3) + timedelta(weeks=weeks_apart * number) for number in range(400)]
    needed = dates_needed(dates[:2], label, training)
    assert len(split(dates[:needed], label, training, date(9999, 1, 1)).train) == least
    with pytest.raises(TooFewMondaysError):
        split(dates[: needed - 1], label, training, date(9999, 1, 1))


@given(
    weeks=st.sets(st.integers(0, 150), min_size=1),
    lead=st.integers(0, 30),
    horizon=st.integers(1, 120),
    judged=st.integers(1, 10),
    tuned=st.integers(1, 10),
    through=st.integers(0, 1200),
)
def test_law_nothing_learnt_later_than_it_is_used(settings, weeks, lead, horizon, judged, tuned, through):
    label = settings.label.model_copy(update={"lead_days": lead, "horizon_days": horizon})
    _, training = small(settings, judged_snapshots=judged, tuned_snapshots=tuned, min_train_snapshots=1)
    snapshots = [date(2020, 1, 6) + timedelta(weeks=week) for week in weeks]
    data_through = date(2020, 1, 6) + timedelta(days=through)
    try:
        made = split(snapshots, label, training, data_through)
    except DataError:
        return
    ends = {day: day + timedelta(days=lead + horizon) for day in snapshots}
    assert all(ends[day] <= made.tune[0] for day in made.train)
    assert all(ends[day] <= made.evaluation[0] for day in made.tune)
    assert all(ends[day] <= data_through for day in made.evaluation)
    assert (len(made.evaluation), len(made.tune) <= tuned, len(made.train) >= 1) == (judged, True, True)
    assert not {day for day in snapshots if ends[day] <= made.tune[0]} - set(made.train)


@pytest.mark.parametrize(
    ("last", "says"),
    [
        (date(2022, 1, 3), "0 to train .needed 4., 0 to tune and 0 to evaluate"),
        (date(2023, 6, 5), "0 to train .needed 4., 0 to tune and 8 to evaluate"),
        (date(2024, 2, 26), "3 to train .needed 4., 10 to tune and 8 to evaluate"),
    ],
)
def test_too_few_snapshots_say_how_many_and_what_to_do(settings, last, says):
    label, training = small(settings, judged_snapshots=8, tuned_snapshots=10, min_train_snapshots=4)
    snapshots = mondays(date(2023, 1, 2), last)
    with pytest.raises(DataError, match=f"{says}.*lower training"):
        split(snapshots, label, training, last)


def test_folds_roll_inside_what_trains_and_tunes(settings):
    label, training = small(settings, judged_snapshots=8, tuned_snapshots=10, min_train_snapshots=4)
    chosen = split(mondays(date(2022, 1, 3), date(2024, 6, 24)), label, training, date(2024, 6, 30))
    made = folds(chosen, label, training, 3)
    assert made[-1] == Split(chosen.train, chosen.tune, ())
    # The two before tune on the last twenty training Mondays, ten each.
    assert made[0].tune + made[1].tune == chosen.train[-20:]
    for one in made:
        assert label.timeline(one.train[-1]).matured(one.tune[0])
        assert not label.timeline(one.train[-1] + timedelta(weeks=1)).matured(one.tune[0])
        assert not {*one.train, *one.tune} & {*chosen.evaluation}


def test_a_short_history_has_fewer_folds(settings):
    label, training = small(settings, judged_snapshots=8, tuned_snapshots=10, min_train_snapshots=4)
    chosen = split(mondays(date(2023, 1, 2), date(2024, 6, 24)), label, training, date(2024, 6, 30))
    assert folds(chosen, label, training, 3) == (Split(chosen.train, chosen.tune, ()),)
