"""The groups of reasons: a feature belongs to one, a reason bears its title, and occasions come first."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """One reason as a manager understands it; ``occasion``: he can name it to the customer as what came up.

    The others are signs: how a customer who is about to leave looks, whatever the occasion.
    """

    en: str
    zh: str
    occasion: bool = False


# In the order in which groups of equal weight are named.
GROUPS: dict[str, Group] = {
    "salary": Group("salary stopped or fell", "代发工资中断或减少", occasion=True),
    "complaint": Group("complaint or low satisfaction", "投诉或满意度低", occasion=True),
    "manager": Group("manager changed or missing", "客户经理更换或空缺", occasion=True),
    "rollover": Group("money matured, maturing or idle", "资金到期或闲置", occasion=True),
    "outflow": Group("moving money to other banks", "资金转往他行"),
    "interest": Group("comparing rates", "比较利率"),
    "offer": Group("earns less than today's offers", "收益低于在售产品"),
    "balance": Group("AUM is shrinking", "管理资产下降"),
    "product": Group("few products, or products dropped", "产品持有少或减少"),
    "contact": Group("little contact with the manager", "客户经理联络不足"),
    "inflow": Group("less money comes in", "资金流入减少"),
    "activity": Group("less active", "活跃度下降"),
    "profile": Group("profile", "客户概况"),
}
