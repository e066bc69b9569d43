-- What a workspace decides once, such as its id and its key.
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
-- Artifacts in an object store: each object (key) once, and the paths that lead to it. An object that is condemned gets
-- no new path. The digest is absent where the client wrote past the server.
CREATE TABLE artifact_blobs (
    key TEXT PRIMARY KEY,
    sha256 TEXT,
    n_bytes BIGINT NOT NULL,
    is_condemned BIGINT NOT NULL
);
CREATE INDEX artifact_blobs_by_content ON artifact_blobs (sha256);
CREATE TABLE artifact_links (
    path TEXT PRIMARY KEY,
    key TEXT NOT NULL REFERENCES artifact_blobs (key)
);
CREATE INDEX artifact_links_by_blob ON artifact_links (key);
-- Uploads in parts that are under way; the store knows each by its own id.
CREATE TABLE artifact_uploads (
    id TEXT PRIMARY KEY,
    path TEXT NOT NULL,
    store_id TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);
-- Where files are that nothing in the record tells of any more.
CREATE TABLE artifact_removals (
    uri TEXT PRIMARY KEY
)
