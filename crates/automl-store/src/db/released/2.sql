CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO "counters" VALUES('experiment',1);
INSERT INTO "counters" VALUES('run',2);
INSERT INTO "counters" VALUES('dataset',1);
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
INSERT INTO "datasets" VALUES(1,1,'table','abc','local','{}',NULL,NULL);
CREATE TABLE experiment_tags (
    experiment_id BIGINT NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (experiment_id, key)
) WITHOUT ROWID;
INSERT INTO "experiment_tags" VALUES(1,'team','vision');
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
INSERT INTO "experiments" VALUES(0,'default','Default','mlflow-artifacts:/0','active',1795703228193,1795703228193);
INSERT INTO "experiments" VALUES(1,'default','cats','mlflow-artifacts:/1','active',1795703228215,1795703228215);
CREATE TABLE latest_metrics (
    run BIGINT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    key TEXT NOT NULL,
    timestamp_ms BIGINT NOT NULL,
    step BIGINT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    is_nan BIGINT NOT NULL,
    PRIMARY KEY (run, key)
) WITHOUT ROWID;
INSERT INTO "latest_metrics" VALUES(1,'loss',1002,2,0.25,0);
CREATE TABLE logged_model_params (
    model_id TEXT NOT NULL REFERENCES logged_models (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model_id, key)
);
CREATE TABLE logged_model_tags (
    model_id TEXT NOT NULL REFERENCES logged_models (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model_id, key)
);
CREATE TABLE logged_models (
    id TEXT PRIMARY KEY,
    experiment_id BIGINT NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    artifact_uri TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    status TEXT NOT NULL,
    status_message TEXT,
    model_type TEXT,
    source_run_id TEXT,
    stage TEXT NOT NULL
);
INSERT INTO "logged_models" VALUES('m-e564e1a854e1e9e56f0bc7d8a2712dc1',1,'tree','mlflow-artifacts:/1/models/m-e564e1a854e1e9e56f0bc7d8a2712dc1/artifacts',1795703228231,1795703228231,'PENDING',NULL,NULL,'3ac839791595f67053c42b3cb09b9e7e','active');
CREATE TABLE metrics (
    run BIGINT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    key TEXT NOT NULL,
    timestamp_ms BIGINT NOT NULL,
    step BIGINT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    is_nan BIGINT NOT NULL,
    PRIMARY KEY (run, key, timestamp_ms, step, value, is_nan)
) WITHOUT ROWID;
INSERT INTO "metrics" VALUES(1,'loss',1000,0,0.5,0);
INSERT INTO "metrics" VALUES(1,'loss',1001,1,0.0,1);
INSERT INTO "metrics" VALUES(1,'loss',1002,2,0.25,0);
CREATE TABLE model_aliases (
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    alias TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (workspace, name, alias),
    FOREIGN KEY (workspace, name, version) REFERENCES model_versions (workspace, name, version) ON UPDATE CASCADE ON DELETE CASCADE
);
INSERT INTO "model_aliases" VALUES('default','cat model','champion',1);
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
CREATE TABLE model_version_tags (
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (workspace, name, version, key),
    FOREIGN KEY (workspace, name, version) REFERENCES model_versions (workspace, name, version) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE model_versions (
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    description TEXT,
    user_id TEXT,
    stage TEXT NOT NULL,
    source TEXT NOT NULL,
    storage_location TEXT NOT NULL,
    run_id TEXT,
    run_link TEXT,
    model_id TEXT,
    PRIMARY KEY (workspace, name, version),
    FOREIGN KEY (workspace, name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE ON DELETE CASCADE
);
INSERT INTO "model_versions" VALUES('default','cat model',1,1795703228235,1795703228235,NULL,NULL,'None','models:/m-e564e1a854e1e9e56f0bc7d8a2712dc1','mlflow-artifacts:/1/models/m-e564e1a854e1e9e56f0bc7d8a2712dc1/artifacts','3ac839791595f67053c42b3cb09b9e7e',NULL,'m-e564e1a854e1e9e56f0bc7d8a2712dc1');
CREATE TABLE params (
    run BIGINT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, key)
) WITHOUT ROWID;
INSERT INTO "params" VALUES(1,'depth','6');
CREATE TABLE registered_model_tags (
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (workspace, name, key),
    FOREIGN KEY (workspace, name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE registered_models (
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    last_version BIGINT NOT NULL,
    PRIMARY KEY (workspace, name)
);
INSERT INTO "registered_models" VALUES('default','cat model',NULL,1795703228234,1795703228235,1);
CREATE TABLE run_dataset_tags (
    run BIGINT NOT NULL,
    dataset_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, dataset_id, key),
    FOREIGN KEY (run, dataset_id) REFERENCES run_datasets (run, dataset_id) ON DELETE CASCADE
) WITHOUT ROWID;
INSERT INTO "run_dataset_tags" VALUES(1,1,'mlflow.data.context','training');
CREATE TABLE run_datasets (
    run BIGINT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    dataset_id BIGINT NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    PRIMARY KEY (run, dataset_id)
) WITHOUT ROWID;
INSERT INTO "run_datasets" VALUES(1,1,0);
CREATE TABLE run_models (
    run BIGINT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    direction TEXT NOT NULL,
    model_id TEXT NOT NULL,
    step BIGINT NOT NULL,
    PRIMARY KEY (run, direction, model_id)
) WITHOUT ROWID;
INSERT INTO "run_models" VALUES(1,'out','m-e564e1a854e1e9e56f0bc7d8a2712dc1',2);
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
INSERT INTO "runs" VALUES(1,'3ac839791595f67053c42b3cb09b9e7e',1,'first','','FINISHED',1000,2000,'active',NULL,'mlflow-artifacts:/1/3ac839791595f67053c42b3cb09b9e7e/artifacts');
INSERT INTO "runs" VALUES(2,'2a7f07595745865b984f613c8c0f20b2',1,'deleted','','RUNNING',1795703228225,NULL,'deleted',1795703228227,'mlflow-artifacts:/1/2a7f07595745865b984f613c8c0f20b2/artifacts');
CREATE TABLE schema_version (id BIGINT PRIMARY KEY, version BIGINT NOT NULL);
INSERT INTO "schema_version" VALUES(1,2);
CREATE TABLE tags (
    run BIGINT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, key)
) WITHOUT ROWID;
INSERT INTO "tags" VALUES(2,'mlflow.runName','deleted');
INSERT INTO "tags" VALUES(1,'mlflow.runName','first');
INSERT INTO "tags" VALUES(1,'note','it''s ünïcode; -- and more');
CREATE INDEX runs_by_start ON runs (experiment_id, stage, start_ms DESC, id);
CREATE INDEX tags_by_value ON tags (key, value);
CREATE INDEX run_models_by_model ON run_models (model_id);
CREATE INDEX model_versions_by_run ON model_versions (run_id);
CREATE INDEX logged_models_by_experiment ON logged_models (experiment_id, stage, created_ms DESC, id);
