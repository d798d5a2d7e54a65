-- The root log: its leaves are checkpoints of the logs, so that who holds its root holds all of them. `rooted` entries of a
-- log are in its last leaf there. `pruned` entries are gone; `pruning` is what was signed about that. What is `held` by
-- law is not pruned; it says why.
ALTER TABLE audit_logs ADD COLUMN rooted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE audit_logs ADD COLUMN pruned BIGINT NOT NULL DEFAULT 0;
ALTER TABLE audit_logs ADD COLUMN pruning TEXT;
ALTER TABLE audit_logs ADD COLUMN held TEXT;
CREATE INDEX audit_unrooted ON audit_logs (tenant) WHERE rooted < sealed;

CREATE TABLE audit_leaves (
    seq    BIGINT NOT NULL PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    size   BIGINT NOT NULL,
    leaf   TEXT   NOT NULL
);
CREATE INDEX audit_leaves_of ON audit_leaves (tenant, seq);

-- No tenant's: hashes alone, which say nothing of what they are of.
CREATE TABLE audit_root_hashes (
    place BIGINT NOT NULL PRIMARY KEY,
    hash  BYTEA  NOT NULL
);

-- `signed` with the lines of the `witnesses` that cosigned it.
CREATE TABLE audit_root_checkpoints (
    size      BIGINT NOT NULL PRIMARY KEY,
    signed    TEXT   NOT NULL,
    witnesses BIGINT NOT NULL DEFAULT 0
);

INSERT INTO counters (name, value) VALUES ('audit_root', 0);

-- How far the entries of a log have been delivered, for each place that they are delivered to.
CREATE TABLE audit_cursors (
    destination TEXT NOT NULL,
    tenant      TEXT COLLATE "C" NOT NULL,
    next        BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (tenant, destination)
);

SELECT tenantry_fence('audit_leaves');
SELECT tenantry_fence('audit_cursors');
