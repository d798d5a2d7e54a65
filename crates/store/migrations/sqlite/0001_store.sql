-- "TNRY": tells our files from other programs' databases.
PRAGMA application_id = 1414419033;

-- Numbers that only rise. `config` counts changes to documents and interventions, `decision` is the last record's id.
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('config', 0), ('decision', 0);

-- Immutable versions of documents. `kind` is 0 for the defaults, 1 for a tier, 2 for a region, 3 for a tenant.
CREATE TABLE revisions (
    kind   INTEGER NOT NULL,
    name   TEXT    NOT NULL,
    number INTEGER NOT NULL,
    owner  TEXT    NOT NULL,
    author TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    reason TEXT    NOT NULL,
    body   TEXT,
    digest TEXT    NOT NULL,
    PRIMARY KEY (kind, name, number)
) STRICT;

-- The last revision of each document; `live` is 0 when that one removes it.
CREATE TABLE heads (
    kind   INTEGER NOT NULL,
    name   TEXT    NOT NULL,
    number INTEGER NOT NULL,
    live   INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE decisions (
    id            INTEGER PRIMARY KEY,
    tenant        TEXT    NOT NULL,
    workload      TEXT    NOT NULL,
    at            INTEGER NOT NULL,
    epoch         INTEGER NOT NULL,
    cycle         INTEGER NOT NULL,
    from_replicas INTEGER,
    to_replicas   INTEGER,
    changes       INTEGER NOT NULL,
    inputs_digest TEXT    NOT NULL,
    outcome       TEXT    NOT NULL,
    inputs        TEXT    NOT NULL,
    planned       TEXT    NOT NULL
) STRICT;
CREATE INDEX decisions_of_workload ON decisions (tenant, workload, id);
CREATE INDEX decisions_of_tenant ON decisions (tenant, id);
CREATE INDEX decisions_by_age ON decisions (changes, at);

CREATE TABLE interventions (
    tenant   TEXT NOT NULL,
    workload TEXT NOT NULL,
    body     TEXT NOT NULL,
    PRIMARY KEY (tenant, workload)
) STRICT, WITHOUT ROWID;

CREATE TABLE kept (
    tenant   TEXT    NOT NULL,
    workload TEXT    NOT NULL,
    part     TEXT    NOT NULL,
    bytes    BLOB    NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (tenant, workload, part)
) STRICT;

-- A lease without a holder was given up; its epoch stays, so that the next one is higher.
CREATE TABLE leases (
    name     TEXT PRIMARY KEY,
    holder   TEXT,
    epoch    INTEGER NOT NULL,
    until_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
