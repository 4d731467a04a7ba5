"""Executors reach each other and nobody else; what they send arrives; LightGBM's sums are those of all."""

import json
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from configs.errors import DataError
from pipeline.training import exchange
from pipeline.training.exchange import Exchange, connected


def together(count: int, work: Callable[[Exchange], Any], stranger: Callable[[Any], None] | None = None):
    """Results or errors of ``work`` on each of so many executors; ``stranger`` gets the addresses first."""
    places: list[Any] = [None] * count
    results: list[Any] = [None] * count
    ready = threading.Barrier(count, lambda: stranger(places) if stranger else None)

    def run(number: int) -> None:
        def gather(value: Any) -> list[Any]:
            places[number] = json.loads(json.dumps(value))
            ready.wait(20)
            return places

        try:
            with connected("127.0.0.1", number, gather) as made:
                results[number] = work(made)
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_each_gets_its_part_of_everybody():
    parts = together(3, lambda at: at.send_all([b"%d to %d" % (at.number, k) for k in range(3)]))
    assert parts[1] == [b"0 to 1", b"1 to 1", b"2 to 1"]
    assert together(2, lambda at: at.gather((at.number, 0.1))) == [[[0, 0.1], [1, 0.1]]] * 2


def test_a_large_message_arrives_whole_in_both_directions():
    large = bytes(range(256)) * 40_000
    assert together(2, lambda at: at.send_all([large, large[::-1]])) == [[large, large], [large[::-1]] * 2]


@pytest.mark.parametrize(
    "words", [b"", b"GET / HTTP/1.0\r\n\r\n", b"\x00\x00\x00\x00", "closed", "other key"]
)
def test_strangers_who_connect_first_are_sent_away(words, monkeypatch):
    monkeypatch.setattr(exchange, "SILENT_SECONDS", 0.3)
    held = []

    def stranger(places: list[Any]) -> None:
        for address, port, _ in places:
            plain = socket.create_connection((address, port))
            held.append(plain)
            if words == "closed":
                plain.close()
            elif words == "other key":
                _, _, context = exchange._make_certificate()
                context.load_verify_locations(cadata="".join(each[2] for each in places))
                threading.Thread(target=shake, args=(context, plain), daemon=True).start()
            else:
                plain.sendall(words)

    def shake(context: ssl.SSLContext, plain: socket.socket) -> None:
        with suppress(OSError), closing(context.wrap_socket(plain)) as secure:
            secure.recv(1)

    assert together(2, lambda at: at.gather(at.number), stranger) == [[0, 1], [0, 1]]
    for plain in held:
        plain.close()


def test_one_out_of_reach_is_a_sentence_in_time(monkeypatch):
    monkeypatch.setattr(exchange, "CONNECT_SECONDS", 1)

    def gather(value: Any) -> list[Any]:
        return [value, ("127.0.0.1", 9, value[2])]  # nobody listens at the port "discard"

    with (
        pytest.raises(
            DataError, match=r"executor 0 at 127.0.0.1 and the others \(127.0.0.1:9\) do not reach"
        ),
        connected("127.0.0.1", 0, gather),
    ):
        pass


def test_a_key_of_another_executor_is_no_key(monkeypatch):
    """A certificate is compared with the one of the executor that was called, not with all of them."""
    monkeypatch.setattr(exchange, "CONNECT_SECONDS", 2)

    def crossed(places: list[Any]) -> None:
        places[1] = [*places[1][:2], places[0][2]]  # executor 1 is called by the certificate of executor 0

    results = together(2, lambda at: at.number, crossed)
    assert any("do not reach each other" in str(each) for each in results)


def test_lightgbm_adds_up_the_rows_of_all_machines():
    random = np.random.default_rng(7)
    features = np.round(random.normal(size=(4000, 5)), 2)
    gone = (features[:, 0] - features[:, 1] + random.normal(size=4000) > 1).astype(np.int8)
    params = {
        "objective": "binary", "num_leaves": 7, "min_data_in_leaf": 50, "deterministic": True,
        "force_col_wise": True, "num_threads": 1, "verbosity": -1, "max_bin": 63,
    }  # fmt: skip

    def fit(at: Exchange) -> str:
        rows = slice(at.number, None, 2)
        given = params | {"tree_learner": "data", "num_machines": 2}
        with at.of_lightgbm():
            return lgb.train(given, lgb.Dataset(features[rows], gone[rows]), 10).model_to_string()

    first, second = together(2, fit)
    assert first == second
    alone = lgb.train(params, lgb.Dataset(features, gone), 10)
    both = lgb.Booster(model_str=first)
    counts = [each.trees_to_dataframe()["count"].iloc[0] for each in (alone, both)]
    assert counts == [4000, 4000]
    assert np.corrcoef(alone.predict(features), both.predict(features))[0, 1] > 0.99
