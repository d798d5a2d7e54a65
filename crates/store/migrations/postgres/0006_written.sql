-- Policies and roles that were written over the built-in ones, in revisions. `tenant` is empty for the platform's, which are
-- for all tenants; `kind` is 0 for policies and 1 for roles; a revision without a body removes them.
CREATE TABLE written (
    tenant TEXT COLLATE "C" NOT NULL,
    kind   BIGINT           NOT NULL,
    number BIGINT           NOT NULL,
    author TEXT             NOT NULL,
    at     BIGINT           NOT NULL,
    reason TEXT             NOT NULL,
    body   TEXT,
    PRIMARY KEY (tenant, kind, number)
);
SELECT tenantry_fence('written');
-- The platform's are read by all, as they hold for all, and written by the platform.
CREATE POLICY shared ON written FOR SELECT
    USING (tenant = '' AND (SELECT nullif(current_setting('tenantry.reach', true), '')) IS NOT NULL);

-- Counts changes of them.
INSERT INTO counters (name, value) VALUES ('written', 0);

-- Why glass was broken, for a token that was made so.
ALTER TABLE tokens ADD COLUMN glass TEXT;
CREATE INDEX tokens_of_glass ON tokens (tenant, id) WHERE glass IS NOT NULL;
-- What a token made ends with it.
CREATE INDEX tokens_by_maker ON tokens (created_by);
