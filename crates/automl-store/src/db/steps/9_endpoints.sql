-- Endpoints: names under which models answer. Each change makes a revision with all deployments that then were, so that it
-- can be taken back; `earlier` is the revision that taking it back leads to.
CREATE TABLE endpoints (
    id BIGINT PRIMARY KEY,
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    max_at_once BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    revision BIGINT NOT NULL,
    served_revision BIGINT,
    problem TEXT,
    UNIQUE (workspace, name)
);
CREATE TABLE endpoint_changes (
    endpoint_id BIGINT NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    revision BIGINT NOT NULL,
    what TEXT NOT NULL,
    earlier BIGINT,
    n_deployments BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    note TEXT,
    PRIMARY KEY (endpoint_id, revision)
);
CREATE TABLE deployments (
    endpoint_id BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    name TEXT NOT NULL,
    place BIGINT NOT NULL,
    workspace TEXT NOT NULL,
    model TEXT NOT NULL,
    version BIGINT NOT NULL,
    alias TEXT,
    digest TEXT NOT NULL,
    share BIGINT NOT NULL,
    is_shadow BIGINT NOT NULL,
    deployed_ms BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (endpoint_id, revision, name),
    FOREIGN KEY (endpoint_id, revision) REFERENCES endpoint_changes (endpoint_id, revision) ON DELETE CASCADE,
    FOREIGN KEY (workspace, model, version) REFERENCES model_versions (workspace, name, version) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX deployments_by_version ON deployments (workspace, model, version)
