-- Logs of what was done: one for each tenant, and one with an empty name for the platform. `entries` are written with what
-- they tell of; `sealed` of them are in the tree, whose hashes stand at their places, and signed for.
CREATE TABLE audit_logs (
    tenant  TEXT    NOT NULL PRIMARY KEY,
    entries INTEGER NOT NULL,
    sealed  INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_unsealed ON audit_logs (tenant) WHERE sealed < entries;

CREATE TABLE audit_entries (
    tenant TEXT    NOT NULL,
    seq    INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    actor  TEXT    NOT NULL,
    action TEXT    NOT NULL,
    entry  BLOB    NOT NULL,
    PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_hashes (
    tenant TEXT    NOT NULL,
    place  INTEGER NOT NULL,
    hash   BLOB    NOT NULL,
    PRIMARY KEY (tenant, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_checkpoints (
    tenant TEXT    NOT NULL,
    size   INTEGER NOT NULL,
    signed TEXT    NOT NULL,
    PRIMARY KEY (tenant, size)
) STRICT, WITHOUT ROWID;
