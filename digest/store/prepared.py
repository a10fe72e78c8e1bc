"""Core statements whose text is made once, for the ledger's hot path, run on the driver's own cursor.

SQLAlchemy's accounting for a statement costs ten times what SQLite needs to run it. The statements stay
Core's, one for both databases; only their execution goes past it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.sql.elements import BindParameter
from sqlmodel import Session


class Hand(NamedTuple):
    """A transaction as the driver has it: its cursor, and the dialect that it speaks."""

    cursor: DBAPICursor
    dialect: sa.Dialect


def hand(session: Session) -> Hand:
    """Give the cursor beneath a session, in the same transaction."""
    connection = session.connection()
    return Hand(connection.connection.cursor(), connection.dialect)


class Prepared:
    """A statement for one dialect. Values go in by the names of its bind parameters, rows come out raw.

    `columns` are those that an insert takes values for, by their own names.
    """

    def __init__(
        self,
        statement: sa.UpdateBase | sa.Select[Any],
        dialect: sa.Dialect,
        *,
        columns: Sequence[str] | None = None,
    ) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=columns)
        assert isinstance(compiled, sa.sql.compiler.SQLCompiler)
        self.text = str(compiled)
        self._positions: list[str] | None = compiled.positiontup
        self._fixed = {
            name: convert(bind.value) if (convert := _processor(bind, dialect)) else bind.value
            for name, bind in compiled.binds.items()
            if not bind.required
        }
        self._converted = {
            name: convert
            for name, bind in compiled.binds.items()
            if bind.required and (convert := _processor(bind, dialect))
        }

    def execute(self, cursor: DBAPICursor, values: Mapping[str, Any]) -> DBAPICursor:
        """Run it once; give the cursor."""
        cursor.execute(self.text, self._arranged(values))
        return cursor

    def _arranged(self, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as its dialect has it
        filled = {**self._fixed, **values}
        for name, convert in self._converted.items():
            filled[name] = convert(filled[name])
        return filled if self._positions is None else [filled[name] for name in self._positions]


def _processor(bind: BindParameter[Any], dialect: sa.Dialect) -> Callable[[Any], Any] | None:
    return bind.type.dialect_impl(dialect).bind_processor(dialect)
