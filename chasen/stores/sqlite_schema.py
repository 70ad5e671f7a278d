"""The tables of the SQLite store.

Activations: a rowid table with a 16-byte id that grows with time and one index beside
it took 7 us a record; random text ids without rowid and two indexes took 42, and 3.4
times the room.  The large columns come last, so that a list never reads them.
"""

from __future__ import annotations

VERSION = 1  # in user_version; a file with a higher one is refused

SCHEMA = (
    """
    CREATE TABLE entities (
        id TEXT NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL,
        namespace TEXT NOT NULL,
        package TEXT,
        updated INTEGER NOT NULL,
        revision TEXT NOT NULL,
        document BLOB NOT NULL
    )
    """,
    """
    CREATE INDEX entities_by_namespace
    ON entities (namespace, kind, updated DESC, id)
    """,
    """
    CREATE INDEX entities_by_package
    ON entities (namespace, package, kind, updated DESC, id)
    WHERE package IS NOT NULL
    """,
    """
    CREATE TABLE code (
        digest TEXT NOT NULL PRIMARY KEY,
        text BLOB NOT NULL
    )
    """,
    """
    CREATE TABLE names (
        number INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE
    )
    """,
    """
    CREATE TABLE activations (
        id BLOB NOT NULL,
        namespace INTEGER NOT NULL,
        start INTEGER NOT NULL,
        path INTEGER NOT NULL,
        placeholder INTEGER NOT NULL,
        head BLOB NOT NULL,
        result BLOB,
        logs BLOB,
        PRIMARY KEY (id, namespace)
    )
    """,
    """
    CREATE INDEX activations_by_start
    ON activations (namespace, start, path)
    """,
    """
    CREATE TABLE subjects (
        name TEXT NOT NULL PRIMARY KEY,
        revision TEXT NOT NULL,
        document BLOB NOT NULL
    )
    """,
    """
    CREATE TABLE namespaces (
        name TEXT NOT NULL PRIMARY KEY,
        uuid TEXT NOT NULL UNIQUE,
        subject TEXT NOT NULL REFERENCES subjects (name)
    )
    """,
    """
    CREATE INDEX namespaces_by_subject
    ON namespaces (subject)
    """,
    """
    CREATE TABLE limits (
        namespace TEXT NOT NULL PRIMARY KEY,
        document BLOB NOT NULL
    )
    """,
)
