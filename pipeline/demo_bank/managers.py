"""Managers in their branches: who is hired, leaves and follows, and whose customers they are."""

import numpy as np
import pyarrow as pa

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.customers import Customers, branch_count
from pipeline.demo_bank.draws import Draws, Floats, Ints
from pipeline.demo_bank.raw_tables import BRANCH, MANAGER, RawWeek, dates, ids

NOBODY = -1
CITY = "江州"
_PLACES = (
    "城东", "城西", "城南", "城北", "滨江", "高新区", "开发区", "大学城", "中山路",
    "人民路", "解放路", "建设路",
    "金融街", "湖滨", "星湖", "东港", "西山", "南桥", "北苑", "新华路", "长江路", "黄河路", "文昌", "龙泉",
    "凤凰", "翠微", "望京", "银杏", "梅园", "桂花",
)  # fmt: skip
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余叶蒋杜苏魏程"
_FIRST = "建国志明晓文嘉雅思子雨欣佳俊丽静海宏春秋玉美永立"
_SECOND = "华军伟强敏洁琳涵轩宇婷芳磊涛鹏飞杰颖慧萍峰勇霞燕"


class Managers:
    """Portfolios are fixed, the managers in charge change. Per customer: the portfolio (−1 = none)."""

    def __init__(self, customers: Customers, seed: int) -> None:
        self._customers, self._seed = customers, seed
        branches = branch_count(customers.count)
        wanted = np.bincount(customers.branch[customers.managed], minlength=branches)
        per_branch = np.maximum(1, np.rint(wanted / p.CUSTOMERS_PER_MANAGER).astype(np.int64))
        offset = self._first_of_branch = np.cumsum(per_branch) - per_branch
        place = Draws(seed, -1).uniform("seat", customers.everyone) * per_branch[customers.branch]
        portfolio = offset[customers.branch] + np.floor(place).astype(np.int64)
        self.portfolio_of: Ints = np.where(customers.managed, portfolio, NOBODY)
        self._branch_of = np.repeat(np.arange(branches), per_branch)
        self._hired: list[int] = self._branch_of.tolist()  # the branch of each manager
        self.in_charge: Ints = np.arange(len(self._hired), dtype=np.int64)
        self.unrest: Floats = np.zeros(len(self.in_charge))
        self._filled_in = np.full(len(self.in_charge), -1, dtype=np.int64)
        self._since = customers.opened_on.copy()

    def manager_of(self, who: Ints) -> Ints:
        """Manager in charge of each customer now; −1 = none."""
        portfolio = self.portfolio_of[who]
        return np.where(portfolio == NOBODY, NOBODY, self.in_charge[portfolio])

    def caller_for(self, who: Ints) -> Ints:
        """Manager who calls each customer: the one in charge, else the branch head."""
        manager = self.manager_of(who)
        return np.where(manager == NOBODY, self._heads()[self._customers.branch[who]], manager)

    def _heads(self) -> Ints:
        """Per branch its head: the first of the managers in charge now."""
        filled = np.flatnonzero(self.in_charge != NOBODY)
        heads = self._first_of_branch.copy()
        # Written from the last portfolio to the first, so that the branch's first manager remains.
        heads[self._branch_of[filled][::-1]] = self.in_charge[filled][::-1]
        return heads

    def unrest_of(self, who: Ints) -> Floats:
        """1 in the week in which the customer's manager left, decaying from then on; 0 without a manager."""
        portfolio = self.portfolio_of[who]
        return np.where(portfolio == NOBODY, 0.0, self.unrest[portfolio])

    def first_assignments(self, raw: RawWeek, who: Ints) -> pa.Table:
        """One row per customer of ``who``, from the day they opened."""
        day = self._customers.opened_on[who]
        return self._rows(raw, who, self.manager_of(who), day, np.full(len(who), -1), day)

    def live(self, raw: RawWeek, here: Ints) -> pa.Table:
        """One week of leaving and hiring; the rows it writes for the customers who are ``here``."""
        self.unrest *= p.MANAGER_LEAVES.decay
        vacant, each = self.in_charge == NOBODY, np.arange(len(self.in_charge), dtype=np.int64)
        leaves = ~vacant & raw.draws.chance("manager leaves", each, p.MANAGER_LEAVES.rate)
        fills = vacant & (self._filled_in == raw.week)
        day = raw.monday + raw.draws.whole("seat day", each, 0, 5)
        before = self.in_charge.copy()
        self.in_charge[fills] = len(self._hired) + np.arange(fills.sum())
        self._hired += self._branch_of[fills].tolist()
        self.in_charge[leaves] = NOBODY
        self._filled_in[leaves] = raw.week + raw.draws.whole("vacancy", each, *p.VACANCY_WEEKS)[leaves]
        self.unrest[leaves] = 1.0
        return self._reassigned(raw, here, leaves | fills, before, day)

    def _reassigned(self, raw: RawWeek, here: Ints, changed: Ints, before: Ints, day: Ints) -> pa.Table:
        """Two rows per customer of a changed portfolio: the old period closed, the new one opened."""
        who = here[(self.portfolio_of[here] != NOBODY) & changed[self.portfolio_of[here]]]
        portfolio = self.portfolio_of[who]
        since, until = self._since[who], day[portfolio]
        self._since[who] = until
        closed = self._rows(raw, who, before[portfolio], since, until, until + 1)
        opened = self._rows(raw, who, self.in_charge[portfolio], until, np.full(len(who), -1), until + 1)
        return pa.concat_tables([closed, opened])

    def _rows(
        self, raw: RawWeek, who: Ints, manager: Ints, from_on: Ints, to_on: Ints, known_on: Ints
    ) -> pa.Table:
        """One row per version of an assignment; ``to_on`` −1 = still running."""
        return pa.table(
            {
                "CUST_NO": raw.numbers.customer(who).dictionary_decode(),
                "RM_NO": ids(MANAGER, manager),
                "ORG_NO": ids(BRANCH, self._customers.branch[who]),
                "BEG_DT": dates(from_on),
                "END_DT": dates(to_on),
                "LOAD_DT": raw.dates_until_end(known_on),
            }
        )

    def table(self) -> pa.Table:
        """One row per manager hired so far: name, branch, customers who can be called a week, and post."""
        draws, managers = Draws(self._seed, -3), np.arange(len(self._hired), dtype=np.int64)
        numbers = ids(MANAGER, managers)
        return pa.table(
            {
                "RM_NO": numbers,
                "RM_NAME": pa.array(
                    [person_name(draw) for draw in draws.whole("name", managers, 0, 10**9).tolist()]
                ),
                "ORG_NO": ids(BRANCH, np.array(self._hired)),
                "ORG_NAME": pa.array([branch_name(branch) for branch in self._hired]),
                "WK_CAP": pa.array(draws.whole("capacity", managers, 12, 27)).cast(pa.string()),
                "EMAIL": pa.array([f"{number.as_py().lower()}@bank.example" for number in numbers]),
                "POST": pa.array(np.where(np.isin(managers, self._heads()), "H", "M")),
            }
        )


def branch_name(number: int) -> str:
    """The name of the number-th branch; places repeat with 2, 3, … once they are used up."""
    again, place = divmod(number, len(_PLACES))
    return f"{CITY}{_PLACES[place]}{f'第{again + 1}' if again else ''}支行"


def person_name(draw: int) -> str:
    """A name from a large whole number; the same number gives the same name."""
    draw, surname = divmod(draw, len(_SURNAMES))
    draw, first = divmod(draw, len(_FIRST))
    draw, second = divmod(draw, len(_SECOND))
    return _SURNAMES[surname] + (_FIRST[first] if draw % 5 else "") + _SECOND[second]
