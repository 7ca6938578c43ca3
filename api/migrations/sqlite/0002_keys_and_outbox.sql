-- The same as on Postgres.

ALTER TABLE api_keys ADD COLUMN client TEXT;
ALTER TABLE api_keys ADD COLUMN created_by TEXT;
ALTER TABLE api_keys ADD COLUMN last_used_at INTEGER;

CREATE TABLE api_key_events (
    api_key_id BLOB    NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind IN ('created', 'revoked')),
    actor      TEXT    NOT NULL,
    request_id TEXT    NOT NULL,
    trace_id   TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (api_key_id, kind)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER api_key_events_update_guard BEFORE UPDATE ON api_key_events
    BEGIN SELECT RAISE(ABORT, 'api_key_events is append-only'); END;
CREATE TRIGGER api_key_events_delete_guard BEFORE DELETE ON api_key_events
    BEGIN SELECT RAISE(ABORT, 'api_key_events is append-only'); END;

ALTER TABLE outbox ADD COLUMN dead_at INTEGER;

CREATE INDEX payments_live ON payments (id) WHERE deleted_at IS NULL;
