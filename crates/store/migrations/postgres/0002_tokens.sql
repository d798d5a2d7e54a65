-- API tokens, without what is secret of them. `tenant` is empty for the platform's own; names of tenants are not. The key
-- begins with it, so that no tenant's row can stand in the way of another's.
CREATE TABLE tokens (
    tenant       TEXT COLLATE "C" NOT NULL,
    id           TEXT COLLATE "C" NOT NULL,
    name         TEXT             NOT NULL,
    bindings     TEXT             NOT NULL,
    hash         BYTEA            NOT NULL,
    created_by   TEXT             NOT NULL,
    created_at   BIGINT           NOT NULL,
    expires_at   BIGINT,
    last_used_at BIGINT,
    revoked_at   BIGINT,
    PRIMARY KEY (tenant, id)
);
-- Who presents a token names its id only.
CREATE INDEX tokens_by_id ON tokens (id);

-- How many tokens were ever made.
INSERT INTO counters (name, value) VALUES ('token', 0);
