-- Each revision's place in the order of all changes, as `counters` counts them. Those from before have none.
ALTER TABLE revisions ADD COLUMN change BIGINT NOT NULL DEFAULT 0;
CREATE INDEX revisions_by_change ON revisions (change) WHERE change > 0;

-- What people asked of workloads, one after another.
CREATE TABLE asked (
    change   BIGINT           PRIMARY KEY,
    tenant   TEXT COLLATE "C" NOT NULL,
    workload TEXT COLLATE "C" NOT NULL,
    body     TEXT             NOT NULL
);
CREATE INDEX asked_of_tenant ON asked (tenant, change);

-- Answers to requests that came with a key; one without a status is not given yet. `tenant` is empty for the platform.
CREATE TABLE answers (
    tenant TEXT COLLATE "C" NOT NULL,
    caller TEXT COLLATE "C" NOT NULL,
    key    TEXT COLLATE "C" NOT NULL,
    digest TEXT             NOT NULL,
    at     BIGINT           NOT NULL,
    status BIGINT,
    tag    TEXT,
    body   BYTEA,
    PRIMARY KEY (tenant, caller, key)
);
CREATE INDEX answers_by_age ON answers (at);
