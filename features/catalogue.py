"""What each feature is called in plain words: English and Chinese, its unit, and when it is worrying.

A phrase is composed like the name: the measure's noun, the statistic's pattern, the window's words.
"""

from dataclasses import dataclass

from features.grammar import Name
from features.lifecycle import STAGES


@dataclass(frozen=True)
class Noun:
    """A measure in words; ``worse`` +1 when more of it is worrying, -1 when less is, 0 when it depends."""

    en: str
    zh: str
    group: str
    worse: int = 0


@dataclass(frozen=True)
class Pattern:
    """A statistic in words around {noun} and {window}; ``unit`` says how a value of it is shown.

    ``said_en`` and ``said_zh`` are the sentence with the customer's {value}; where they are empty the
    phrase and the value are joined by a colon.
    """

    en: str
    zh: str
    unit: str
    worse: int = 1
    said_en: str = ""
    said_zh: str = ""


@dataclass(frozen=True)
class Entry:
    """One row per feature: its name, phrase in both languages, unit, reason group, worrying direction.

    ``said_en`` and ``said_zh`` are sentences with a place for the customer's {value}.
    """

    name: str
    en: str
    zh: str
    unit: str
    group: str
    worse: int
    said_en: str
    said_zh: str


# What a manager understands as one reason; features of a group move together.
GROUPS = {
    "balance": ("AUM is shrinking", "资产下降"),
    "product": ("fewer or expiring products", "产品减少或到期"),
    "outflow": ("money moves to other banks", "资金转往他行"),
    "inflow": ("less money comes in", "资金流入减少"),
    "salary": ("salary", "代发工资"),
    "activity": ("less active", "活跃度下降"),
    "interest": ("is looking around", "关注变化"),
    "service": ("service and contact", "服务与联络"),
    "profile": ("profile", "客户概况"),
}

NOUNS = {
    "aum": Noun("AUM", "总资产", "balance", -1),
    "market_move": Noun("gain or loss by market prices", "市值变动", "balance", -1),
    "demand": Noun("demand deposits", "活期存款", "product"),
    "term": Noun("term deposits", "定期存款", "product", -1),
    "structured": Noun("structured deposits", "结构性存款", "product", -1),
    "wealth": Noun("wealth products", "理财产品", "product", -1),
    "fund": Noun("funds", "基金", "product", -1),
    "insurance": Noun("insurance", "保险", "product", -1),
    "metal": Noun("precious metals", "贵金属", "product", -1),
    "trust": Noun("trust products", "信托", "product", -1),
    "loan": Noun("loans", "贷款", "product"),
    "inflow": Noun("money coming in", "资金流入", "inflow", -1),
    "outflow": Noun("money going out", "资金流出", "outflow", 1),
    "net_flow": Noun("net money coming in", "资金净流入", "inflow", -1),
    "inflow_elsewhere": Noun("money from other banks and brokers", "他行及券商转入", "inflow", -1),
    "outflow_elsewhere": Noun("money sent to other banks and brokers", "转往他行及券商", "outflow", 1),
    "outflow_broker": Noun("money sent to brokers", "转往券商", "outflow", 1),
    "salary": Noun("salary", "代发工资", "salary", -1),
    "card": Noun("card payments", "刷卡消费", "activity", -1),
    "cash_out": Noun("cash withdrawn", "取现", "outflow", 1),
    "buy": Noun("purchases of products", "购买产品", "product", -1),
    "redeem": Noun("redemptions of products", "赎回产品", "product", 1),
    "booking": Noun("own bookings", "主动交易", "activity", -1),
    "login": Noun("logins", "登录", "interest"),
    "view_rates": Noun("looks at rates", "查看利率", "interest", 1),
    "complaint": Noun("complaints", "投诉", "service", 1),
    "contact": Noun("contacts by the manager", "客户经理联络", "service", -1),
    "contact_answered": Noun("answered contacts", "有效联络", "service", -1),
    "product": Noun("products held", "持有产品数", "product", -1),
    "product_class": Noun("product classes held", "持有产品大类数", "product", -1),
    "maturing": Noun("money maturing", "即将到期资金", "product", 1),
    "matured": Noun("money matured", "已到期资金", "product", 1),
    "next_maturity": Noun("the next maturity", "最近一笔到期", "product", -1),
    "tenure": Noun("time as a customer", "客户年限", "profile", -1),
    "lifecycle_stage": Noun("lifecycle stage", "生命周期阶段", "profile"),
    "manager": Noun("relationship manager", "客户经理", "service"),
    "manager_change": Noun("changes of manager", "更换客户经理", "service", -1),
    "survey_score": Noun("survey score", "满意度评分", "service", -1),
}

PATTERNS = {
    "last": Pattern("{noun} now", "当前{noun}", "money"),
    "share": Pattern("{noun}{window} as a share of AUM", "{window}{noun}占总资产比重", "share", 1,
                     "{noun}{window}: {value} of AUM", "{window}{noun}占总资产{value}"),
    "mean": Pattern("average {noun}{window}", "{window}平均{noun}", "money"),
    "min": Pattern("lowest {noun}{window}", "{window}最低{noun}", "money"),
    "max": Pattern("largest single {noun}{window}", "{window}单笔最大{noun}", "money"),
    "change": Pattern("change of {noun}{window}", "{window}{noun}变动", "change", 1,
                      "{noun}{window} changed by {value}", "{window}{noun}变动{value}"),
    "ratio": Pattern("{noun} now beside its average{window}", "当前{noun}与{window}均值之比", "share", 1,
                     "{noun} is at {value} of its average{window}", "{noun}为{window}均值的{value}"),
    "drawdown": Pattern("{noun} below its peak{window}", "{noun}较{window}高点回落", "share", -1,
                        "{noun} is {value} below its peak{window}", "{noun}较{window}高点回落{value}"),
    "rebound": Pattern("{noun} above its low{window}", "{noun}较{window}低点回升", "share"),
    "deviation": Pattern("fluctuation of {noun}{window}", "{window}{noun}波动", "share", 0),
    "slope": Pattern("weekly trend of {noun}{window}", "{window}{noun}周均趋势", "change"),
    "difference": Pattern("change of {noun}{window} as a share of AUM",
                          "{window}{noun}变化占总资产比重", "change"),
    "sum": Pattern("{noun}{window}", "{window}{noun}", "money"),
    "count": Pattern("number of {noun}{window}", "{window}{noun}次数", "count", 1,
                     "{noun}{window}: {value} times", "{window}{noun}{value}次"),
    "days_since": Pattern("days since the last of {noun}", "距最近一次{noun}天数", "days", -1,
                          "{noun}: last {value} days ago", "最近一次{noun}在{value}天前"),
    "days_to": Pattern("days to {noun}", "距{noun}天数", "days", 1,
                       "{value} days to {noun}", "距{noun}还有{value}天"),
    "per_aum": Pattern("{noun}{window} beside average AUM", "{window}{noun}与平均资产之比", "share", 1,
                       "{noun}{window}: {value} of average AUM", "{window}{noun}相当于平均资产的{value}"),
    "speed": Pattern("pace of {noun}, {window}", "{noun}频率，{window}", "share", 1,
                     "{noun} at {value} of the usual pace, {window}",
                     "{noun}频率为平常的{value}（{window}）"),
    "days": Pattern("{noun} in days", "{noun}（天）", "days"),
    "code": Pattern("{noun}", "{noun}", "stage", 0),
    "vacant": Pattern("no {noun} in charge", "无{noun}", "flag"),
    "held": Pattern("number of {noun}", "{noun}", "count", 1, "{value} {noun}", "{noun}{value}"),
    "added": Pattern("change in the number of {noun}{window}", "{window}{noun}增减", "count"),
}  # fmt: skip

# The one mean that is not money.
_UNITS = {("survey_score", "mean"): "score"}


def entry(name: Name) -> Entry:
    """The catalogue's row of one feature. Raises KeyError when its measure or statistic has no words."""
    noun, pattern = NOUNS[name.measure], PATTERNS[name.statistic]
    span_en, span_zh = _window(name)
    return Entry(
        str(name),
        pattern.en.format(noun=noun.en, window=span_en),
        pattern.zh.format(noun=noun.zh, window=span_zh),
        _UNITS.get((name.measure, name.statistic), pattern.unit),
        noun.group,
        1 if name.statistic == "vacant" else noun.worse * pattern.worse,
        _said(pattern.said_en or pattern.en + ": {value}", noun.en, span_en),
        _said(pattern.said_zh or pattern.zh + "：{value}", noun.zh, span_zh),
    )


def sentence(row: Entry, value: float | None, language: str) -> str:
    """The feature with the customer's own figure, for example "money out in the last 4 weeks: 320,000"."""
    if value is None:
        return f"{row.en}: none yet" if language == "en" else f"{row.zh}：无"
    if row.unit == "flag" and value:
        return row.en if language == "en" else row.zh
    said = row.said_en if language == "en" else row.said_zh
    return said.format(value=_shown(row.unit, value, language))


def _said(pattern: str, noun: str, window: str) -> str:
    """The sentence with noun and window filled in and the place of the value kept."""
    return pattern.format(noun=noun, window=window, value="{value}")


def _window(name: Name) -> tuple[str, str]:
    """The window in words; names carry it as 4w, 30d, quarter or 4w_per_13w."""
    if not name.window:
        return "", ""
    if name.window == "quarter":
        return " since the last quarter-end", "上季末以来"
    if "_per_" in name.window:
        short, long = (part.rstrip("w") for part in name.window.split("_per_"))
        return f"last {short} weeks beside {long} weeks", f"近{short}周与近{long}周相比"
    number, unit = name.window[:-1], name.window[-1]
    if unit == "d":
        ahead = name.measure == "maturing"
        return (
            (f" within {number} days", f"未来{number}天")
            if ahead
            else (f" in the last {number} days", f"近{number}天")
        )
    return f" in the last {number} weeks", f"近{number}周"


def _shown(unit: str, value: float, language: str) -> str:
    match unit:
        case "money" if language == "zh" and abs(value) >= 10_000:
            return f"{value / 10_000:,.1f}万"
        case "money":
            return f"{value:,.0f}"
        case "share":
            return f"{value:.0%}"
        case "change":
            return f"{value:+.0%}"
        case "flag":
            return "no" if language == "en" else "否"
        case "score":
            return f"{value:.1f}"
        case "stage":
            return _STAGES_ZH[int(value)] if language == "zh" else STAGES[int(value)]
    return f"{value:,.0f}"


_STAGES_ZH = ("新客户", "成长期", "成熟期", "衰退期", "休眠期")
