-- Each revision's place in the order of all changes, as `counters` counts them. Those from before have none.
ALTER TABLE revisions ADD COLUMN change INTEGER NOT NULL DEFAULT 0;
CREATE INDEX revisions_by_change ON revisions (change) WHERE change > 0;

-- What people asked of workloads, one after another.
CREATE TABLE asked (
    change   INTEGER PRIMARY KEY,
    tenant   TEXT NOT NULL,
    workload TEXT NOT NULL,
    body     TEXT NOT NULL
) STRICT;
CREATE INDEX asked_of_tenant ON asked (tenant, change);

-- Answers to requests that came with a key; one without a status is not given yet. `tenant` is empty for the platform.
CREATE TABLE answers (
    tenant TEXT    NOT NULL,
    caller TEXT    NOT NULL,
    key    TEXT    NOT NULL,
    digest TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    status INTEGER,
    tag    TEXT,
    body   BLOB,
    PRIMARY KEY (tenant, caller, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX answers_by_age ON answers (at);
