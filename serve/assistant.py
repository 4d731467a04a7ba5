"""A person's own assistant asks here, by the Model Context Protocol over stdin and stdout:
``python -m serve.assistant``.

It holds a token and the address of the service, and no data: every question is a request to the HTTP API, so
that rights, masks, rates and the access log are the service's. It only reads. Of an answer it passes on what
is named here; notes of contacts, and names and telephones of customers, are not.
"""

import base64
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

from pydantic import Field

from configs.errors import ConfigError
from configs.published import Language
from configs.service import AssistantSettings, load_assistant_settings
from serve.client import Client, ProblemError
from serve.texts.wording import Wording

if TYPE_CHECKING:  # the core of the service does without
    from mcp.server.mcpserver import MCPServer

MISSING = "the assistant needs the package mcp. Install it: pip install 'attrition-watch[mcp]'."
ATTEMPTS = 1  # a person is waiting, and asks again
RUN = ("snapshot_date", "run_id", "warning")
RISK = (
    *("customer_id", "rank", "part", "money_to_keep", "risk", "horizon_days", "risk_band", "money_at_risk"),
    *("aum", "tier", "lifecycle_stage", "change", "decision", "decision_text", "decision_until"),
    *("next_step", "status", "code", "explanation", "currency", "marketing_opt_out"),
)
REASON = ("title", "text", "strength")
MATURITY = ("customer_id", "product", "matures_on", "balance")
STAKE = ("customers", "high_risk", "listed", "aum", "money_at_risk")
_ANSWERS = {401: "unknown_caller", 403: "not_this_role", 404: "unknown", 422: "unknown", 429: "too_many"}

Number = Annotated[str, Field(max_length=64)]
Most = Annotated[int, Field(ge=1, le=100)]
Days = Annotated[int, Field(ge=1, le=90)]
Answer = dict[str, Any]


class NoAnswerError(Exception):
    """A question without an answer; says why, in the language of the question."""


def assistant(client: Client, claims: Mapping[str, Any], default: Language = "en") -> "MCPServer":
    """The server of one caller, by ``claims`` of the token, which say whose list is one's own.

    ``default`` is the language of descriptions, and of answers unless a question names one. Raises
    ConfigError without the package mcp.
    """
    try:
        from mcp.server.mcpserver import MCPServer
    except ImportError:
        raise ConfigError(MISSING) from None
    from mcp_types import ToolAnnotations

    words = Wording(default)
    server = MCPServer("attrition-watch", instructions=words("assistant.instructions"), log_level="WARNING")
    reads = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
    for question in _questions(client, claims, default):
        name = question.__name__
        title, description = (words(f"assistant.{name}.{part}") for part in ("title", "description"))
        server.tool(name, title, description, reads)(_with_refusals(question))
    return server


def _with_refusals(question: Callable[..., Answer]) -> Callable[..., Any]:
    """The question, whose refusal is an answer marked as an error."""
    from mcp_types import CallToolResult, TextContent

    @wraps(question)
    def answered(**arguments: Any) -> Answer | CallToolResult:
        try:
            return question(**arguments)
        except NoAnswerError as error:
            return CallToolResult(content=[TextContent(text=str(error))], is_error=True)

    return answered


def _questions(
    client: Client, claims: Mapping[str, Any], default: Language
) -> tuple[Callable[..., Answer], ...]:
    """The questions of a caller, each by the name of its tool; parameters and types are the tool's."""

    def number_of(claim: str, number: str, language: Language) -> str:
        number = number or str(claims.get(claim) or "")
        if not number:
            _refuse(language, f"no_{claim}")
        return number

    def my_list(manager_id: Number = "", limit: Most = 20, language: Language = default) -> Answer:
        asked = number_of("manager_id", manager_id, language)
        (page,) = _asked(language, lambda: [next(client.manager_list(asked, language, limit))])
        customers = [_customer(customer) for customer in page["customers"]]
        return _picked(page, (*RUN, "currency", "listed")) | {"customers": customers}

    def customer(customer_id: Number, language: Language = default) -> Answer:
        (answer,) = _asked(language, lambda: [client.risk(customer_id, "maturities", language=language)])
        return _picked(answer, RUN) | _customer(answer) | {"maturities": _due(answer)}

    def maturing(
        days: Days = 30, manager_id: Number = "", limit: Most = 50, language: Language = default
    ) -> Answer:
        asked = number_of("manager_id", manager_id, language)
        (page,) = _asked(language, lambda: [next(client.maturities(asked, days, limit))])
        more = page["next_cursor"] is not None
        return _picked(page, (*RUN, "currency")) | {"maturities": _due(page), "more": more}

    def branch_summary(branch_id: Number = "", language: Language = default) -> Answer:
        asked = number_of("branch_id", branch_id, language)
        pages = _asked(language, lambda: client.branch(asked))
        managers = [
            _picked(manager, ("manager_id", "name", *STAKE)) for page in pages for manager in page["managers"]
        ]
        return _picked(pages[0], (*RUN, "branch_id", "currency", *STAKE)) | {"managers": managers}

    return my_list, customer, maturing, branch_summary


def _asked(language: Language, ask: Callable[[], Iterable[Any]]) -> list[Answer]:
    """The answers of the service as plain JSON. Raises NoAnswerError for what it refuses."""
    try:
        return [answer.model_dump(mode="json") for answer in ask()]
    except ProblemError as problem:
        _refuse(language, _ANSWERS.get(problem.status, "unreachable"))
    except ConfigError:
        _refuse(language, "unknown_caller")
    except OSError:
        _refuse(language, "unreachable")


def _refuse(language: Language, key: str) -> NoReturn:
    raise NoAnswerError(Wording(language)(f"assistant.{key}"))


def _customer(answer: Answer) -> Answer:
    reasons = [_picked(reason, REASON) for reason in answer.get("reasons") or ()]
    return _picked(answer, RISK) | {"reasons": reasons}


def _due(answer: Answer) -> list[Answer]:
    return [_picked(maturity, MATURITY) for maturity in answer["maturities"] or ()]


def _picked(answer: Answer, names: Iterable[str]) -> Answer:
    return {name: answer[name] for name in names if answer.get(name) is not None}


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token, which only the service verifies. Raises ConfigError for what is no token."""
    try:
        part = token.split(".")[1]
        return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))
    except (IndexError, ValueError, TypeError):
        raise ConfigError("ATTRITION_TOKEN holds no token (JWT). Get one from the bank.") from None


def main(settings: AssistantSettings) -> None:
    """Answers until stdin ends. Raises ConfigError."""
    client = Client(settings.address, settings.read_token, tries=ATTEMPTS)
    assistant(client, claims_of(settings.read_token()), settings.language).run()


if __name__ == "__main__":
    try:
        main(load_assistant_settings())
    except ConfigError as error:
        sys.exit(str(error))
