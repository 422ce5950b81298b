"""Several files as one, and the cache of what was parsed: by content, whole or not at all."""

import gzip
import hashlib
import io
import os
import shutil
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from fundplatform.errors import SourceError
from fundplatform.sources.base import Batch, Kind, newest_session
from fundplatform.sources.drop import files, inventory
from fundplatform_tests.sources.drops import FIRST, LAST, NOW, Drop

HEAD = "date,symbol,close\n"
YAML = "start: 2020-01-01\nend: 2020-12-31\n"
KRAKEN = "layout: kraken_ohlcvt\nstart: 2015-01-01\n"


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    return Drop(tmp_path)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were parsed, in order."""
    seen: list[str] = []
    real = inventory.parse
    monkeypatch.setattr(inventory, "parse", lambda n, b, c: (seen.append(n), real(n, b, c))[1])
    return seen


def counted(batch: Batch) -> Batch:
    assert batch.payloads["rows"].sum() == batch.rows.height + batch.rejected.height
    assert batch.rejected.select("payload_hash", "row_number").is_unique().all()
    assert batch.payloads["payload_hash"].is_unique().all()
    assert set(batch.rows["payload_hash"]) <= set(batch.payloads["payload_hash"])
    return batch


def closes(batch: Batch) -> list[tuple[object, ...]]:
    return batch.rows.select("session", "vendor_symbol", "close").rows()


def rejects(batch: Batch) -> list[tuple[object, ...]]:
    return batch.rejected.select("row_number", "rule", "reason").rows()


def test_files_unite(drop: Drop) -> None:
    drop.yaml(YAML).put("a.csv", HEAD + "2020-01-02,A,1\n").put(
        "sub/b.csv", HEAD + "2020-01-02,B,2\n"
    )
    batch = counted(drop.fetch())
    assert closes(batch) == [(date(2020, 1, 2), "A", 1.0), (date(2020, 1, 2), "B", 2.0)]
    assert sorted(batch.payloads["name"]) == ["a.csv", "sub/b.csv"]


def test_the_newest_file_wins(drop: Drop) -> None:
    drop.yaml(YAML)
    drop.put("z_old.csv", HEAD + "2020-01-02,A,1\n2020-01-03,A,1\n2020-01-06,A,9\n", age=60)
    drop.put("a_new.csv", HEAD + "2020-01-02,A,1\n2020-01-03,A,2\n")
    batch = counted(drop.fetch())
    assert batch.rows["close"].to_list() == [1.0, 2.0, 9.0]
    assert rejects(batch) == [
        (1, "duplicate", "a newer file says the same"),
        (2, "conflicting_duplicate", "a newer file says otherwise"),
    ]
    old = hashlib.sha256((drop.folder / "z_old.csv").read_bytes()).hexdigest()
    assert set(batch.rejected["payload_hash"]) == {old}
    assert batch.rejected["session"].to_list() == [date(2020, 1, 2), date(2020, 1, 3)]


def test_of_equally_old_files_the_last_name_wins(drop: Drop) -> None:
    drop.yaml(YAML).put("a.csv", HEAD + "2020-01-02,A,1\n").put("b.csv", HEAD + "2020-01-02,A,2\n")
    assert drop.fetch().rows["close"].to_list() == [2.0]


def test_kraken_increments_overlap(drop: Drop) -> None:
    drop.yaml(KRAKEN)
    drop.put("full/ETHUSD_1440.csv", "1438905600,1,1,1,1,1,1\n1438992000,2,2,2,2,2,2\n", age=60)
    drop.put("q3/ETHUSD_1440.csv", "1438992000,2,2,2,3,2,2\n1439078400,4,4,4,4,4,4\n")
    batch = counted(drop.fetch())
    assert batch.rows["close"].to_list() == [1.0, 3.0, 4.0]
    assert [r[1] for r in rejects(batch)] == ["conflicting_duplicate"]


def test_kraken_trades_of_a_day_come_from_one_file(drop: Drop) -> None:
    drop.yaml("layout: kraken_trades\nstart: 2015-01-01\n")
    first, second = "1672531436,90.54,1\n", "1672531440,90.55,1\n"
    other = "1672617836,91,1\n"
    drop.put("full/BCHEUR.csv", first + first + second + other, age=60)
    drop.put("q1/BCHEUR.csv", second + other)
    batch = counted(drop.fetch())
    assert batch.rows.select("session", "trade_id", "price").rows() == [
        (date(2023, 1, 1), 1, 90.55),
        (date(2023, 1, 2), 1, 91.0),
    ]
    assert [r[1] for r in rejects(batch)] == ["conflicting_duplicate"] * 3 + ["duplicate"]


def test_a_copied_table_counts_once(drop: Drop, parsed: list[str]) -> None:
    text = HEAD + "2020-01-02,A,1\n"
    drop.yaml(YAML).put("a.csv", text, age=60).put("copy.csv", text)
    batch = counted(drop.fetch())
    assert batch.rows.height == 1
    assert batch.rejected.is_empty()
    assert parsed == ["a.csv"]


def test_equal_files_of_two_symbols_are_both_read(drop: Drop) -> None:
    text = "date,close\n2020-01-02,1\nx,1\n"
    drop.yaml(YAML + "layout: per_symbol\n").put("a.us.txt", text).put("b.us.txt", text)
    batch = counted(drop.fetch())
    assert batch.rows["vendor_symbol"].to_list() == ["a.us", "b.us"]
    assert batch.payloads.select("name", "rows").rows() == [("a.us.txt, b.us.txt", 4)]
    assert batch.rejected["row_number"].to_list() == [2, 4]


def test_bad_files_among_good_ones_are_rejects(drop: Drop) -> None:
    drop.yaml(YAML + "layout: per_symbol\n").put("good.txt", "date,close\n2020-01-02,1\n")
    drop.put("empty1.txt", "").put("empty2.txt", "")
    drop.put("cut.txt.gz", gzip.compress(b"date,close\n2020-01-02,1\n", mtime=0)[:-9])
    batch = counted(drop.fetch())
    assert batch.rows.height == 1
    assert set(batch.rejected["rule"]) == {"unreadable_file"}
    reasons = sorted(batch.rejected["reason"])
    assert [r.split(" is ")[0] for r in reasons] == [
        "file cut.txt.gz",
        "file empty1.txt",
        "file empty2.txt",
    ]
    cut = hashlib.sha256((drop.folder / "cut.txt.gz").read_bytes()).hexdigest()
    of_cut = batch.rejected.filter(payload_hash=cut)
    assert of_cut.select("row_number", "session", "row").rows() == [(0, None, "{}")]


def test_all_bad_files_are_an_error(drop: Drop) -> None:
    drop.yaml(YAML).put("a.csv", "").put("b.csv", "")
    with pytest.raises(SourceError, match="zero bytes"):
        drop.fetch()


def test_no_file_is_an_error(drop: Drop) -> None:
    with pytest.raises(SourceError, match=r"Put one beside the source\.yaml"):
        drop.yaml(YAML).fetch()


def test_which_files_count(drop: Drop) -> None:
    good = HEAD + "2020-01-02,A,1\n"
    drop.yaml(YAML + "symbols: map.csv\n").put("map.csv", "vendor_symbol,symbol\nA,META\n")
    drop.put("README.md", "x").put(".hidden.csv", "x").put("next.csv.part", "x")
    drop.put(".git/x.csv", "x").put("a.csv", good)
    assert drop.fetch().payloads["name"].to_list() == ["a.csv"]
    drop.yaml(YAML + "files: 'in/*.csv'\n").put("in/b.csv", good)
    assert drop.fetch().payloads["name"].to_list() == ["in/b.csv"]


def test_slices_carry_the_rejects_of_their_sessions(drop: Drop) -> None:
    drop.yaml(YAML).put(
        "a.csv",
        HEAD
        + "2020-01-02,A,1\n2020-01-03,A,x\n2020-02-03,A,x\n2020-02-04,A,2\n"
        + "nonsense,A,1\n2019-01-01,A,1\n2021-01-01,A,1\n",
    )
    january = drop.fetch(date(2020, 1, 1), date(2020, 1, 31))
    assert january.rows["close"].to_list() == [1.0]
    assert january.rejected["row_number"].to_list() == [2, 5, 6, 7]
    february = drop.fetch(date(2020, 2, 1), date(2020, 2, 29))
    assert february.rows["close"].to_list() == [2.0]
    assert february.rejected["row_number"].to_list() == [3, 5, 6, 7]


def test_a_kind_it_has_not(drop: Drop) -> None:
    source = drop.yaml(YAML).source()
    with pytest.raises(SourceError, match="it has no fx"):
        source.fetch(Kind.FX, FIRST, LAST, now=NOW)
    with pytest.raises(SourceError, match="it has no trades"):
        source.listings(Kind.TRADES)


def test_an_unchanged_file_is_neither_read_nor_parsed_again(
    drop: Drop, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drop.yaml(YAML).put("a.csv", HEAD + "2020-01-02,A,1\n")
    first = drop.fetch()

    def no_reading(path: Path) -> None:
        raise AssertionError(f"{path} is read again")

    monkeypatch.setattr(inventory, "read_steady", no_reading)
    again = drop.fetch()
    assert again.rows.equals(first.rows)
    assert parsed == ["a.csv"]


def test_a_touched_file_is_read_but_not_parsed_again(drop: Drop, parsed: list[str]) -> None:
    drop.yaml(YAML).put("a.csv", HEAD + "2020-01-02,A,1\n", age=60).fetch()
    drop.put("a.csv", HEAD + "2020-01-02,A,1\n").fetch()
    assert parsed == ["a.csv"]


def test_new_content_and_new_keys_are_parsed(drop: Drop, parsed: list[str]) -> None:
    drop.yaml(YAML).put("a.csv", HEAD + "2020-01-02,A,1\n", age=60).fetch()
    changed = drop.put("a.csv", HEAD + "2020-01-02,A,2\n").fetch()
    assert changed.rows["close"].to_list() == [2.0]
    scaled = drop.yaml(YAML + "units: {close: 100}\n").fetch()
    assert scaled.rows["close"].to_list() == [200.0]
    drop.yaml(YAML + "units: {close: 100}\ntitle: only words\n").fetch()
    assert parsed == ["a.csv"] * 3


def test_one_source_object_sees_changes(drop: Drop) -> None:
    source = drop.yaml(YAML).put("a.csv", HEAD + "2020-01-02,A,1\n", age=60).source()
    assert source.fetch(Kind.OHLCV, FIRST, LAST, now=NOW).rows["close"].to_list() == [1.0]
    drop.put("b.csv", HEAD + "2020-01-03,A,2\n")
    assert source.fetch(Kind.OHLCV, FIRST, LAST, now=NOW).rows["close"].to_list() == [1.0, 2.0]
    (drop.folder / "a.csv").unlink()
    assert source.fetch(Kind.OHLCV, FIRST, LAST, now=NOW).rows["close"].to_list() == [2.0]


def test_fetched_at_is_when_the_content_was_seen_first(drop: Drop) -> None:
    drop.yaml(YAML).put("a.csv", HEAD + "2020-01-02,A,1\n")
    drop.fetch()
    source = drop.yaml(YAML + "adjustment: split\n").source()  # parsed again, seen before
    later = source.fetch(Kind.OHLCV, FIRST, LAST, now=NOW + timedelta(days=9))
    assert later.rows["fetched_at"].to_list() == [NOW]
    assert later.payloads["fetched_at"].to_list() == [NOW]


def test_listings_need_no_clock(drop: Drop) -> None:
    drop.yaml(YAML).put("a.csv", HEAD + "2020-01-02,A,1\n")
    assert drop.source().listings(Kind.OHLCV).height == 1
    # Nobody told the time, so the file's own stands.
    assert drop.fetch().payloads["fetched_at"].to_list() == [datetime(2030, 1, 1, tzinfo=UTC)]


def test_a_half_written_folder_is_never_used(drop: Drop, parsed: list[str]) -> None:
    drop.yaml(YAML).put("a.csv", HEAD + "2020-01-02,A,1\n")
    whole = drop.fetch()
    (kept,) = [p for p in (drop.payloads / "mine").iterdir() if p.is_dir()]
    (kept / "rows.parquet").write_bytes(b"PAR1")
    assert drop.fetch().rows.equals(whole.rows)
    (kept / "facts.json").unlink()
    assert drop.fetch().rows.equals(whole.rows)
    shutil.rmtree(kept)
    (drop.payloads / "mine" / "index.json").write_text("{")
    assert drop.fetch().rows.equals(whole.rows)
    assert parsed == ["a.csv"] * 4


def test_a_killed_run_leaves_nothing_that_counts(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop.yaml(YAML).put("a.csv", HEAD + "2020-01-02,A,1\n")
    real = pl.DataFrame.write_parquet

    def killed(frame: pl.DataFrame, path: Path, **options: object) -> None:
        real(frame.head(0), path)
        raise KeyboardInterrupt

    monkeypatch.setattr(pl.DataFrame, "write_parquet", killed)
    with pytest.raises(KeyboardInterrupt):
        drop.fetch()
    monkeypatch.undo()
    assert drop.fetch().rows.height == 1


def test_a_full_disk_is_named(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    drop.yaml(YAML).put("a.csv", HEAD + "2020-01-02,A,1\n")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(SourceError, match=r"No space left on device\. Free space there"):
        drop.fetch()


def test_a_payload_folder_that_cannot_be_made(drop: Drop) -> None:
    drop.yaml(YAML).put("a.csv", HEAD + "2020-01-02,A,1\n")
    drop.payloads.write_text("a file in its place")
    with pytest.raises(SourceError, match="make the folder writable"):
        drop.fetch()


def test_a_file_that_changes_while_it_is_read(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    drop.yaml(YAML).put("a.csv", HEAD + "2020-01-02,A,1\n")
    real, times = Path.read_bytes, []

    def growing(path: Path) -> bytes:
        if path.name != "a.csv":
            return real(path)
        content = real(path)
        times.append(len(times))
        if len(times) <= changes:
            with path.open("ab") as file:
                file.write(b"2020-01-0%d,A,1\n" % (len(times) + 2))
        return content

    monkeypatch.setattr(files.Path, "read_bytes", growing)
    changes = 2
    assert drop.fetch().rows.height == 3  # the third reading was steady
    changes, times[:] = 9, []
    os.utime(drop.folder / "a.csv", (1, 1))
    with pytest.raises(SourceError, match="changed while it was read"):
        drop.fetch()


def test_old_merges_are_cleared(drop: Drop) -> None:
    drop.yaml(YAML).put("a.csv", HEAD + "2020-01-02,A,1\n")
    for day in range(3, 8):
        drop.put(f"{day}.csv", HEAD + f"2020-01-0{day},A,{day}\n").fetch()
    assert len(list((drop.payloads / "mine").glob("merged-*"))) == 2
    assert drop.fetch().rows.height == 6


def bundle(**members: str) -> bytes:
    """A zip; `XBTUSD_1440="..."` is its member XBTUSD_1440.csv, in a folder as Kraken packs it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("master_q4/", "")
        for name, text in members.items():
            archive.writestr(f"master_q4/{name.replace('__', '.')}", text)
    return out.getvalue()


FULL = bundle(
    XBTUSD_1440__csv="1438905600,1,1,1,1,1,1\n1438992000,2,2,2,2,2,2\n",
    XBTUSD_60__csv="1438905600,7,7,7,7,7,7\n",
    ETHEUR_1440__csv="1438992000,5,5,5,5,5,5\n",
    README__txt="Thanks for downloading",
)
QUARTER = bundle(
    XBTUSD_1440__csv="1438992000,2,2,2,3,2,2\n1439078400,4,4,4,4,4,4\n",
    ETHEUR_1440__csv="1438992000,5,5,5,5,5,5\n1439078400,6,6,6,6,6,6\n",
)


def test_kraken_bundles_overlap(drop: Drop) -> None:
    drop.yaml(KRAKEN + 'members: "*_1440.csv"\n')
    drop.put("Kraken_OHLCVT.zip", FULL, age=60).put("Kraken_OHLCVT_Q4.zip", QUARTER)
    batch = counted(drop.fetch())
    assert closes(batch) == [
        (date(2015, 8, 7), "XBTUSD", 1.0),
        (date(2015, 8, 8), "ETHEUR", 5.0),
        (date(2015, 8, 8), "XBTUSD", 3.0),
        (date(2015, 8, 9), "ETHEUR", 6.0),
        (date(2015, 8, 9), "XBTUSD", 4.0),
    ]
    assert batch.rows.filter(vendor_symbol="ETHEUR")["quote"].to_list() == ["EUR", "EUR"]
    assert sorted(r[1] for r in rejects(batch)) == ["conflicting_duplicate", "duplicate"]
    assert batch.payloads.select("name", "rows").sort("name").rows() == [
        ("Kraken_OHLCVT.zip", 3),
        ("Kraken_OHLCVT_Q4.zip", 4),
    ]


def test_every_interval_of_a_bundle_and_no_notes(drop: Drop) -> None:
    drop.yaml(KRAKEN).put("Kraken_OHLCVT.zip", FULL)
    batch = counted(drop.fetch())
    assert sorted(batch.rows["interval"]) == ["1d", "1d", "1d", "1h"]


def test_an_unchanged_bundle_is_never_read_again(drop: Drop, parsed: list[str]) -> None:
    drop.yaml(KRAKEN).put("full.zip", FULL, age=60)
    drop.fetch()
    path = drop.folder / "full.zip"
    read: list[Path] = []
    real = files.read_steady
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inventory, "read_steady", lambda p: (read.append(p), real(p))[1])
        drop.fetch()
        assert read == []
        drop.put("q4.zip", QUARTER)
        drop.fetch()
    assert [p.name for p in read] == ["q4.zip"]
    assert parsed == ["full.zip", "q4.zip"]
    assert path.is_file()


def test_a_bundle_without_a_wanted_member_is_a_reject(drop: Drop) -> None:
    drop.yaml(KRAKEN + 'members: "*_1440.csv"\n').put("full.zip", FULL, age=60)
    drop.put("trades.zip", bundle(XBTUSD__csv="1438905600,1,1\n"))
    batch = counted(drop.fetch())
    assert [r[1] for r in rejects(batch)] == ["unreadable_file"]
    assert r"has no file like *_1440.csv in it" in rejects(batch)[0][2]  # type: ignore[operator]


def test_kraken_trade_bundles_overlap_by_session(drop: Drop) -> None:
    drop.yaml("layout: kraken_trades\nstart: 2015-01-01\n")
    first, second = "1672531436,90.54,1\n", "1672531440,90.55,1\n"
    drop.put("full.zip", bundle(BCHEUR__csv=first + second), age=60)
    drop.put("q1.zip", bundle(BCHEUR__csv=second + "1672617836,91,1\n"))
    batch = counted(drop.fetch())
    assert batch.rows["price"].to_list() == [90.55, 91.0]


def test_prices_of_days_to_come_are_refused_and_make_no_second_listing(drop: Drop) -> None:
    """A mistyped year: it was neither a row nor a reject, and a company of its own by the name.

    It is 2031-05-06: a week ahead may be a matter of time zones, a day more is not.
    """
    days = ("2031-05-05", "2031-05-13", "2031-05-14", "2041-05-06")
    content = HEAD + "".join(f"{day},A,1\n" for day in days)
    source = drop.yaml("start: 2020-01-01\n").put("a.csv", content).source()
    batch = counted(source.fetch(Kind.OHLCV, date(2031, 5, 5), date(2031, 5, 20), now=NOW))
    assert batch.rows["session"].to_list() == [date(2031, 5, 5), date(2031, 5, 13)]
    said = "is in the future"
    assert rejects(batch) == [
        (3, "unparseable", f"session 2031-05-14 {said}"),
        (4, "unparseable", f"session 2041-05-06 {said}"),
    ]
    assert batch.listings is not None
    stretches = batch.listings.select("symbol", "valid_from", "valid_to").rows()
    assert stretches == [("A", date(2031, 5, 5), date(2031, 5, 13))]
    assert newest_session(source, Kind.OHLCV, NOW) == date(2031, 5, 14)


def test_what_is_stated_ahead_waits_for_its_day(drop: Drop) -> None:
    rows = "session,symbol,value\n2031-05-05,CPI,1\n2041-05-06,CPI,2\n"
    source = drop.yaml("kind: economic\nstart: 2020-01-01\n").put("a.csv", rows).source()
    batch = source.fetch(Kind.ECONOMIC, FIRST, date(2031, 5, 20), now=NOW)
    assert batch.rows["value"].to_list() == [1.0]
    assert batch.rejected.is_empty()
    assert batch.listings is None
