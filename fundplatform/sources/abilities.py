"""What a source may be able to say besides: that its data changed, how much it is, who writes now.

Protocols that a source implements by having the methods; whoever asks looks with `isinstance`. What
every source is stands in `base.py`.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Protocol, runtime_checkable

from fundplatform.sources.base import Kind


@runtime_checkable
class Changing(Protocol):
    """A source whose data may change behind what was fetched: files that people put somewhere."""

    def marks(self, kind: Kind) -> Mapping[str, str]:
        """Every payload and a mark of what it holds; equal marks mean equal rows.

        It costs little where nothing changed.

        Raises:
            SourceError: A payload cannot be read.
        """
        ...

    def touched(self, kind: Kind, before: Collection[str], now: datetime) -> frozenset[date] | None:
        """The sessions whose rows differ between the payloads of these marks and the present ones.

        Args:
            kind: A partitioned one of `spec.kinds`.
            before: Earlier values of `marks`.
            now: The clock; as in `Source.fetch`.

        Returns:
            Sessions (days with rows, open or not); None where it cannot be told.

        Raises:
            SourceError: As `Source.fetch`.
        """
        ...


@runtime_checkable
class Sized(Protocol):
    """A source that can say about how many rows it has, so that a run is given enough of them."""

    def about(self, kind: Kind) -> int:
        """Rows of the kind in the whole coverage, rather too many than too few; nothing is parsed.

        Raises:
            SourceError: The source cannot be read.
        """
        ...


@runtime_checkable
class Watched(Changing, Protocol):
    """A source whose payloads someone may be writing at this moment."""

    def stamps(self) -> Mapping[str, tuple[int, int]]:
        """Every payload with its size and modification time; reads none of them.

        Two equal looks some time apart mean that nobody is writing.

        Raises:
            SourceError: A payload cannot be looked at.
        """
        ...

    def set_aside(self) -> list[str]:
        """Move payloads out of the way that were read and of which nothing can be used.

        Returns:
            Where they are now, each with a note beside it that says why.

        Raises:
            SourceError: They cannot be moved.
        """
        ...
