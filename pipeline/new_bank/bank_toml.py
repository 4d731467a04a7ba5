"""The draft of bank.toml: questions, sources, and settings from its own amounts and weeks."""

from collections.abc import Mapping, Sequence

from pipeline.new_bank.figures import Weeks, rounded
from pipeline.new_bank.files import FileGroup

LONG_HISTORY = 104  # weeks from which the defaults of the settings fit
LABEL_CLOSES = 6  # weeks until an outcome is known with a horizon of 30 days
SHORT_HISTORY = """\
# {weeks} weeks of bookings: everything is short, so that Mondays remain to train, to tune and to judge.
[label]
horizon_days = 30
base_weeks = 8
settle_days = 7
dormant_floor = {remainder:_}  # a tenth of where the cohort begins

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
LONG = """\
[label]
dormant_floor = {remainder:_}  # a tenth of where the cohort begins
"""


def bank_toml(
    bank: str,
    language: str,
    currency: str,
    file_groups: Mapping[str, FileGroup],
    questions: Sequence[str],
    notes: Sequence[str],
    money: Sequence[float],
    weeks: Weeks | None,
) -> str:
    """The text of the file; questions are numbered comments: a second run knows by them which remain."""
    asked = [f"# {number}. {question}" for number, question in enumerate(questions, start=1)]
    lines = [
        f"# Draft of bank {bank}. Questions: answer each where it says, then delete its line here.",
        *asked,
        "#",
        *(f"# {note}" for note in notes),
        f'title = "{bank}"',
        f'language = "{language}"',
        f'base_currency = "{currency}"',
        "",
        "[sources]",
        *(f"{name} = {{ {_spec(group)} }}  # {_files(group)}" for name, group in file_groups.items()),
        "",
        *_money(money, currency, weeks),
        'card = { owner = "", approver = "", monitoring = [] }',
    ]
    # A key without a section must stand before the first section.
    card = lines.pop()
    lines.insert(lines.index("[sources]") - 1, card)
    return "\n".join(lines).rstrip("\n") + "\n"


def _spec(group: FileGroup) -> str:
    spec = group.spec
    parts = [f"files = {_quoted(spec.files)}"]
    if spec.format != "csv":
        parts.append(f'format = "{spec.format}"')
    if spec.delimiter != ",":
        parts.append(f"delimiter = {_quoted(spec.delimiter)}")
    if spec.encoding != "utf-8":
        parts.append(f'encoding = "{spec.encoding}"')
    if spec.skip:
        parts.append(f"skip = {spec.skip}")
    return ", ".join(parts)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return f'"{escaped}"'


def _files(group: FileGroup) -> str:
    first, last = group.paths[0].name, group.paths[-1].name
    return first if len(group.paths) == 1 else f"{len(group.paths)} files, {first} to {last}"


def _money(money: Sequence[float], currency: str, weeks: Weeks | None) -> list[str]:
    """Cohort, tiers and label, from the quantiles of average balances."""
    if not money:
        unknown = "# No balances: cohort and label keep the amounts of configs/default.toml."
        return [unknown, "[[tiers]]", 'name = "all"', 'name_zh = "全部"', "min_aum = 0"]
    quarter, middle, upper, high, highest = money
    begins, short = rounded(middle), weeks is None or weeks.count < LONG_HISTORY
    bounds = sorted({0, max(rounded(upper), 2 * begins), max(rounded(high), 4 * begins)})
    names = (("standard", "普通"), ("affluent", "富裕"), ("wealth", "财富"))
    text = SHORT_HISTORY if short else LONG
    return [
        f"# Customers' average balance in {currency}: a quarter has less than {quarter:,.0f}, half less than "
        f"{middle:,.0f},",
        f"# three quarters less than {upper:,.0f}, nine in ten less than {high:,.0f}, 99 of 100 "
        f"less than {highest:,.0f}.",
        "[cohort]",
        f"min_aum = {begins:_}  # about the upper half by average balance",
        f"max_aum = {max(rounded(10 * highest), 10 * begins):_}  # whoever has more is known by name",
        *(["min_tenure_weeks = 8"] if short else []),
        "",
        "[features]",
        f"large_amount = {begins:_}  # as the cohort begins",
        "",
        *text.format(weeks=weeks.count if weeks else 0, remainder=max(1, begins // 10)).splitlines(),
        "",
        *(
            line
            for (name, name_zh), bound in zip(names, bounds, strict=False)
            for line in (
                "[[tiers]]",
                f'name = "{name}"',
                f'name_zh = "{name_zh}"',
                f"min_aum = {bound:_}",
                "",
            )
        ),
    ]
