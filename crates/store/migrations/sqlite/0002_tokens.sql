-- API tokens, without what is secret of them. `tenant` is empty for the platform's own; names of tenants are not. The key
-- begins with it, so that no tenant's row can stand in the way of another's.
CREATE TABLE tokens (
    tenant       TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    bindings     TEXT    NOT NULL,
    hash         BLOB    NOT NULL,
    created_by   TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER,
    revoked_at   INTEGER,
    PRIMARY KEY (tenant, id)
) STRICT;
-- Who presents a token names its id only.
CREATE INDEX tokens_by_id ON tokens (id);

-- How many tokens were ever made.
INSERT INTO counters (name, value) VALUES ('token', 0);
