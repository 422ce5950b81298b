"""The requests of a vendor: failures by kind, retries, keys, paging, against a real loopback."""

import gzip
import hashlib
import json as _json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from fundplatform.sources.web.client import HttpWeb, Patience
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.profile import Profile, Rate, Refusal, Reply
from fundplatform.sources.web.transport import RequestsTransport, Timeouts
from fundplatform_tests.sources.vendor_server import Script, Vendor, json, serving

KEY = 'k/3+y "t0p=' + "s3cret"
NOW = datetime(2026, 1, 5, 12, 0, 0, tzinfo=UTC)


def classify(reply: Reply) -> Refusal | None:
    if b'"Note"' in reply.body:
        return Refusal(Failure.QUOTA_EXHAUSTED, "the vendor says: Note", "Wait until tomorrow")
    return None


PROFILE = Profile(
    "acme", "https://api.acme.test", classify, (Rate(5, 60.0),), "ACME_API_KEY", key_param="apiKey"
)


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with serving() as running:
        yield running


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def make(vendor: Vendor, slept: list[float]) -> Callable[..., HttpWeb]:
    def given(profile: Profile = PROFILE, **changes: object) -> HttpWeb:
        settings: dict[str, object] = {
            "key": KEY,
            "base_url": vendor.url,
            "transport": RequestsTransport(Timeouts(1, 1, 2), profile.max_bytes),
            "sleep": slept.append,
            "jitter": lambda: 0.0,
            **changes,
        }
        return HttpWeb(profile, lambda: NOW, **settings)  # type: ignore[arg-type]

    return given


def failure(web: HttpWeb, path: str = "/x") -> VendorError:
    with pytest.raises(VendorError) as caught:
        web.get(path, {"symbol": "A"})
    assert caught.value.__cause__ is None, "a chained error would show the address with the key"
    assert KEY not in str(caught.value)
    return caught.value


def test_a_good_answer(vendor: Vendor, make: Callable[..., HttpWeb]) -> None:
    vendor.on("/x", json({"a": 1}))
    reply = make().get("/x", {"symbol": "BRK/B"})
    assert (reply.status, reply.body) == (200, b'{"a": 1}')
    assert reply.digest == hashlib.sha256(b'{"a": 1}').hexdigest()
    assert reply.fetched_at == NOW
    assert reply.url == f"{vendor.url}/x?symbol=BRK%2FB"
    assert vendor.asked[0].params == {"symbol": "BRK/B", "apiKey": KEY}


def test_the_key_in_a_header(vendor: Vendor, make: Callable[..., HttpWeb]) -> None:
    profile = Profile(
        "acme",
        "https://a.test",
        classify,
        (),
        "K",
        key_header="Authorization",
        key_prefix="Bearer ",
    )
    vendor.on("/x", json({}))
    make(profile).get("x")
    assert vendor.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert vendor.asked[0].params == {}


@pytest.mark.parametrize(
    ("script", "kind", "calls"),
    [
        (json({}, 500), Failure.TRANSIENT, 4),
        (json({}, 401), Failure.AUTH, 1),
        (json({}, 403), Failure.NOT_ENTITLED, 1),
        (json({}, 404), Failure.SCHEMA_CHANGED, 1),
        (json({}, 302, location="http://elsewhere.test/"), Failure.SCHEMA_CHANGED, 1),
        (json({}, 429), Failure.RATE_LIMITED, 4),
        (json({"Note": "25 a day"}), Failure.QUOTA_EXHAUSTED, 1),
        (json({"Note": "25 a day"}, 503), Failure.QUOTA_EXHAUSTED, 1),
        (Script(b'{"a": 12345}', cut=5), Failure.TRUNCATED, 4),
        (Script(b'{"a": 1', headers={"Content-Length": "7"}), Failure.TRUNCATED, 4),
        (Script(b""), Failure.TRUNCATED, 4),
        (Script(reset=True), Failure.TRANSIENT, 4),
        (Script(b"[" + b" " * 100 + b"]", drip=0.1), Failure.TRANSIENT, 1),
        (
            Script(gzip.compress(b"[]" * 9)[:-4], headers={"content-encoding": "gzip"}),
            Failure.TRUNCATED,
            4,
        ),
    ],
)
def test_each_failure_has_its_kind(
    vendor: Vendor, make: Callable[..., HttpWeb], script: Script, kind: Failure, calls: int
) -> None:
    vendor.on("/x", script)
    web = make(patience=Patience(attempts=1)) if script.drip else make()
    assert failure(web).failure is kind
    assert len(vendor.asked) == calls


def test_a_retry_may_succeed_and_backs_off(
    vendor: Vendor, make: Callable[..., HttpWeb], slept: list[float]
) -> None:
    vendor.on("/x", json({}, 503), Script(reset=True), json({"ok": 1}))
    assert make().get("/x").body == b'{"ok": 1}'
    assert slept == [0.5, 1.0], "1 and 2 s, halved by a jitter of zero"


def test_retry_after_in_seconds_and_as_a_date(
    vendor: Vendor, make: Callable[..., HttpWeb], slept: list[float]
) -> None:
    date = "Mon, 05 Jan 2026 12:01:30 GMT"
    vendor.on("/x", json({}, 429, retry_after="7"), json({}, 429, retry_after=date), json({}))
    make().get("/x")
    assert slept == [7.0, 90.0]


def test_without_retry_after_the_shortest_window_is_waited_for(
    vendor: Vendor, make: Callable[..., HttpWeb], slept: list[float]
) -> None:
    vendor.on("/x", json({}, 429), json({}))
    make().get("/x")
    assert slept == [60.0]


def test_a_retry_after_of_hours_ends_the_fetch_at_once(
    vendor: Vendor, make: Callable[..., HttpWeb], slept: list[float]
) -> None:
    vendor.on("/x", json({}, 429, retry_after="86400"))
    assert failure(make()).retry_after == 86400
    assert slept == []


def test_paging_links_of_the_same_host_are_followed_with_the_key_again(
    vendor: Vendor, make: Callable[..., HttpWeb]
) -> None:
    vendor.on("/v3/next", json({}))
    web = make()
    for link in (f"{vendor.url}/v3/next?cursor=c1", "https://api.acme.test/v3/next?cursor=c1"):
        reply = web.get(link)
        assert reply.url == f"{vendor.url}/v3/next?cursor=c1"
        assert vendor.asked[-1].params == {"cursor": "c1", "apiKey": KEY}


@pytest.mark.parametrize(
    "link",
    ["https://evil.test/v3?c=1", "http://api.acme.test/v3", "https://api.acme.test.evil.test/"],
)
def test_links_to_other_hosts_are_not_followed(
    vendor: Vendor, make: Callable[..., HttpWeb], link: str
) -> None:
    assert failure(make(), link).failure is Failure.SCHEMA_CHANGED
    assert vendor.asked == []


def test_a_body_that_is_too_large_is_not_read(vendor: Vendor, make: Callable[..., HttpWeb]) -> None:
    small = Profile("acme", "https://a.test", classify, (), max_bytes=100)
    bomb = gzip.compress(b"0" * 10**6)
    for body, headers in ((b"0" * 101, {}), (bomb, {"content-encoding": "gzip"})):
        vendor.on("/x", Script(body, headers=headers))
        assert failure(make(small)).failure is Failure.SCHEMA_CHANGED


def test_gzip_is_unpacked(vendor: Vendor, make: Callable[..., HttpWeb]) -> None:
    packed = gzip.compress(_json.dumps({"a": [1] * 1000}).encode())
    vendor.on("/x", Script(packed, headers={"content-encoding": "gzip"}))
    assert _json.loads(make().get("/x").body) == {"a": [1] * 1000}


def test_the_key_is_in_no_log_error_or_repr(
    vendor: Vendor, make: Callable[..., HttpWeb], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vendor.on("/x", json({}, 503), Script(reset=True), json({}, 401))
    web = make()
    error = failure(web)
    assert vendor.asked[0].params["apiKey"] == KEY, "else this test proves nothing"
    said = "\n".join([caplog.text, str(error), repr(error), repr(web), str(error.__context__)])
    assert "/x" in caplog.text
    for spelling in (KEY, "s3cret", "k%2F3"):
        assert spelling not in said


def test_a_key_that_begins_with_another_vendors_is_in_no_log(
    vendor: Vendor, make: Callable[..., HttpWeb], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vendor.on("/x", json({}, 401))
    make(key="begins-alike")
    failure(make(key="begins-alike-and-goes-on"))
    assert "/x" in caplog.text
    assert "goes-on" not in caplog.text
