-- Data keys, each sealed with its owner's key-encryption key number `kek`, which is not in the database. `tenant` is empty
-- for the platform's own; `id` is random, so that it tells nothing of others. `whole` is 1 in the newest of purpose 0 when the
-- store holds nothing that is not sealed.
CREATE TABLE data_keys (
    tenant  TEXT    NOT NULL,
    purpose INTEGER NOT NULL,
    version INTEGER NOT NULL,
    id      INTEGER NOT NULL,
    whole   INTEGER NOT NULL,
    kek     INTEGER NOT NULL,
    wrapped BLOB    NOT NULL,
    made_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, purpose, version),
    UNIQUE (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX data_keys_by_id ON data_keys (id);

-- How often keys were renewed or destroyed: what a program remembers of them holds for one such number.
INSERT INTO counters (name, value) VALUES ('keys', 0);

-- What a row holds is in `sealed`, for the data key `sealed_with`, and its own column is then empty. Rows from before have
-- it in their own column, until they are sealed by a rotation.
ALTER TABLE revisions ADD COLUMN sealed_with INTEGER;
ALTER TABLE revisions ADD COLUMN sealed BLOB;
ALTER TABLE interventions ADD COLUMN change INTEGER NOT NULL DEFAULT 0;
ALTER TABLE interventions ADD COLUMN sealed_with INTEGER;
ALTER TABLE interventions ADD COLUMN sealed BLOB;
ALTER TABLE asked ADD COLUMN sealed_with INTEGER;
ALTER TABLE asked ADD COLUMN sealed BLOB;
ALTER TABLE decisions ADD COLUMN sealed_with INTEGER;
ALTER TABLE decisions ADD COLUMN sealed BLOB;
ALTER TABLE kept ADD COLUMN sealed_with INTEGER;
ALTER TABLE kept ADD COLUMN sealed BLOB;
ALTER TABLE answers ADD COLUMN sealed_with INTEGER;
ALTER TABLE answers ADD COLUMN sealed BLOB;

-- Details of entries, to which the entries have a commitment.
ALTER TABLE audit_entries ADD COLUMN detail TEXT;
ALTER TABLE audit_entries ADD COLUMN sealed_with INTEGER;
ALTER TABLE audit_entries ADD COLUMN sealed BLOB;
