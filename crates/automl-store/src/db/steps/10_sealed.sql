-- Secrets of webhooks as they are sealed by the key of the workspace; what lies in `secret` is from before and goes there when a
-- server starts.
ALTER TABLE webhooks ADD COLUMN sealed TEXT;
-- Servers that run on this record, and when each told of itself last.
CREATE TABLE servers (
    id TEXT PRIMARY KEY,
    seen_ms BIGINT NOT NULL
)
