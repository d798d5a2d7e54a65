-- The root log: its leaves are checkpoints of the logs, so that who holds its root holds all of them. `rooted` entries of a
-- log are in its last leaf there. `pruned` entries are gone; `pruning` is what was signed about that. What is `held` by
-- law is not pruned; it says why.
ALTER TABLE audit_logs ADD COLUMN rooted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE audit_logs ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE audit_logs ADD COLUMN pruning TEXT;
ALTER TABLE audit_logs ADD COLUMN held TEXT;
CREATE INDEX audit_unrooted ON audit_logs (tenant) WHERE rooted < sealed;

CREATE TABLE audit_leaves (
    seq    INTEGER NOT NULL PRIMARY KEY,
    tenant TEXT    NOT NULL,
    size   INTEGER NOT NULL,
    leaf   TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_leaves_of ON audit_leaves (tenant, seq);

CREATE TABLE audit_root_hashes (
    place INTEGER NOT NULL PRIMARY KEY,
    hash  BLOB    NOT NULL
) STRICT;

-- `signed` with the lines of the `witnesses` that cosigned it.
CREATE TABLE audit_root_checkpoints (
    size      INTEGER NOT NULL PRIMARY KEY,
    signed    TEXT    NOT NULL,
    witnesses INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO counters (name, value) VALUES ('audit_root', 0);

-- How far the entries of a log have been delivered, for each place that they are delivered to.
CREATE TABLE audit_cursors (
    destination TEXT    NOT NULL,
    tenant      TEXT    NOT NULL,
    next        INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (tenant, destination)
) STRICT, WITHOUT ROWID;
