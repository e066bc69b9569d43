-- Experiments, runs and what runs log.
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
CREATE TABLE experiments (
    id BIGINT PRIMARY KEY,
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    artifact_location TEXT NOT NULL,
    stage TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    UNIQUE (workspace, name)
);
CREATE TABLE experiment_tags (
    experiment_id BIGINT NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (experiment_id, key)
) WITHOUT ROWID;
CREATE TABLE runs (
    run BIGINT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    experiment_id BIGINT NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    user_id TEXT NOT NULL,
    status TEXT NOT NULL,
    start_ms BIGINT,
    end_ms BIGINT,
    stage TEXT NOT NULL,
    deleted_ms BIGINT,
    artifact_uri TEXT NOT NULL
);
CREATE INDEX runs_by_start ON runs (experiment_id, stage, start_ms DESC, id);
CREATE TABLE params (
    run BIGINT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, key)
) WITHOUT ROWID;
CREATE TABLE tags (
    run BIGINT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, key)
) WITHOUT ROWID;
CREATE INDEX tags_by_value ON tags (key, value);
-- A value that is no number is 0 with is_nan 1. Logging the same point twice leaves one.
CREATE TABLE metrics (
    run BIGINT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    key TEXT NOT NULL,
    timestamp_ms BIGINT NOT NULL,
    step BIGINT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    is_nan BIGINT NOT NULL,
    PRIMARY KEY (run, key, timestamp_ms, step, value, is_nan)
) WITHOUT ROWID;
CREATE TABLE latest_metrics (
    run BIGINT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    key TEXT NOT NULL,
    timestamp_ms BIGINT NOT NULL,
    step BIGINT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    is_nan BIGINT NOT NULL,
    PRIMARY KEY (run, key)
) WITHOUT ROWID;
-- Metrics of a logged model, or measured on a named dataset.
CREATE TABLE model_metrics (
    model_id TEXT NOT NULL,
    run BIGINT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    key TEXT NOT NULL,
    dataset_name TEXT NOT NULL,
    dataset_digest TEXT NOT NULL,
    timestamp_ms BIGINT NOT NULL,
    step BIGINT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    is_nan BIGINT NOT NULL,
    PRIMARY KEY (model_id, run, key, dataset_name, dataset_digest, timestamp_ms, step)
) WITHOUT ROWID;
-- Data that runs read: references, never copies.
CREATE TABLE datasets (
    id BIGINT PRIMARY KEY,
    experiment_id BIGINT NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    source_type TEXT NOT NULL,
    source TEXT NOT NULL,
    schema TEXT,
    profile TEXT,
    UNIQUE (experiment_id, name, digest)
);
CREATE TABLE run_datasets (
    run BIGINT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    dataset_id BIGINT NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    PRIMARY KEY (run, dataset_id)
) WITHOUT ROWID;
CREATE TABLE run_dataset_tags (
    run BIGINT NOT NULL,
    dataset_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, dataset_id, key),
    FOREIGN KEY (run, dataset_id) REFERENCES run_datasets (run, dataset_id) ON DELETE CASCADE
) WITHOUT ROWID;
-- Models that a run took in (direction in) or made (direction out).
CREATE TABLE run_models (
    run BIGINT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    direction TEXT NOT NULL,
    model_id TEXT NOT NULL,
    step BIGINT NOT NULL,
    PRIMARY KEY (run, direction, model_id)
) WITHOUT ROWID;
CREATE INDEX run_models_by_model ON run_models (model_id)
