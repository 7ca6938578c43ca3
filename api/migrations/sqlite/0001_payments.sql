-- The same tables as on Postgres; times are milliseconds since 1970, UTC.

CREATE TABLE payments (
    id           BLOB    PRIMARY KEY NOT NULL,
    status       TEXT    NOT NULL CHECK (status IN ('inserted', 'consumed')),
    data         TEXT    NOT NULL CHECK (json_valid(data)),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency     TEXT    NOT NULL CHECK (length(currency) = 3),
    version      INTEGER NOT NULL CHECK (version > 0),
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    deleted_at   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX payments_by_status ON payments (status, id);

CREATE TABLE payment_events (
    payment_id  BLOB    NOT NULL,
    version     INTEGER NOT NULL,
    kind        TEXT    NOT NULL CHECK (kind IN ('inserted', 'consumed', 'deleted', 'restored')),
    from_status TEXT,
    to_status   TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    request_id  TEXT    NOT NULL,
    trace_id    TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (payment_id, version)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER payment_events_update_guard BEFORE UPDATE ON payment_events
    BEGIN SELECT RAISE(ABORT, 'payment_events is append-only'); END;
CREATE TRIGGER payment_events_delete_guard BEFORE DELETE ON payment_events
    BEGIN SELECT RAISE(ABORT, 'payment_events is append-only'); END;

CREATE TABLE idempotency_keys (
    scope       TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    status      INTEGER NOT NULL,
    etag        TEXT    NOT NULL,
    location    TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);

CREATE TABLE api_keys (
    id         BLOB    PRIMARY KEY NOT NULL,
    name       TEXT    NOT NULL,
    digest     BLOB    NOT NULL UNIQUE,
    can_read   INTEGER NOT NULL,
    can_write  INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    id         BLOB    PRIMARY KEY NOT NULL,
    kind       TEXT    NOT NULL,
    payment_id BLOB    NOT NULL,
    status     TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    trace_id   TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    due_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_by_due ON outbox (due_at);

CREATE TABLE shared_values (
    name  TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
