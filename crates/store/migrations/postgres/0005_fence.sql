-- The second fence: a transaction touches the rows of the tenant that it says it is about, whatever its statements ask for.
-- `*` is everybody's. A transaction that says nothing, or whose saying has ended (an empty text), touches none.
-- Forced, so that it holds the tables' owner too. Each setting is asked once a statement, not once a row.

-- Layers are read by all, and written by the platform.
ALTER TABLE revisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE revisions FORCE ROW LEVEL SECURITY;
CREATE POLICY reach ON revisions
    USING ((SELECT current_setting('tenantry.reach', true)) = '*'
        OR (kind = 3 AND name = (SELECT nullif(current_setting('tenantry.reach', true), ''))));
CREATE POLICY layers ON revisions FOR SELECT
    USING (kind < 3 AND (SELECT nullif(current_setting('tenantry.reach', true), '')) IS NOT NULL);

ALTER TABLE heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE heads FORCE ROW LEVEL SECURITY;
CREATE POLICY reach ON heads
    USING ((SELECT current_setting('tenantry.reach', true)) = '*'
        OR (kind = 3 AND name = (SELECT nullif(current_setting('tenantry.reach', true), ''))));
CREATE POLICY layers ON heads FOR SELECT
    USING (kind < 3 AND (SELECT nullif(current_setting('tenantry.reach', true), '')) IS NOT NULL);

-- For every table whose rows have a `tenant`; those added later call it too.
CREATE FUNCTION tenantry_fence(fenced regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', fenced);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', fenced);
    EXECUTE format(
        'CREATE POLICY reach ON %s USING ((SELECT current_setting(''tenantry.reach'', true)) = ''*'' '
        'OR tenant = (SELECT nullif(current_setting(''tenantry.reach'', true), '''')))', fenced);
END $$;

SELECT tenantry_fence('decisions');
SELECT tenantry_fence('interventions');
SELECT tenantry_fence('asked');
SELECT tenantry_fence('kept');
SELECT tenantry_fence('tokens');
SELECT tenantry_fence('answers');
SELECT tenantry_fence('audit_logs');
SELECT tenantry_fence('audit_entries');
SELECT tenantry_fence('audit_hashes');
SELECT tenantry_fence('audit_checkpoints');
