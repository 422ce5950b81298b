"""The numbered migrations of `sql/<dialect>/`: where they are, and which are still to be applied.

Found inside an installed package, else in the source checkout. Applying them is the store's duty.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from fundplatform.errors import WarehouseError


@dataclass(frozen=True)
class Migration:
    """One file: its name, its SQL, and the SHA-256 of its bytes."""

    name: str
    sql: str
    sha256: str


def sql_folder(dialect: str) -> Traversable:
    """`sql/<dialect>` of the installed package, else of the checkout.

    Raises:
        WarehouseError: Neither is there.
    """
    packaged = resources.files("fundplatform").joinpath("sql").joinpath(dialect)
    checkout = Path(__file__).resolve().parents[2] / "sql" / dialect
    for folder in (packaged, checkout):
        if folder.is_dir():
            return folder
    raise WarehouseError(dialect, "the folder sql/ is missing", "Install the package again")


def migrations(folder: Traversable) -> list[Migration]:
    """Every `.sql` file of the folder in order of its name (0001_..., 0002_...)."""
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    texts = [(f.name.removesuffix(".sql"), f.read_bytes()) for f in files]
    return [Migration(n, b.decode(), hashlib.sha256(b).hexdigest()) for n, b in texts]


def pending(every: list[Migration], applied: Mapping[str, str], warehouse: str) -> list[Migration]:
    """The migrations that the warehouse lacks.

    Args:
        every: `migrations(...)`.
        applied: Name -> SHA-256, from ops.migrations.
        warehouse: Its name, for the error.

    Raises:
        WarehouseError: An applied migration was changed since, or is unknown to this version.
    """
    known = {m.name: m.sha256 for m in every}
    for name, sha256 in applied.items():
        if name not in known:
            raise WarehouseError(
                warehouse,
                f"it has migration {name}, unknown to this version",
                "Upgrade the package",
            )
        if known[name] != sha256:
            raise WarehouseError(
                warehouse,
                f"migration {name} was changed after it was applied",
                "Put the file back and write the change as a new migration",
            )
    return [m for m in every if m.name not in applied]
