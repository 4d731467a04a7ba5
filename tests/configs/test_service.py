"""The service starts with tokens it can trust or not at all, and never tells a secret."""

import base64
import secrets

import pytest
from pydantic import ValidationError

from configs.errors import ConfigError
from configs.service import load_service_settings

SECRET, AUDIT_KEY = secrets.token_hex(32), secrets.token_hex(32)
BANK = {
    "TOKEN_ISSUER": "https://login.bank.example",
    "TOKEN_AUDIENCE": "attrition",
    "TOKEN_JWKS": "https://login.bank.example/keys",
    "AUDIT_KEY": AUDIT_KEY,
}
DEMO = {"DEMO": "true", "TOKEN_KEY": SECRET, "AUDIT_KEY": AUDIT_KEY}
WEAK = {
    "missing": "",
    "short": secrets.token_hex(31),
    "one byte again and again": "00" * 32,
    "counting": bytes(range(32)).hex(),
    "a default": "changeme" * 8,
    "a sentence": base64.b64encode(b"please change me before you start").decode(),
    "hello": "hello",
}


@pytest.fixture
def set_variables(monkeypatch):
    def set_all(variables: dict[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(f"ATTRITION_{name}", value)

    return set_all


def test_settings_come_from_the_environment(set_variables):
    set_variables(DEMO | {"STORE": "sqlite:///elsewhere.db"})
    settings = load_service_settings()
    assert settings.token_secret.hex() == SECRET
    assert settings.store == "sqlite:///elsewhere.db"
    assert settings.issuer == "attrition-demo"
    told = repr(settings) + str(settings) + settings.model_dump_json()
    assert SECRET not in told
    assert AUDIT_KEY not in told
    with pytest.raises(ValidationError, match="frozen"):
        settings.store = "other"


def test_a_bank_names_its_identity_provider(set_variables):
    set_variables(BANK)
    settings = load_service_settings()
    assert settings.issuer == BANK["TOKEN_ISSUER"]
    with pytest.raises(ConfigError, match="only the demo signs tokens"):
        _ = settings.token_secret


def test_with_nothing_set_the_error_names_the_variables():
    with pytest.raises(ConfigError) as raised:
        load_service_settings()
    assert str(raised.value) == (
        "the service cannot start: ATTRITION_TOKEN_ISSUER, ATTRITION_TOKEN_JWKS not set. "
        "Name the bank's identity provider. docs/access.md says how tokens are set up."
    )


@pytest.mark.parametrize(
    ("variables", "name"), [(DEMO, "TOKEN_KEY"), (DEMO, "AUDIT_KEY"), (BANK, "AUDIT_KEY")]
)
@pytest.mark.parametrize("weak", WEAK.values(), ids=WEAK)
def test_a_weak_secret_is_refused_without_being_told(set_variables, variables, name, weak):
    set_variables(variables | {name: weak})
    with pytest.raises(ConfigError, match=f"ATTRITION_{name} is weak") as raised:
        load_service_settings()
    assert not weak or weak not in str(raised.value)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"TOKEN_KEY": SECRET}, "ATTRITION_TOKEN_KEY is for the demo only"),
        (BANK | {"TOKEN_KEY": SECRET}, "ATTRITION_TOKEN_KEY is for the demo only"),
        (BANK | DEMO, "beside an identity provider"),
        (BANK | {"DEMO": "true"}, "beside an identity provider"),
        (BANK | {"TOKEN_AUDIENCE": ""}, "ATTRITION_TOKEN_AUDIENCE not set"),
        (BANK | {"TOKEN_JWKS": "http://login.bank.example/keys"}, "neither an https address nor a path"),
    ],
)
def test_a_secret_outside_of_the_demo_and_half_an_identity_provider_are_refused(
    set_variables, variables, said
):
    set_variables(variables)
    with pytest.raises(ConfigError, match=said) as raised:
        load_service_settings()
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("link", "fits"),
    [
        ("", True),
        ("https://crm.bank.example/customers/{customer_id}", True),
        ("https://crm.bank.example:8443/#/c?id={customer_id}&tab=1", True),
        ("http://crm.bank.example/customers/{customer_id}", False),
        ("https://crm.bank.example/customers/", False),
        ("https://crm.bank.example/{customer_id}/{customer_id}", False),
        ("https://crm.bank.example/{number}/{customer_id}", False),
        ("https://{customer_id}.bank.example/", False),
        ("https://user@crm.bank.example/{customer_id}", False),
        ("javascript:alert('{customer_id}')", False),
        ("https://crm.bank.example/a b/{customer_id}", False),
    ],
)
def test_the_link_into_the_crm_is_an_https_address_with_the_number_behind_the_host(set_variables, link, fits):
    set_variables(DEMO | {"CRM_LINK": link})
    if fits:
        assert load_service_settings().crm_link == link
    else:
        with pytest.raises(ConfigError, match="ATTRITION_CRM_LINK is no https address"):
            load_service_settings()
