"""Refuses parts of a request before it is answered: its query, the types it sends and takes, its JSON."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from email.message import Message
from typing import Any, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from starlette.datastructures import Headers

from serve.http.problem_kinds import Refusal
from serve.http.problems import LONGEST_NAME, MOST_FAULTS, MOST_IN_DETAIL

JSON = "application/json"


class JsonRequest(Request):
    """A request whose body is read as RFC 8259 says, where Python's reader takes more."""

    async def json(self) -> Any:
        """Raises Refusal for what is no JSON, naming the place or the key."""
        body = await self.body()
        try:
            text = body.decode("utf-8-sig")  # a mark at its beginning is allowed to be there
            return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
        except UnicodeDecodeError as error:
            raise _malformed(f"The body is not UTF-8, at byte {error.start}.") from None
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise _malformed(f"The body is no JSON: {error.msg} ({place}).") from None
        except (ValueError, RecursionError):
            raise _malformed("The body nests too deeply, or has a number of too many digits.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise _malformed(f"The key {name[:LONGEST_NAME]!r} stands more than once in one object.")
    return content


def _no_number(name: str) -> Any:
    raise _malformed(f"{name} is no JSON number.")


def _malformed(detail: str) -> Refusal:
    return Refusal("malformed-json", detail)


def require_json(headers: Headers, body: bytes) -> None:
    """Raises Refusal 415 for a body that says to be something else, 400 for none."""
    if not body.strip():
        raise _malformed("The body is empty.")
    sent = Message()
    sent["content-type"] = headers.get("content-type", "")
    kind = sent.get_content_type() if headers.get("content-type") else ""
    charset = str(sent.get_param("charset", "utf-8")).lower()
    if kind != JSON and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Refusal("wrong-content-type", f"The body has to be {JSON}.", {"Accept": JSON})
    if charset not in ("utf-8", "utf8"):
        raise Refusal("wrong-content-type", "The body has to be in UTF-8.", {"Accept": JSON})
    if headers.get("content-encoding", "identity").lower() != "identity":
        detail = "The body has to be sent without compression."
        raise Refusal("wrong-content-type", detail, {"Accept-Encoding": "identity"})


def require_acceptable(headers: Headers, offered: Iterable[str]) -> None:
    """Raises Refusal 406 where the header Accept excludes every type that is offered."""
    weights = dict(_weights(",".join(headers.getlist("accept"))))
    names = list(offered)
    if weights and not any(_weight(name, weights) > 0 for name in names):
        raise Refusal("not-acceptable", f"This route answers with {' or '.join(names)}.")


def _weights(accept: str) -> Iterator[tuple[str, float]]:
    """The media ranges of Accept; what is none says nothing."""
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weight = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        if "/" in name:
            yield name, 0.0 if weight.strip("0.") == "" else 1.0


def _weight(name: str, weights: dict[str, float]) -> float:
    """By the most specific range that names it."""
    ranges = (name, f"{name.partition('/')[0]}/*", "*/*")
    return next((weights[text] for text in ranges if text in weights), 0.0)


def query_parameters(dependant: Dependant) -> dict[str, bool]:
    """The names of a route's query parameters, each with whether it may be there more than once."""
    fields = {
        field.alias: get_origin(field.field_info.annotation) in (list, tuple)
        for field in dependant.query_params
    }
    for inner in dependant.dependencies:
        fields |= query_parameters(inner)
    return fields


def require_known(names: Iterable[str], known: dict[str, bool]) -> None:
    """Raises Refusal 422 for a query parameter that the route does not have, or that is there too often."""
    faults = [
        {"parameter": name[:LONGEST_NAME], "detail": detail}
        for name, times in Counter(names).items()
        if (detail := _fault(name[:LONGEST_NAME], times, known))
    ]
    if faults:
        sentences = [f"query.{fault['parameter']}: {fault['detail']}" for fault in faults[:MOST_IN_DETAIL]]
        raise Refusal("unknown-parameter", "; ".join(sentences), faults=faults[:MOST_FAULTS])


def _fault(name: str, times: int, known: dict[str, bool]) -> str:
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known) or 'none'}"
        return f"this route has no such parameter; {hint}"
    return "" if times == 1 or known[name] else f"it may be there once, and is there {times} times"
