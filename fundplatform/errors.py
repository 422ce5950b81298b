"""The few error families of the platform.

Each error carries its facts as attributes and says in its message what to do next. A row that is
merely bad is no error: it is rejected with a reason (see `finance/rules.py` and `raw.rejected`).
"""


class FundplatformError(Exception):
    """Base of every error that the platform raises on purpose."""


class ConfigError(FundplatformError):
    """A setting, a source.yaml or an index definition is wrong; names the key and the file."""

    def __init__(self, where: str, key: str | None, problem: str, remedy: str) -> None:
        """Name the file (`where`), the `key` in it, the `problem` and the line to write."""
        self.where, self.key, self.problem, self.remedy = where, key, problem, remedy
        at = f"{where}: " if key is None else f"{where}: {key or repr(key)}: "
        super().__init__(f"{at}{problem}. {remedy}")


class SourceError(FundplatformError):
    """A source could not deliver: unreadable file, truncated payload, changed while read."""

    def __init__(self, source: str, problem: str, remedy: str) -> None:
        """Name the `source`, the `problem` and the `remedy`."""
        self.source, self.problem, self.remedy = source, problem, remedy
        super().__init__(f"source {source}: {problem}. {remedy}")


class SchemaError(FundplatformError):
    """A frame does not fit its table: missing or unknown column, wrong type, doubled key."""

    def __init__(self, table: str, problem: str, remedy: str) -> None:
        """Name the `table`, the `problem` and the `remedy`."""
        self.table, self.problem, self.remedy = table, problem, remedy
        super().__init__(f"table {table}: {problem}. {remedy}")


class WarehouseError(FundplatformError):
    """The warehouse cannot be opened, read or written; says who holds it or what is missing."""

    def __init__(self, warehouse: str, problem: str, remedy: str) -> None:
        """Name the `warehouse` (never with a password), the `problem` and the `remedy`."""
        self.warehouse, self.problem, self.remedy = warehouse, problem, remedy
        super().__init__(f"warehouse {warehouse}: {problem}. {remedy}")
