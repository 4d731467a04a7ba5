"""The words that phrases are made of: a noun per measure, a pattern per statistic, what stands in for what."""

from dataclasses import dataclass


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
    phrase and the value are joined by a colon. In English {one} is a single piece, {pieces} as many as the value.
    """

    en: str
    zh: str
    unit: str
    worse: int = 1
    said_en: str = ""
    said_zh: str = ""


NOUNS = {
    "aum": Noun("AUM", "总资产", "balance", -1),
    "market_move": Noun("gain or loss by market prices and exchange rates", "市值与汇率变动", "balance", -1),
    "demand": Noun("demand deposits", "活期存款", "rollover", 1),
    "term": Noun("term deposits", "定期存款", "rollover", -1),
    "structured": Noun("structured deposits", "结构性存款", "rollover", -1),
    "wealth": Noun("wealth products", "理财产品", "rollover", -1),
    "fund": Noun("funds", "基金", "product", -1),
    "insurance": Noun("insurance", "保险", "product", -1),
    "metal": Noun("precious metals", "贵金属", "product", -1),
    "trust": Noun("trust products", "信托", "product", -1),
    "deposits": Noun("deposits", "存款", "rollover"),
    "liquid": Noun("money at short call", "流动性资产", "rollover", 1),
    "investment": Noun("investments", "投资类资产", "rollover", -1),
    "tier": Noun("lower bound of the tier", "本层级下限", "balance", -1),
    "next_tier": Noun("lower bound of the next tier", "上一层级下限", "balance"),
    "past_outflow": Noun(
        "money that had left by the end of the last closed outcome window",
        "上一观察期末流失资金",
        "balance",
        1,
    ),
    "loan": Noun("loans", "贷款", "product"),
    "inflow": Noun("money coming in", "资金流入", "inflow", -1),
    "outflow": Noun("money going out", "资金流出", "outflow", 1),
    "net_flow": Noun("net money coming in", "资金净流入", "balance", -1),
    "inflow_elsewhere": Noun("money from other banks and brokers", "他行及券商转入", "inflow", -1),
    "outflow_elsewhere": Noun("money sent to other banks and brokers", "转往他行及券商", "outflow", 1),
    "outflow_broker": Noun("money sent to brokers", "转往券商", "outflow", 1),
    "large_inflow": Noun("large incoming entries", "大额转入", "inflow", -1),
    "large_outflow": Noun("large outgoing entries", "大额转出", "outflow", 1),
    "salary": Noun("salary", "代发工资", "salary", -1),
    "card": Noun("card payments", "刷卡消费", "activity", -1),
    "cash_out": Noun("cash withdrawn", "取现", "outflow", 1),
    "buy": Noun("purchases of products", "购买产品", "product", -1),
    "redeem": Noun("redemptions of products", "赎回产品", "product", 1),
    "booking": Noun("own bookings", "主动交易", "activity", -1),
    "counter": Noun("own bookings at the counter", "柜面交易", "activity"),
    "mobile": Noun("own bookings by mobile", "手机银行交易", "activity"),
    "online": Noun("own bookings online", "网上银行交易", "activity"),
    "atm": Noun("own bookings at a machine", "自助设备交易", "activity"),
    "login": Noun("logins", "登录", "interest"),
    "view_rates": Noun("looks at rates", "查看利率", "interest", 1),
    "complaint": Noun("complaints", "投诉", "complaint", 1),
    "contact": Noun("contacts by the manager", "客户经理联络", "contact", -1),
    "contact_answered": Noun("answered contacts", "有效联络", "contact", -1),
    "product": Noun("products held", "持有产品数", "product", -1),
    "product_class": Noun("product classes held", "持有产品大类数", "product", -1),
    "maturing": Noun("money maturing", "即将到期资金", "rollover", 1),
    "matured": Noun("money matured", "已到期资金", "rollover", 1),
    "next_maturity": Noun("the next maturity", "最近一笔到期", "rollover", -1),
    "tenure": Noun("time as a customer", "客户年限", "profile", -1),
    "lifecycle_stage": Noun("lifecycle stage", "生命周期阶段", "profile"),
    "manager": Noun("relationship manager", "客户经理", "manager"),
    "manager_change": Noun("changes of manager", "更换客户经理", "manager", -1),
    "survey_score": Noun("survey score", "满意度评分", "complaint", -1),
    "survey_service": Noun("survey score for service", "服务满意度评分", "complaint", -1),
    "survey_environment": Noun("survey score for the branch", "网点环境满意度评分", "complaint", -1),
    "survey_products": Noun("survey score for products", "产品满意度评分", "complaint", -1),
    "survey_brand": Noun("survey score for the brand", "品牌满意度评分", "complaint", -1),
    "survey_manager": Noun("survey score for the manager", "客户经理满意度评分", "complaint", -1),
    "season": Noun("season", "季节", "profile"),
    "spring_festival": Noun("Spring Festival", "春节", "profile"),
}

# A single piece of what can be counted or dated, and several, in English; Chinese says both alike.
PIECES = {
    "inflow": ("incoming entry", "incoming entries"),
    "outflow": ("outgoing entry", "outgoing entries"),
    "inflow_elsewhere": ("transfer from another bank or broker", "transfers from other banks and brokers"),
    "outflow_elsewhere": ("transfer to another bank or broker", "transfers to other banks and brokers"),
    "outflow_broker": ("transfer to a broker", "transfers to brokers"),
    "large_inflow": ("large incoming entry", "large incoming entries"),
    "large_outflow": ("large outgoing entry", "large outgoing entries"),
    "salary": ("salary", "salaries"),
    "card": ("card payment", "card payments"),
    "cash_out": ("cash withdrawal", "cash withdrawals"),
    "buy": ("purchase of a product", "purchases of products"),
    "redeem": ("redemption of a product", "redemptions of products"),
    "booking": ("own booking", "own bookings"),
    "counter": ("own booking at the counter", "own bookings at the counter"),
    "login": ("login", "logins"),
    "view_rates": ("look at rates", "looks at rates"),
    "complaint": ("complaint", "complaints"),
    "contact": ("contact by the manager", "contacts by the manager"),
    "contact_answered": ("answered contact", "answered contacts"),
    "product": ("product held", "products held"),
    "product_class": ("product class held", "product classes held"),
    "manager": ("relationship manager", "relationship managers"),
    "manager_change": ("change of manager", "changes of manager"),
}

PATTERNS = {
    "last": Pattern("{noun} now", "当前{noun}", "money"),
    "share": Pattern("{noun}{window} as a share of AUM", "{window}{noun}占总资产比重", "share", 1,
                     "{noun}{window}: {value} of AUM", "{window}{noun}占总资产{value}"),
    "mean": Pattern("average {noun}{window}", "{window}平均{noun}", "money"),
    "min": Pattern("lowest {noun}{window}", "{window}最低{noun}", "money"),
    "peak": Pattern("highest {noun}{window}", "{window}最高{noun}", "money", 0),
    "closing": Pattern("{noun}{window}", "{window}{noun}", "money", 0),
    "days_old": Pattern("age of the latest {noun} in days", "最近一次{noun}距今天数", "days", 0),
    "step": Pattern("change in one month of {noun}{window}", "{window}{noun}较上一月末增减", "money"),
    "growth": Pattern("{noun}{window} beside a month before", "{window}{noun}与其上一月末之比", "share"),
    "per_deposits": Pattern("{noun} beside deposits", "{noun}与存款之比", "share", 0),
    "per_demand": Pattern("{noun} beside demand deposits", "{noun}与活期存款之比", "share", 0),
    "per_wealth": Pattern("{noun} beside wealth products", "{noun}与理财产品之比", "share", 0),
    "above": Pattern("AUM above the {noun} as a share of AUM", "总资产高出{noun}的比例", "change", 1),
    "below": Pattern("AUM below the {noun} as a share of AUM", "总资产距{noun}的比例", "change", 0),
    "kept": Pattern("share of {noun}{window} that stayed invested", "{window}{noun}续投比例", "share", -1,
                    "{value} of {noun}{window} stayed invested", "{window}{noun}续投{value}"),
    "ticket": Pattern("average single {noun}{window}", "{window}笔均{noun}", "money"),
    "per_outflow": Pattern("{noun}{window} beside money going out", "{window}{noun}与流出之比", "share"),
    "largest_share": Pattern("largest single one as a share of {noun}{window}", "{window}最大单笔占{noun}比重",
                             "share", 0),
    "volatility": Pattern("how unsteady {noun} is from week to week{window}", "{window}每周{noun}波动", "share", 0),
    "zscore": Pattern("{noun}, {window}, in standard deviations", "{noun}标准分，{window}", "score"),
    "collapse": Pattern("{noun} nearly stopped, {window}", "{noun}近乎停止，{window}", "flag", -1),
    "recent": Pattern("{noun}{window}, recent weeks counting more", "{window}{noun}（近期加权）", "score"),
    "burstiness": Pattern("how bunched {noun} come{window}", "{window}{noun}集中程度", "score", 0),
    "active_weeks": Pattern("weeks with {noun}{window}", "{window}有{noun}的周数", "count"),
    "median_gap": Pattern("usual number of weeks without {noun}{window}", "{window}无{noun}间隔周数中位值",
                          "count", -1),
    "longest_gap": Pattern("most weeks in a row without {noun}{window}", "{window}连续无{noun}最长周数",
                           "count", -1),
    "idle": Pattern("weeks with {noun} but no money going out{window}", "{window}有{noun}而无资金流出的周数",
                    "count", 0),
    "of_bookings": Pattern("{noun}{window} as a share of own bookings", "{window}{noun}占主动交易比重", "share", 0),
    "days_since_first": Pattern("days since the first of {noun}, two years at most",
                                "距首次{noun}天数（至多两年）", "days", 0),
    "days_since_largest": Pattern("days since the largest single {noun} of the year", "距近一年单笔最大{noun}天数",
                                  "ago", -1, "largest single {one} of the year on {value}",
                                  "近一年单笔最大{noun}：{value}"),
    "days_after_term": Pattern("days from the first term deposit to the first of {noun}",
                               "首次定期存款至首次{noun}天数", "days", 0),
    "days_after_wealth": Pattern("days from the first wealth product to the first of {noun}",
                                 "首次理财产品至首次{noun}天数", "days", 0),
    "days_after_salary": Pattern("days from the first salary to the first of {noun}",
                                 "首次代发工资至首次{noun}天数", "days", 0),
    "weeks": Pattern("weeks in the same {noun}", "处于同一{noun}的周数", "count", 0),
    "distinct": Pattern("number of different {noun}s{window}", "{window}不同{noun}人数", "count", 1,
                        "{value} different {pieces}{window}", "{window}先后{value}位{noun}"),
    "customers": Pattern("customers of the {noun}", "{noun}名下客户数", "count", 0),
    "vacant_days": Pattern("days without a {noun}", "无{noun}天数", "days", 1),
    "score": Pattern("latest {noun}", "最近一次{noun}", "score"),
    "sine": Pattern("{noun}: spring rather than autumn", "{noun}：偏春或偏秋", "score", 0),
    "cosine": Pattern("{noun}: winter rather than summer", "{noun}：偏冬或偏夏", "score", 0),
    "max": Pattern("largest single {noun}{window}", "{window}单笔最大{noun}", "money", 1,
                   "largest single {one}{window}: {value}"),
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
                     "{value} {pieces}{window}", "{window}{noun}{value}次"),
    "counterparties": Pattern("kinds of counterparty of {noun}{window}", "{window}{noun}对手类型数", "count", 1),
    "days_since": Pattern("days since the last of {noun}", "距最近一次{noun}天数", "ago", -1,
                          "last {one} on {value}", "最近一次{noun}：{value}"),
    "days_to": Pattern("days to {noun}", "距{noun}天数", "ahead", 1, "{noun} on {value}", "{noun}：{value}"),
    "per_aum": Pattern("{noun}{window} beside average AUM", "{window}{noun}与平均资产之比", "share", 1,
                       "{noun}{window}: {value} of average AUM", "{window}{noun}相当于平均资产的{value}"),
    "speed": Pattern("pace of {noun}, {window}", "{noun}频率，{window}", "share", 1,
                     "{noun} at {value} of the usual pace, {window}",
                     "{noun}频率为平常的{value}（{window}）"),
    "days": Pattern("{noun} in days", "{noun}（天）", "ago", 1, "customer since {value}", "{value}起为本行客户"),
    "code": Pattern("{noun}", "{noun}", "stage", 0),
    "vacant": Pattern("no {noun} in charge", "无{noun}", "flag"),
    "held": Pattern("number of {noun}", "{noun}", "count", 1, "{value} {pieces}", "{noun}：{value}"),
    "added": Pattern("change in the number of {noun}{window}", "{window}{noun}增减", "count"),
}  # fmt: skip

# What says the same of the same measure in a figure that a manager can check: amounts, counts and days before
# ratios, trends and standard deviations. The first one that exists stands in; "4w" for "4w_per_13w".
STAND_INS = {
    "zscore": ("sum", "count"),
    "speed": ("count",),
    "per_aum": ("sum",),
    "per_outflow": ("sum",),
    "share": ("sum",),
    "largest_share": ("max",),
    "growth": ("step",),
    "slope": ("change",),
    "rebound": ("change",),
    "deviation": ("drawdown",),
    "recent": ("active_weeks",),
    "burstiness": ("longest_gap",),
    "median_gap": ("longest_gap",),
}

# A day beside a figure. "alone" is "last" where there was only one.
DATED = {
    "last": ("; last on {day}", "，最近一次{day}"),
    "alone": (", on {day}", "，{day}"),
    "largest": (", on {day}", "，{day}"),
    "next": ("; next on {day}", "，最近一笔{day}到期"),
    "since": (", since {day}", "，自{day}起"),
}
