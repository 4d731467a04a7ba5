"""The rights that docs/store.md and docs/access.md give to the service's account on PostgreSQL are
enough."""

import re
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from fastapi.testclient import TestClient
from sqlalchemy.engine import make_url

from serve.app import create_app
from serve.pages.session import SEALED
from tests.serve.conftest import demo_service

pytestmark = pytest.mark.either_store("postgresql")

DOCS = Path(__file__).parents[2] / "docs"
PASSWORD = "only-for-this-test"


def granted(name):
    """The SQL of a document."""
    (sql,) = re.findall(r"```sql\n(.*?)```", (DOCS / name).read_text("utf-8"), re.DOTALL)
    return sql.replace("LOGIN", f"LOGIN PASSWORD '{PASSWORD}'")


@pytest.fixture
def reader(store_url, bearer):
    """The service under the account attrition_reader, whose access log was made by the owner."""
    with TestClient(create_app(demo_service(store_url)), headers=bearer("crm")) as owner:
        assert owner.get("/v1/customers/c1/risk").status_code == 200
    address = make_url(store_url)
    with psycopg.connect(address.set(drivername="postgresql").render_as_string(hide_password=False)) as own:
        own.execute(granted("store.md"))
        own.execute(granted("access.md"))
        own.commit()
        small = address.set(username="attrition_reader", password=PASSWORD)
        with TestClient(
            create_app(demo_service(small.render_as_string(hide_password=False))), headers=bearer("crm")
        ) as client:
            yield client
        own.execute("DROP OWNED BY attrition_reader; DROP ROLE attrition_reader")
        own.commit()


@pytest.mark.usefixtures("published")
def test_the_service_reads_and_records_with_these_rights_and_changes_no_score(request, store_url):
    reader = request.getfixturevalue("reader")
    today = datetime.now(UTC).date().isoformat()
    sent = {"customer_id": "c1", "manager_id": "M1", "outcome": "no_contact"}
    assert reader.post("/v1/contacts", json=sent, headers={"Idempotency-Key": "k"}).status_code == 201
    found = reader.get("/v1/customers/c1/risk?include=contacts&include=history&include=maturities").json()
    assert today <= found["opted_out_since"] <= datetime.now(UTC).date().isoformat()
    assert reader.delete("/v1/customers/c1/opt-out").status_code == 200
    assert reader.get("/v1/exports/scores").status_code == 200
    cookie = reader.headers["Cookie"].partition("=")[2]
    form = {"seal": reader.app.state.forms.seal(SEALED, cookie), "manager": "M9"}
    accepted = reader.post("/branches/B1/handovers", data=form, follow_redirects=False)
    assert "Accepted by the crm" in reader.get(accepted.headers["location"]).text
    assert reader.get("/branches/B1/handovers/file?manager=M9").text.splitlines()[1] == "c3,B1,M9,M1"
    small = make_url(store_url).set(drivername="postgresql", username="attrition_reader", password=PASSWORD)
    for forbidden in ("DELETE FROM scores", "UPDATE contacts SET note = ''", "UPDATE audit SET actor = ''"):
        with (
            psycopg.connect(small.render_as_string(hide_password=False)) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(forbidden)
