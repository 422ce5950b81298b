"""Bodies of answers: once, whole, and on the disk before they have their name."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fundplatform.errors import SourceError
from fundplatform.sources.web import bodies as module
from fundplatform.sources.web.bodies import Bodies, holding, synced
from fundplatform.sources.web.profile import Reply

BODY = b'{"close": 1.5}'
REPLY = Reply(
    "https://v.test/x",
    200,
    {},
    BODY,
    hashlib.sha256(BODY).hexdigest(),
    datetime(2024, 1, 2, tzinfo=UTC),
)


def test_a_body_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, seen = Bodies(tmp_path / "bodies"), []
    final = kept.path(REPLY.digest)

    def noted(path: Path) -> None:
        seen.append((path.relative_to(tmp_path).as_posix().split(".")[0], final.exists()))
        synced(path)

    monkeypatch.setattr(module, "synced", noted)
    kept.put(REPLY)
    folder = f"bodies/{REPLY.digest[:2]}"
    # The bytes under another name, then the name, then the new folder's name.
    assert seen == [(f"{folder}/{REPLY.digest}", False), (folder, True), ("bodies", True)]
    assert kept.get(REPLY.digest, len(BODY)) == BODY
    kept.put(REPLY)
    assert len(seen) == 3, "it is there: nothing is written"


@pytest.mark.parametrize("bytes_", [b"", b"no zstd"], ids=["empty", "other"])
def test_a_damaged_body_is_written_again(tmp_path: Path, bytes_: bytes) -> None:
    kept = Bodies(tmp_path)
    kept.put(REPLY)
    kept.path(REPLY.digest).write_bytes(bytes_)
    with pytest.raises(SourceError, match=r"cannot be read|damaged"):
        kept.get(REPLY.digest, len(BODY))
    kept.put(REPLY)
    assert kept.get(REPLY.digest, len(BODY)) == BODY


def test_a_full_disk_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "synced", full)
    with pytest.raises(OSError, match="No space left"):
        Bodies(tmp_path).put(REPLY)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_fetches_hold_the_archive_together_and_a_prune_alone(tmp_path: Path) -> None:
    with holding(tmp_path, alone=False) as one, holding(tmp_path, alone=False) as two:
        assert one and two
        with holding(tmp_path, alone=True) as alone:
            assert not alone
    with holding(tmp_path, alone=True) as alone:
        assert alone
