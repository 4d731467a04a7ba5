"""Access rights, one row per route and role. A route without a row keeps the service from starting."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute

from configs.errors import ConfigError
from serve.store.scope import Reach


class Role(StrEnum):
    """A caller's role in the bank: the claim ``role`` of a token."""

    CRM = "crm"
    MANAGER = "manager"
    BRANCH_HEAD = "branch_head"
    HEAD_OFFICE = "head_office"
    ANALYST = "analyst"
    ADMIN = "admin"


@dataclass(frozen=True)
class Grant:
    """The right of one role on one route: whose customers it reaches, and the fields that are masked.

    ``rounded``: no customer, but counts and sums of the customers within reach, rounded.
    """

    reach: Reach
    masked: frozenset[str] = frozenset()
    rounded: bool = False


@dataclass(frozen=True)
class Rule:
    """The roles that may call a route, and the action that the access log names.

    ``action`` is empty where nothing is told about a customer, and nothing logged. ``subject`` names the part
    of the path that says about whom the answer is; a route without such a part tells it by ``Access.about``.
    """

    grants: Mapping[Role, Grant]
    action: str = ""
    subject: str = ""


_ALL, _BRANCH, _OWN, _NONE = (Grant(reach) for reach in (Reach.ALL, Reach.BRANCH, Reach.OWN, Reach.NONE))
_ROUNDED = Grant(Reach.ALL, rounded=True)
_PSEUDONYMS = Grant(Reach.ALL, frozenset({"customer_id", "name", "note", "person"}))
_BY_NAME = {Role.CRM: _ALL, Role.MANAGER: _OWN, Role.BRANCH_HEAD: _BRANCH, Role.ADMIN: _ALL}
_BY_BRANCH = {Role.CRM: _ALL, Role.BRANCH_HEAD: _BRANCH, Role.ADMIN: _ALL}
_FOR_ALL = {**_BY_NAME, Role.ANALYST: _PSEUDONYMS}
_BY_THE_BANK: Mapping[Role, Grant] = {Role.CRM: _ALL, Role.ADMIN: _ALL}
_BUT_MANAGERS: Mapping[Role, Grant] = {
    role: grant for role, grant in _FOR_ALL.items() if role is not Role.MANAGER
}
# By name, so that a new role does not get them by itself.
# Of the whole bank: rounded for whoever does not see all of its customers.
_FIGURES = {
    **dict.fromkeys((Role.CRM, Role.ANALYST, Role.ADMIN), _NONE),
    **dict.fromkeys((Role.MANAGER, Role.BRANCH_HEAD, Role.HEAD_OFFICE), Grant(Reach.NONE, rounded=True)),
}
# Figures of whole branches and of the bank, in which no customer is: nothing is masked.
_OF_BANK = {**dict.fromkeys((Role.CRM, Role.ANALYST, Role.ADMIN), _ALL), Role.HEAD_OFFICE: _ROUNDED}
_OF_BRANCHES = {**_OF_BANK, Role.BRANCH_HEAD: _BRANCH}
_BRANCHES: Mapping[Role, Grant] = {**_BUT_MANAGERS, Role.HEAD_OFFICE: _ROUNDED}
# Campaigns with their counts and effects, in which no customer is; a manager's are those with own customers.
_OF_CAMPAIGNS = {**_OF_BRANCHES, Role.MANAGER: _OWN}
_BY_AUTHORS: Mapping[Role, Grant] = {**_BY_BRANCH, Role.HEAD_OFFICE: _ROUNDED}

# Of the routes here nothing is told about a customer, so nobody needs a token.
PUBLIC = frozenset(
    {
        *("healthz", "readyz", "openapi", "problem_kinds", "problem_kind", "docs_page", "docs_file"),
        *("sign_in_page", "sign_in", "sign_out", "choose_language", "stylesheet", "icon"),
    }
)

POLICY: Mapping[str, Rule] = {
    "customer_risk": Rule(_FOR_ALL, "read customer", "customer_id"),
    "customers_risk": Rule(_FOR_ALL, "read customer"),
    "opt_out": Rule(_BY_THE_BANK, "opt out", "customer_id"),
    "withdraw_opt_out": Rule(_BY_THE_BANK, "withdraw opt-out", "customer_id"),
    "record_contact": Rule(_BY_NAME, "record contact"),
    "list_managers": Rule(_FOR_ALL, "read managers"),
    "list_branches": Rule(_BRANCHES, "read branches"),
    "branch_list": Rule(_BUT_MANAGERS, "read list", "branch_id"),
    "manager_customers": Rule(_FOR_ALL, "read portfolio", "manager_id"),
    "record_contacts": Rule(_BY_NAME, "record contact"),
    "recorded_contacts": Rule(_FOR_ALL, "read contacts"),
    "record_feedback": Rule(_BY_NAME, "record alert feedback", "customer_id"),
    "recorded_feedback": Rule(_FOR_ALL, "read alert feedback"),
    "alert_precision": Rule(_FIGURES),
    "manager_list": Rule(_FOR_ALL, "read list", "manager_id"),
    "manager_watched": Rule(_FOR_ALL, "read list", "manager_id"),
    "branch_watched": Rule(_BUT_MANAGERS, "read list", "branch_id"),
    "manager_former": Rule(_FOR_ALL, "read list", "manager_id"),
    "branch_former": Rule(_BUT_MANAGERS, "read list", "branch_id"),
    "manager_maturities": Rule(_FOR_ALL, "read list", "manager_id"),
    "common_list": Rule({**_BY_THE_BANK, Role.ANALYST: _PSEUDONYMS}, "read list"),
    "branch_summary": Rule(_BRANCHES, "read branch", "branch_id"),
    "branch_figures": Rule(_OF_BRANCHES, "read figures", "branch_id"),
    "bank_figures": Rule(_OF_BANK, "read figures"),
    "export_scores": Rule(_BUT_MANAGERS, "export"),
    "export_changes": Rule(_BUT_MANAGERS, "export"),
    "list_campaigns": Rule(_OF_CAMPAIGNS, "read campaigns"),
    "one_campaign": Rule(_OF_CAMPAIGNS, "read campaign", "campaign_id"),
    "preview_campaign": Rule(_BY_AUTHORS, "preview campaign"),
    "create_campaign": Rule(_BY_AUTHORS, "create campaign"),
    "decide_campaign": Rule(_BY_AUTHORS, "decide campaign", "campaign_id"),
    "campaign_customers": Rule(_FOR_ALL, "read list", "campaign_id"),
    "latest_run": Rule(_FIGURES),
    "announcements": Rule(_FIGURES),
    # Pages, which cannot be masked and are therefore not for analysts where they name somebody.
    "start": Rule(_FIGURES),
    "manager_page": Rule(_BY_NAME, "read list", "manager_id"),
    "manager_watched_page": Rule(_BY_NAME, "read list", "manager_id"),
    "branch_watched_page": Rule(_BY_BRANCH, "read list", "branch_id"),
    "common_watched_page": Rule(_BY_THE_BANK, "read list"),
    "manager_former_page": Rule(_BY_NAME, "read list", "manager_id"),
    "branch_former_page": Rule(_BY_BRANCH, "read list", "branch_id"),
    "common_former_page": Rule(_BY_THE_BANK, "read list"),
    "manager_customers_page": Rule(_BY_NAME, "read list", "manager_id"),
    "common_customers_page": Rule(_BY_THE_BANK, "read list"),
    "branch_customers_page": Rule(_BY_BRANCH, "read list", "branch_id"),
    "manager_workbook_file": Rule(_BY_NAME, "read list", "manager_id"),
    "common_workbook_file": Rule(_BY_THE_BANK, "read list"),
    "branch_workbook_file": Rule(_BY_BRANCH, "read list", "branch_id"),
    "find_customer": Rule(_BY_NAME, "read customer"),
    "customer_page": Rule(_BY_NAME, "read customer", "customer_id"),
    "correction_page": Rule(_BY_NAME, "read customer", "customer_id"),
    "record_outcome": Rule(_BY_NAME, "record outcome", "customer_id"),
    "branches_page": Rule(_BY_BRANCH, "read branches"),
    "branch_page": Rule(_BY_BRANCH, "read branch", "branch_id"),
    "common_list_page": Rule(_BY_THE_BANK, "read list"),
    "branch_list_page": Rule(_BY_BRANCH, "read list", "branch_id"),
    "bank_page": Rule(_OF_BANK, "read figures"),
    "bank_figures_page": Rule(_OF_BANK, "read figures"),
    "branch_figures_page": Rule(_OF_BRANCHES, "read figures", "branch_id"),
    "branch_portfolio_page": Rule(_BY_BRANCH, "read list", "branch_id"),
    "handovers_page": Rule(_BY_BRANCH, "read handovers", "branch_id"),
    "accept_handover": Rule(_BY_BRANCH, "accept handover", "branch_id"),
    "handover_file": Rule(_BY_BRANCH, "read handovers", "branch_id"),
    "campaigns_page": Rule(_OF_CAMPAIGNS, "read campaigns"),
    "campaign_page": Rule(_OF_CAMPAIGNS, "read campaign", "campaign_id"),
    "new_campaign_page": Rule(_BY_AUTHORS, "preview campaign"),
    "create_campaign_page": Rule(_BY_AUTHORS, "create campaign"),
    "decide_campaign_page": Rule(_BY_AUTHORS, "decide campaign", "campaign_id"),
    "campaign_members_page": Rule(_BY_NAME, "read list", "campaign_id"),
    "campaign_workbook_file": Rule(_BY_NAME, "read list", "campaign_id"),
    "effect_page": Rule(_FIGURES),
    "model_page": Rule(_FIGURES),
    "status_page": Rule({Role.ADMIN: _NONE}),
    "all_runs": Rule(_FIGURES),
    "one_run": Rule(_FIGURES),
    "model_card": Rule(_FIGURES),
}


def require_rules(routes: Iterable[BaseRoute], behind_token: type[BaseRoute]) -> None:
    """Raises ConfigError for a route that has no rule, or that is no ``behind_token``."""
    for route in iter_route_contexts(list(routes)):
        if route.name in PUBLIC:
            continue
        if route.name not in POLICY:
            raise ConfigError(
                f"the route {route.name!r} ({route.path}) has no row in serve/auth/policy.py. Add one."
            )
        if not isinstance(route.original_route, behind_token):
            raise ConfigError(
                f"the route {route.name!r} ({route.path}) asks for no token. Add it to a router whose "
                f"route_class is {behind_token.__name__}."
            )
