"""The sandbox's core: calls, faults, clock, control API, and the process itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.core.ratelimit import FixedWindow
from sandbox.core.webhooks import standard_webhook_headers
from tests.contract.sandbox.community import THREAD, Community
from tests.contract.sandbox.workspace import NOW, Workspace
from tests.waiting import until

FAULTS = "/_sandbox/braze/faults"
TRACK = {"events": [{"external_id": "ann", "name": "viewed", "time": NOW}]}
ENOUGH_BYTES = 40 * 1024 * 1024  # more than any caller takes in
PROJECT_ROOT = Path(__file__).resolve().parents[3]


def plan(http: httpx.Client, **fault: Any) -> None:
    answer = http.post(FAULTS, json=fault)
    assert answer.status_code == 201, answer.text


def events_of_ann(workspace: Workspace) -> int:
    return len(workspace.user("ann")["events"])


def test_every_call_is_recorded_as_received_and_as_answered(http: httpx.Client) -> None:
    workspace = Workspace(http)
    workspace.call("POST", "/users/track", TRACK, params={"a": "1"}, headers={"x-test": "7"})
    workspace.call("GET", "/nowhere", key="wrong")
    track, nowhere = http.get("/_sandbox/braze/calls").json()
    assert (track["method"], track["path"], track["query"]) == ("POST", "/users/track", "a=1")
    assert track["body"] == TRACK
    assert track["headers"]["x-test"] == "7"
    assert track["headers"]["authorization"] == "Bearer braze-rest-key"
    assert (track["status"], track["answer"]["message"]) == (201, "success")
    assert (nowhere["status"], nowhere["n"]) == (404, track["n"] + 1)


def test_calls_are_filtered_by_method_path_and_number(http: httpx.Client) -> None:
    workspace = Workspace(http)
    workspace.post("/users/track", TRACK)
    workspace.call("GET", "/catalogs/products/items")
    workspace.post("/users/export/ids", {"external_ids": ["ann"]})

    def paths(query: str) -> list[str]:
        return [one["path"] for one in http.get(f"/_sandbox/braze/calls?{query}").json()]

    first = http.get("/_sandbox/braze/calls").json()[0]["n"]
    assert paths("method=get") == ["/catalogs/products/items"]
    assert paths("path_prefix=/users") == ["/users/track", "/users/export/ids"]
    assert paths(f"since={first}") == ["/catalogs/products/items", "/users/export/ids"]
    assert paths("limit=1") == ["/users/track"]
    assert http.get("/_sandbox/trading-grid/calls").json() == []


def test_a_status_fault_answers_instead_of_the_platform(http: httpx.Client) -> None:
    workspace = Workspace(http)
    headers = {"X-Ratelimit-Reset": "99"}
    plan(http, action="status", status=429, headers=headers, body={"message": "slow down"}, count=2)
    answers = [workspace.post("/users/track", TRACK) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 201]
    assert answers[0].headers["x-ratelimit-reset"] == "99"
    assert answers[0].json() == {"message": "slow down"}
    assert events_of_ann(workspace) == 1
    faults = [one["fault"] for one in http.get("/_sandbox/braze/calls").json()]
    assert faults == ["status", "status", None]


def test_timeout_after_accept_has_its_effect_and_no_answer(http: httpx.Client) -> None:
    workspace = Workspace(http)
    plan(http, action="timeout_after_accept", delay_s=30)
    with pytest.raises(httpx.ReadTimeout):
        workspace.call("POST", "/users/track", TRACK, timeout=0.3)
    plan(http, action="timeout_after_accept", delay_s=0.05)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        workspace.post("/users/track", TRACK)
    assert events_of_ann(workspace) == 2
    assert [one["status"] for one in http.get("/_sandbox/braze/calls").json()] == [None, None]


def test_a_reset_has_neither_effect_nor_answer(http: httpx.Client) -> None:
    workspace = Workspace(http)
    plan(http, action="reset")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        workspace.post("/users/track", TRACK)
    assert events_of_ann(workspace) == 0
    assert workspace.post("/users/track", TRACK).status_code == 201


def test_a_malformed_answer_follows_a_real_effect(http: httpx.Client) -> None:
    workspace = Workspace(http)
    plan(http, action="malformed")
    answer = workspace.post("/users/track", TRACK)
    assert answer.status_code == 201
    with pytest.raises(ValueError, match=r"."):
        answer.json()
    assert events_of_ann(workspace) == 1


def test_a_slow_call_is_answered_after_its_delay(http: httpx.Client) -> None:
    workspace = Workspace(http)
    plan(http, action="slow", delay_s=1.0)
    with pytest.raises(httpx.ReadTimeout):
        workspace.call("POST", "/users/track", TRACK, timeout=0.2)
    plan(http, action="slow", delay_s=0.05)
    assert workspace.post("/users/track", TRACK).status_code == 201


def test_an_endless_answer_follows_a_real_effect_until_the_caller_leaves(
    http: httpx.Client,
) -> None:
    workspace = Workspace(http)
    plan(http, action="endless")
    size = 0
    headers = {"authorization": "Bearer braze-rest-key"}
    with http.stream("POST", "/braze/users/track", json=TRACK, headers=headers) as answer:
        assert answer.status_code == 201
        for chunk in answer.iter_raw():
            size += len(chunk)
            if size > ENOUGH_BYTES:
                break
    assert events_of_ann(workspace) == 1


def test_a_fault_meets_only_the_calls_that_it_matches(http: httpx.Client) -> None:
    workspace = Workspace(http)
    plan(http, match={"method": "POST", "path_prefix": "/users"}, action="status", status=500)
    assert workspace.call("GET", "/catalogs/products/items").status_code == 200
    assert workspace.post("/users/track", TRACK).status_code == 500
    assert Community(http).call("GET", "/partners").status_code == 200


def test_a_fault_lets_the_first_calls_pass(http: httpx.Client) -> None:
    workspace = Workspace(http)
    plan(http, action="status", status=500, skip=2)
    statuses = [workspace.post("/users/track", TRACK).status_code for _ in range(4)]
    assert statuses == [201, 201, 500, 201]


def test_a_fault_by_probability_is_the_same_for_the_same_seed(http: httpx.Client) -> None:
    workspace = Workspace(http)

    def statuses(seed: int) -> list[int]:
        http.delete(FAULTS)
        plan(http, action="status", status=500, probability=0.5, seed=seed)
        return [workspace.post("/users/track", TRACK).status_code for _ in range(30)]

    first = statuses(1)
    assert statuses(1) == first
    assert statuses(2) != first
    assert {500, 201} == set(first)


def test_faults_are_listed_and_cleared(http: httpx.Client) -> None:
    workspace = Workspace(http)
    plan(http, action="status", count=5)
    workspace.post("/users/track", TRACK)
    (fault,) = http.get(FAULTS).json()
    assert (fault["left"], fault["hits"], fault["status"]) == (4, 1, 503)
    assert http.delete(FAULTS).status_code == 204
    assert workspace.post("/users/track", TRACK).status_code == 201


NONSENSE: tuple[dict[str, Any], ...] = (
    {},
    {"action": "explode"},
    {"action": "status", "colour": 1},
    {"action": "status", "status": 42},
    {"action": "status", "probability": 2},
    {"action": "slow", "delay_s": -1},
)


@pytest.mark.parametrize("fault", NONSENSE)
def test_a_fault_that_makes_no_sense_is_refused(http: httpx.Client, fault: dict[str, Any]) -> None:
    answer = http.post(FAULTS, json=fault)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert http.get(FAULTS).json() == []


def test_the_control_api_names_what_is_unknown(http: httpx.Client) -> None:
    for verb, path, status in (
        ("GET", "/_sandbox/myspace/calls", 404),
        ("GET", "/_sandbox/braze/state/gossip", 404),
        ("POST", "/_sandbox/braze/trigger/gossip", 404),
        ("GET", "/_sandbox/braze/calls?since=x", 400),
    ):
        answer = http.request(verb, path)
        assert answer.status_code == status, path
        assert answer.json()["error"]
    wrong: tuple[dict[str, Any], ...] = (
        {"gossip": 1},
        {"webhooks": {"speed": 1}},
        {"keys": []},
    )
    for body in wrong:
        assert http.post("/_sandbox/braze/configure", json=body).status_code == 400
    assert http.post("/_sandbox/braze/seed", json={"gossip": []}).status_code == 400
    assert http.post("/_sandbox/braze/seed", content="{").status_code == 400


def test_the_clock_moves_all_platforms(http: httpx.Client) -> None:
    before = http.get("/_sandbox/clock").json()["now_s"]
    http.post("/_sandbox/clock", json={"offset_s": 86_400})
    made = Community(http).made("/threads", THREAD)
    assert http.get("/_sandbox/clock").json()["now_s"] >= before + 86_400
    http.post("/_sandbox/clock", json={"offset_s": 0})
    assert made["created_at"] > Community(http).made("/documents", {"type": "po"})["created_at"]


def test_health_names_the_platforms(http: httpx.Client) -> None:
    answer = http.get("/_sandbox/health").json()
    assert {"braze", "trading-grid", "bigcommerce"} <= set(answer["platforms"])


def test_standard_webhook_headers_sign_with_every_secret() -> None:
    keys = [b"a" * 24, b"b" * 64]
    secrets = ["whsec_" + base64.b64encode(key).decode() for key in keys]
    headers = standard_webhook_headers(secrets, "msg_1", 1_700_000_000.9, b'{"a":1}')
    signed = b'msg_1.1700000000.{"a":1}'
    wanted = [
        "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys
    ]
    assert headers["webhook-id"] == "msg_1"
    assert headers["webhook-timestamp"] == "1700000000"
    assert headers["webhook-signature"].split(" ") == wanted


def test_a_fixed_window_refuses_beyond_its_limit_and_opens_again() -> None:
    window = FixedWindow(2, 10)
    takes = [window.take(101), window.take(105), window.take(109.9), window.take(110)]
    assert [one.allowed for one in takes] == [True, True, False, True]
    assert [one.remaining for one in takes] == [1, 0, 0, 1]
    assert [one.reset_at_s for one in takes] == [110, 110, 110, 120]


ORPHAN = """
import os, sys
from sandbox.process import start
with start() as sandbox:
    print(sandbox.pid, flush=True)
    os._exit(9)
"""


def _alive(pid: int) -> bool:
    """Whether the process still runs (a zombie does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_the_sandbox_dies_with_its_parent() -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc (Linux) to see whether a process runs")
    done = subprocess.run(
        [sys.executable, "-c", ORPHAN],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 9, done.stderr
    pid = int(done.stdout)
    until(lambda: not _alive(pid), "the orphaned sandbox has left")
