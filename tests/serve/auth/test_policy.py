"""The table of who may see what covers every route, and no route that is not there."""

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from configs.errors import ConfigError
from serve.app import create_app
from serve.auth.access import AuthorizedRoute
from serve.auth.policy import POLICY, PUBLIC, Role, require_rules
from serve.store.scope import Reach


def names(app):
    return [route.name for route in iter_route_contexts(app.routes)]


def test_each_route_has_one_row_and_each_row_a_route(service):
    found = names(create_app(service))
    assert sorted(found) == sorted(PUBLIC | set(POLICY))


def planted(name, route_class):
    router = APIRouter(prefix="/v1", route_class=route_class)
    router.add_api_route("/planted", lambda: None, name=name)
    app = FastAPI(docs_url=None, redoc_url=None)
    app.include_router(router)
    return app.routes


def test_a_route_without_a_row_keeps_the_service_from_starting():
    with pytest.raises(ConfigError, match=r"'planted' \(/v1/planted\) has no row in serve/auth/policy.py"):
        require_rules(planted("planted", AuthorizedRoute), AuthorizedRoute)


def test_a_route_with_a_row_but_without_a_token_keeps_the_service_from_starting():
    require_rules(planted("latest_run", AuthorizedRoute), AuthorizedRoute)
    with pytest.raises(ConfigError, match=r"'latest_run' \(/v1/planted\) asks for no token"):
        require_rules(planted("latest_run", APIRoute), AuthorizedRoute)


OF_BRANCHES = {
    *("branch_figures", "bank_figures", "bank_page", "bank_figures_page", "branch_figures_page"),
    *("list_branches", "branch_summary"),
}

# Campaigns with their counts and effects, and what authors do; their customers are on routes of their own.
OF_CAMPAIGNS = {"list_campaigns", "one_campaign", "campaigns_page", "campaign_page"}
OF_AUTHORS = {
    *("preview_campaign", "create_campaign", "decide_campaign"),
    *("new_campaign_page", "create_campaign_page", "decide_campaign_page"),
}


@pytest.mark.parametrize("name", POLICY)
def test_nobody_sees_farther_than_the_role(name):
    """What each role may see at most, whatever the route."""
    most = {role: set(Reach) for role in (Role.CRM, Role.ADMIN)}
    most |= {Role.BRANCH_HEAD: {Reach.BRANCH, Reach.NONE}, Role.MANAGER: {Reach.OWN, Reach.NONE}}
    most |= {Role.HEAD_OFFICE: {Reach.NONE}}
    for role, grant in POLICY[name].grants.items():
        if name in OF_BRANCHES | OF_CAMPAIGNS | OF_AUTHORS and role in (Role.ANALYST, Role.HEAD_OFFICE):
            assert grant.reach is Reach.ALL  # no customer is in them
        elif role is Role.ANALYST:
            assert grant.reach is Reach.NONE or {"customer_id", "name"} <= grant.masked
        else:
            assert grant.reach in most[role]


REFUSED = {
    Role.CRM: {"status_page"},
    Role.ADMIN: set(),
    Role.BRANCH_HEAD: {
        *("opt_out", "withdraw_opt_out", "status_page", "common_list", "common_list_page"),
        *("common_customers_page", "common_workbook_file", "common_watched_page", "common_former_page"),
        *("bank_figures", "bank_page", "bank_figures_page"),
    },
    # Figures alone: no customer, no list, nothing recorded.
    Role.HEAD_OFFICE: {
        name
        for name, rule in POLICY.items()
        if any(grant.reach is not Reach.NONE for grant in rule.grants.values())
        and name not in OF_BRANCHES | OF_CAMPAIGNS | OF_AUTHORS
    }
    | {"status_page"},
    Role.MANAGER: {
        *("opt_out", "withdraw_opt_out", "branch_summary", "export_scores", "export_changes"),
        *("list_branches", "branch_list"),
        *("branches_page", "branch_page", "branch_list_page", "status_page", "common_list"),
        *("common_list_page", "common_customers_page", "branch_customers_page"),
        *("common_workbook_file", "branch_workbook_file", "branch_watched"),
        *("branch_watched_page", "common_watched_page", "branch_former"),
        *("branch_former_page", "common_former_page"),
        *(OF_BRANCHES | OF_AUTHORS | {"branch_portfolio_page"}),
        *("handovers_page", "accept_handover", "handover_file"),
    },
    Role.ANALYST: {
        *(
            "opt_out",
            "withdraw_opt_out",
            "record_contact",
            "record_outcome",
            "manager_page",
            "correction_page",
        ),
        *("record_contacts", "record_feedback"),
        *("customer_page", "branches_page", "branch_page", "branch_list_page", "status_page"),
        *("common_list_page", "common_customers_page", "branch_customers_page", "manager_customers_page"),
        *("find_customer", "common_workbook_file", "branch_workbook_file", "manager_workbook_file"),
        *("handovers_page", "accept_handover", "handover_file"),
        *("branch_portfolio_page", "manager_watched_page", "branch_watched_page", "common_watched_page"),
        *("manager_former_page", "branch_former_page", "common_former_page"),
        *(OF_AUTHORS | {"campaign_members_page", "campaign_workbook_file"}),
    },
}


@pytest.mark.parametrize("role", Role)
def test_a_role_may_not_call_what_is_not_its_work(role):
    assert {name for name, rule in POLICY.items() if role not in rule.grants} == REFUSED[role]
