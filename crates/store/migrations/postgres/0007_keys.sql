-- Data keys, each sealed with its owner's key-encryption key number `kek`, which is not in the database. `tenant` is empty
-- for the platform's own; `id` is random, so that it tells nothing of others. `whole` is 1 in the newest of purpose 0 when the
-- store holds nothing that is not sealed.
CREATE TABLE data_keys (
    tenant  TEXT COLLATE "C" NOT NULL,
    purpose BIGINT NOT NULL,
    version BIGINT NOT NULL,
    id      BIGINT NOT NULL,
    whole   BIGINT NOT NULL,
    kek     BIGINT NOT NULL,
    wrapped BYTEA    NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, purpose, version),
    UNIQUE (tenant, id)
);
CREATE INDEX data_keys_by_id ON data_keys (id);
SELECT tenantry_fence('data_keys');
-- Layers are read by all, and so are the keys that they are sealed with.
CREATE POLICY layers ON data_keys FOR SELECT
    USING (tenant = '' AND (SELECT nullif(current_setting('tenantry.reach', true), '')) IS NOT NULL);

-- How often keys were renewed or destroyed: what a program remembers of them holds for one such number.
INSERT INTO counters (name, value) VALUES ('keys', 0);

-- What a row holds is in `sealed`, for the data key `sealed_with`, and its own column is then empty. Rows from before have
-- it in their own column, until they are sealed by a rotation.
ALTER TABLE revisions ADD COLUMN sealed_with BIGINT;
ALTER TABLE revisions ADD COLUMN sealed BYTEA;
ALTER TABLE interventions ADD COLUMN change BIGINT NOT NULL DEFAULT 0;
ALTER TABLE interventions ADD COLUMN sealed_with BIGINT;
ALTER TABLE interventions ADD COLUMN sealed BYTEA;
ALTER TABLE asked ADD COLUMN sealed_with BIGINT;
ALTER TABLE asked ADD COLUMN sealed BYTEA;
ALTER TABLE decisions ADD COLUMN sealed_with BIGINT;
ALTER TABLE decisions ADD COLUMN sealed BYTEA;
ALTER TABLE kept ADD COLUMN sealed_with BIGINT;
ALTER TABLE kept ADD COLUMN sealed BYTEA;
ALTER TABLE answers ADD COLUMN sealed_with BIGINT;
ALTER TABLE answers ADD COLUMN sealed BYTEA;

-- Details of entries, to which the entries have a commitment.
ALTER TABLE audit_entries ADD COLUMN detail TEXT;
ALTER TABLE audit_entries ADD COLUMN sealed_with BIGINT;
ALTER TABLE audit_entries ADD COLUMN sealed BYTEA;
