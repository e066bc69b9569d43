-- Users, their roles and tokens, and the log of what they did.
CREATE TABLE users (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    password_hash TEXT,
    created_ms BIGINT NOT NULL
);
CREATE TABLE user_roles (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    workspace TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (user_id, workspace)
);
CREATE TABLE tokens (
    prefix TEXT PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash BLOB NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT,
    revoked_ms BIGINT,
    requests_per_second DOUBLE PRECISION,
    burst DOUBLE PRECISION,
    artifact_bytes_per_day BIGINT
);
CREATE INDEX tokens_by_user ON tokens (user_id);
CREATE TABLE token_days (
    prefix TEXT NOT NULL REFERENCES tokens (prefix) ON DELETE CASCADE,
    day BIGINT NOT NULL,
    artifact_bytes BIGINT NOT NULL,
    PRIMARY KEY (prefix, day)
);
CREATE TABLE audit (
    id BIGINT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    user_name TEXT NOT NULL,
    means TEXT NOT NULL,
    address TEXT NOT NULL,
    method TEXT NOT NULL,
    route TEXT NOT NULL,
    object TEXT NOT NULL,
    outcome BIGINT NOT NULL,
    request_id TEXT NOT NULL
);
CREATE INDEX audit_by_user ON audit (user_name, id)
