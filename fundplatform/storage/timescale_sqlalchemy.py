"""The PostgreSQL warehouse for whoever speaks SQLAlchemy: notebooks, pandas, dashboards.

The platform's own reads and writes do not pass here (`timescale.py`). In: the warehouse's address.
Out: an engine that only reads, the declared tables, and the marts as the server describes them.
"""

from typing import Any

import sqlalchemy as db
from sqlalchemy.pool import NullPool

from fundplatform.storage import ddl
from fundplatform.storage.timescale_connect import Address
from fundplatform.tables import Column, Type

_TYPES: dict[Type, db.types.TypeEngine[Any]] = {
    "int16": db.SmallInteger(),
    "int32": db.Integer(),
    "int64": db.BigInteger(),
    "float64": db.Double(),
    "text": db.Text(collation="C"),
    "date": db.Date(),
    "timestamp": db.TIMESTAMP(timezone=True),
    "bool": db.Boolean(),
}


def sqlalchemy_url(url: str) -> db.URL:
    """The address as SQLAlchemy and the tools built on it want it; its text hides the password.

    Raises:
        ConfigError: It is no PostgreSQL URL.
    """
    given = dict(Address.parse(url).parameters)
    port = given.pop("port", None)
    return db.URL.create(
        "postgresql+psycopg",
        username=given.pop("user", None),
        password=given.pop("password", None),
        host=given.pop("host", None),
        port=int(port) if port else None,
        database=given.pop("dbname", None),
        query=given,
    )


def reading_engine(url: str) -> db.Engine:
    """An engine whose transactions cannot write; a connection is opened per use.

    Raises:
        ConfigError: It is no PostgreSQL URL.
    """
    made = db.create_engine(
        sqlalchemy_url(url),
        poolclass=NullPool,
        connect_args={"application_name": "fundplatform reads", "prepare_threshold": None},
    )
    return made.execution_options(postgresql_readonly=True)


def declared() -> db.MetaData:
    """Every table of `tables.py` with its ledger: columns, exact types, primary keys, texts."""
    found = db.MetaData()
    for table in ddl.all_tables():
        keys = ddl.primary_key(table)
        db.Table(
            table.name,
            found,
            *(_column(column) for column in table.columns),
            *([db.PrimaryKeyConstraint(*keys)] if keys else []),
            schema=table.schema,
            comment=table.doc,
        )
    return found


def marts(engine: db.Engine) -> db.MetaData:
    """The views of schema `marts`, as the server describes them to this login."""
    found = db.MetaData()
    found.reflect(engine, schema="marts", views=True)
    return found


def _column(column: Column) -> db.Column[object]:
    return db.Column(
        column.name,
        _TYPES[column.type],
        autoincrement=False,
        nullable=column.nullable,
        comment=column.doc,
    )
