-- Names sort by their bytes, as in the program and in SQLite, whatever the database's locale is.

-- Numbers that only rise. `config` counts changes to documents and interventions, `decision` is the last record's id.
CREATE TABLE counters (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('config', 0), ('decision', 0);

-- Immutable versions of documents. `kind` is 0 for the defaults, 1 for a tier, 2 for a region, 3 for a tenant.
CREATE TABLE revisions (
    kind   BIGINT           NOT NULL,
    name   TEXT COLLATE "C" NOT NULL,
    number BIGINT           NOT NULL,
    owner  TEXT             NOT NULL,
    author TEXT             NOT NULL,
    at     BIGINT           NOT NULL,
    reason TEXT             NOT NULL,
    body   TEXT,
    digest TEXT             NOT NULL,
    PRIMARY KEY (kind, name, number)
);

-- The last revision of each document; `live` is 0 when that one removes it.
CREATE TABLE heads (
    kind   BIGINT           NOT NULL,
    name   TEXT COLLATE "C" NOT NULL,
    number BIGINT           NOT NULL,
    live   BIGINT           NOT NULL,
    PRIMARY KEY (kind, name)
);

CREATE TABLE decisions (
    id            BIGINT PRIMARY KEY,
    tenant        TEXT COLLATE "C" NOT NULL,
    workload      TEXT COLLATE "C" NOT NULL,
    at            BIGINT           NOT NULL,
    epoch         BIGINT           NOT NULL,
    cycle         BIGINT           NOT NULL,
    from_replicas BIGINT,
    to_replicas   BIGINT,
    changes       BIGINT           NOT NULL,
    inputs_digest TEXT             NOT NULL,
    outcome       TEXT             NOT NULL,
    inputs        TEXT             NOT NULL,
    planned       TEXT             NOT NULL
);
CREATE INDEX decisions_of_workload ON decisions (tenant, workload, id);
CREATE INDEX decisions_of_tenant ON decisions (tenant, id);
CREATE INDEX decisions_by_age ON decisions (changes, at);

CREATE TABLE interventions (
    tenant   TEXT COLLATE "C" NOT NULL,
    workload TEXT COLLATE "C" NOT NULL,
    body     TEXT             NOT NULL,
    PRIMARY KEY (tenant, workload)
);

CREATE TABLE kept (
    tenant   TEXT COLLATE "C" NOT NULL,
    workload TEXT COLLATE "C" NOT NULL,
    part     TEXT COLLATE "C" NOT NULL,
    bytes    BYTEA            NOT NULL,
    at       BIGINT           NOT NULL,
    PRIMARY KEY (tenant, workload, part)
);

-- A lease without a holder was given up; its epoch stays, so that the next one is higher.
CREATE TABLE leases (
    name     TEXT COLLATE "C" PRIMARY KEY,
    holder   TEXT,
    epoch    BIGINT NOT NULL,
    until_at BIGINT NOT NULL
);
