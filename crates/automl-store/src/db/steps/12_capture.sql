-- What is kept of the requests of an endpoint; of one that is not here, nothing. Columns that are named are those that are kept,
-- or, redacted, those of which only is kept whether there was a value.
CREATE TABLE endpoint_captures (
    endpoint_id BIGINT PRIMARY KEY REFERENCES endpoints (id) ON DELETE CASCADE,
    rate DOUBLE PRECISION NOT NULL,
    keeps_all BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    since_ms BIGINT NOT NULL
);
CREATE TABLE endpoint_capture_columns (
    endpoint_id BIGINT NOT NULL REFERENCES endpoint_captures (endpoint_id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    is_redacted BIGINT NOT NULL,
    PRIMARY KEY (endpoint_id, name, is_redacted)
)
