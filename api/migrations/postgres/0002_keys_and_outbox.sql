-- Who made a key, for which client (its keys share idempotency keys, so that one can replace another), and when it was used.
ALTER TABLE api_keys
    ADD COLUMN client       text,
    ADD COLUMN created_by   text,
    ADD COLUMN last_used_at timestamptz;

CREATE TABLE api_key_events (
    api_key_id uuid        NOT NULL,
    kind       text        NOT NULL CHECK (kind IN ('created', 'revoked')),
    actor      text        NOT NULL,
    request_id text        NOT NULL,
    trace_id   text        NOT NULL,
    at         timestamptz NOT NULL,
    PRIMARY KEY (api_key_id, kind)
);
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;
CREATE TRIGGER api_key_events_row_guard BEFORE UPDATE OR DELETE ON api_key_events
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER api_key_events_table_guard BEFORE TRUNCATE ON api_key_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON api_key_events FROM PUBLIC;

-- When a delivery was given up; it is kept for whoever looks into it.
ALTER TABLE outbox ADD COLUMN dead_at timestamptz;

-- The first page must not read past every newer tombstone.
CREATE INDEX payments_live ON payments (id) WHERE deleted_at IS NULL;
