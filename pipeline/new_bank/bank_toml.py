"""The draft of bank.toml: questions, sources, and settings from its own amounts and weeks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from configs.source import Source
from pipeline.new_bank.figures import Figures, rounded
from pipeline.new_bank.files import FileGroup

LONG_HISTORY = 104  # weeks from which the defaults of the settings fit
LEAD_DAYS = 7  # label.lead_days of configs/default.toml
SHORT_TRAINING = """\
[training]
first_after_weeks = 8
judged_snapshots = 4
tuned_snapshots = 6
negatives_kept = 1.0

[training.lightgbm]  # few leavers: small steps, small leaves, few columns per tree
learning_rate = 0.02
feature_fraction = 0.2
min_data_in_leaf = 30
num_leaves = 7
max_depth = 3
"""
OWN_LABEL = """\
[training]  # labels of the bank's own: Mondays with one are fewer than all
judged_snapshots = 6
tuned_snapshots = 6
"""
KEPT_WEEKS = 26  # store.keep_weeks of configs/default.toml
TIERS = (("standard", "普通"), ("affluent", "富裕"), ("wealth", "财富"))


def bank_toml(
    head: Mapping[str, str],
    file_groups: Mapping[str, FileGroup],
    remarks: tuple[Sequence[str], Sequence[str]],
    figures: Figures,
) -> str:
    """The text of the file. ``head`` are the settings above all sections; ``remarks`` the questions, numbered
    comments by which a second run knows those that remain, and the notes."""
    questions, notes = remarks
    money, has_money = figures.money, "counts" not in head
    short = figures.weeks is None or figures.weeks.count < LONG_HISTORY
    lines = [
        f"# Draft of bank {head['title']}. Questions: answer each where it says, then delete its line here.",
        *(f"# {number}. {question}" for number, question in enumerate(questions, start=1)),
        "#",
        *(f"# {note}" for note in notes),
        *(f'{name} = "{value}"' for name, value in head.items()),
        'card = { owner = "", approver = "", monitoring = [] }',
        'lists = { salt = "" }',
        "",
        "[sources]",
        *(f"{name} = {_spec(group.spec)}  # {_files(group)}" for name, group in file_groups.items()),
        "",
        *_cohort(money, head["base_currency"], short),
        *_features(figures),
        *_label(figures, short, has_money),
        *([*SHORT_TRAINING.splitlines(), ""] if short else ()),
        *([*OWN_LABEL.splitlines(), ""] if figures.horizon and not short else ()),
        *_kept(figures.horizon),
        *_tiers(money, has_money),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _spec(spec: Source) -> str:
    """What differs from the defaults of a source, as an inline table."""
    chosen = spec.model_dump(exclude_defaults=True)
    order = ["files", "format", *(name for name in chosen if name not in ("files", "format"))]
    return _inline({name: chosen[name] for name in order if name in chosen})


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{name} = {_inline(inner)}' for name, inner in value.items())} }}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_inline, value))}]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
        return f'"{escaped}"'
    return str(value).lower()


def _files(group: FileGroup) -> str:
    first, last = group.paths[0].name, group.paths[-1].name
    return first if len(group.paths) == 1 else f"{len(group.paths)} files, {first} to {last}"


def _begins(money: Sequence[float]) -> int:
    return rounded(money[1])


def _cohort(money: Sequence[float], currency: str, short: bool) -> Iterator[str]:
    """Who is scored, from the quantiles of average balances."""
    tenure = ["min_tenure_weeks = 8"] if short else []
    if money:
        quarter, middle, upper, high, highest = money
        begins = _begins(money)
        yield (
            f"# Customers' average balance in {currency}: a quarter has less than {quarter:,.0f}, half less "
            f"than {middle:,.0f},"
        )
        yield (
            f"# three quarters less than {upper:,.0f}, nine in ten less than {high:,.0f}, 99 of 100 "
            f"less than {highest:,.0f}."
        )
        yield "[cohort]"
        yield f"min_aum = {begins:_}  # about the upper half by average balance"
        yield f"max_aum = {max(rounded(10 * highest), 10 * begins):_}  # whoever has more is known by name"
        yield from tenure
        yield ""
    elif tenure:
        yield from ("[cohort]", *tenure, "")


def _features(figures: Figures) -> Iterator[str]:
    settings = []
    if figures.money:
        settings.append(f"large_amount = {_begins(figures.money):_}  # as the cohort begins")
    if figures.weeks and figures.weeks.step > 1:
        settings.append("windows = [13, 26, 52]  # bookings are sums of months: four weeks may hold none")
    if settings:
        yield from ("[features]", *settings, "")


def _label(figures: Figures, short: bool, has_money: bool) -> Iterator[str]:
    if short:
        count = figures.weeks.count if figures.weeks else 0
        yield f"# {count} weeks of bookings: short windows, so that Mondays remain to train, tune and judge."
    if short or figures.money or figures.horizon:
        yield "[label]"
    if figures.horizon:
        yield 'definition = "delivered"  # labels.sql'
        yield f"horizon_days = {figures.horizon}"
    elif short:
        yield "horizon_days = 30"
    if short and has_money:
        yield from ("base_weeks = 8", "settle_days = 7")
    if figures.money:
        yield f"dormant_floor = {max(1, _begins(figures.money) // 10):_}  # a tenth of where it begins"
    if short or figures.money or figures.horizon:
        yield ""


def weeks_to_close(horizon: int) -> int:
    """Whole weeks from a Monday until the outcome within so many days is known."""
    return -(-(LEAD_DAYS + horizon) // 7)


def _kept(horizon: int | None) -> Iterator[str]:
    """Predictions stay until their outcome is known."""
    closes = weeks_to_close(horizon or 0)
    if closes > KEPT_WEEKS:
        yield from ("[store]", f"keep_weeks = {closes + 3}  # an outcome is known after {closes}", "")


def _tiers(money: Sequence[float], has_money: bool) -> Iterator[str]:
    if not has_money:
        return
    bounds, names = [0], [("all", "全部")]
    if money:
        _, _, upper, high, _ = money
        begins, names = _begins(money), list(TIERS)
        bounds = sorted({0, max(rounded(upper), 2 * begins), max(rounded(high), 4 * begins)})
    else:
        yield "# No balances: cohort and label keep the amounts of configs/default.toml."
    for (name, name_zh), bound in zip(names, bounds, strict=False):
        yield from ("[[tiers]]", f'name = "{name}"', f'name_zh = "{name_zh}"', f"min_aum = {bound:_}", "")
