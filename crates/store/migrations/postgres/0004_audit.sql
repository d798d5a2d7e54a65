-- Logs of what was done: one for each tenant, and one with an empty name for the platform. `entries` are written with what
-- they tell of; `sealed` of them are in the tree, whose hashes stand at their places, and signed for.
CREATE TABLE audit_logs (
    tenant  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    entries BIGINT NOT NULL,
    sealed  BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX audit_unsealed ON audit_logs (tenant) WHERE sealed < entries;

CREATE TABLE audit_entries (
    tenant TEXT COLLATE "C" NOT NULL,
    seq    BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    actor  TEXT   NOT NULL,
    action TEXT   NOT NULL,
    entry  BYTEA  NOT NULL,
    PRIMARY KEY (tenant, seq)
);

CREATE TABLE audit_hashes (
    tenant TEXT COLLATE "C" NOT NULL,
    place  BIGINT NOT NULL,
    hash   BYTEA  NOT NULL,
    PRIMARY KEY (tenant, place)
);

CREATE TABLE audit_checkpoints (
    tenant TEXT COLLATE "C" NOT NULL,
    size   BIGINT NOT NULL,
    signed TEXT   NOT NULL,
    PRIMARY KEY (tenant, size)
);
