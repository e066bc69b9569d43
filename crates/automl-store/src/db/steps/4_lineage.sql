-- Data that runs wrote: references, never copies.
CREATE TABLE run_outputs (
    run BIGINT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    dataset_id BIGINT NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    PRIMARY KEY (run, dataset_id)
) WITHOUT ROWID;
CREATE INDEX run_outputs_by_dataset ON run_outputs (dataset_id);
CREATE INDEX run_datasets_by_dataset ON run_datasets (dataset_id);
CREATE INDEX datasets_by_digest ON datasets (digest);
CREATE INDEX logged_models_by_run ON logged_models (source_run_id);
CREATE INDEX model_versions_by_model ON model_versions (model_id);
-- Names of data, with numbered versions.
CREATE TABLE registered_datasets (
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    created_ms BIGINT NOT NULL,
    last_version BIGINT NOT NULL,
    PRIMARY KEY (workspace, name)
);
CREATE TABLE dataset_versions (
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    kind TEXT NOT NULL,
    uri TEXT NOT NULL,
    digest TEXT NOT NULL,
    n_bytes BIGINT NOT NULL,
    schema TEXT,
    profile TEXT,
    created_ms BIGINT NOT NULL,
    user_id TEXT,
    PRIMARY KEY (workspace, name, version),
    FOREIGN KEY (workspace, name) REFERENCES registered_datasets (workspace, name) ON DELETE CASCADE
);
CREATE INDEX dataset_versions_by_digest ON dataset_versions (digest);
-- What people decided of versions; the last counts, and none is taken back.
CREATE TABLE approvals (
    id BIGINT PRIMARY KEY,
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    state TEXT NOT NULL,
    user_id TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    note TEXT,
    FOREIGN KEY (workspace, name, version) REFERENCES model_versions (workspace, name, version) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX approvals_by_version ON approvals (workspace, name, version, id);
-- Where aliases pointed to, so that a move can be taken back.
CREATE TABLE alias_moves (
    id BIGINT PRIMARY KEY,
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    alias TEXT NOT NULL,
    old_version BIGINT,
    new_version BIGINT,
    is_rollback BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    note TEXT,
    FOREIGN KEY (workspace, name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX alias_moves_by_alias ON alias_moves (workspace, name, alias, id)
