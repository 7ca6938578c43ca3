-- Expand/contract only: a release may add, the one after next may remove.

CREATE TABLE payments (
    id           uuid PRIMARY KEY,
    status       text        NOT NULL CHECK (status IN ('inserted', 'consumed')),
    data         jsonb       NOT NULL,
    amount_minor bigint      NOT NULL CHECK (amount_minor > 0),
    currency     char(3)     NOT NULL,
    version      integer     NOT NULL CHECK (version > 0),
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    deleted_at   timestamptz
);
CREATE INDEX payments_by_status ON payments (status, id);
CREATE INDEX payments_by_data ON payments USING gin (data jsonb_path_ops);

-- One row for each version of each payment: the primary key itself refuses a second winner.
CREATE TABLE payment_events (
    payment_id  uuid        NOT NULL,
    version     integer     NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('inserted', 'consumed', 'deleted', 'restored')),
    from_status text,
    to_status   text        NOT NULL,
    actor       text        NOT NULL,
    request_id  text        NOT NULL,
    trace_id    text        NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (payment_id, version)
);

CREATE FUNCTION payment_events_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'payment_events is append-only';
END
$$;
CREATE TRIGGER payment_events_row_guard BEFORE UPDATE OR DELETE ON payment_events
    FOR EACH ROW EXECUTE FUNCTION payment_events_are_append_only();
CREATE TRIGGER payment_events_table_guard BEFORE TRUNCATE ON payment_events
    FOR EACH STATEMENT EXECUTE FUNCTION payment_events_are_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON payment_events FROM PUBLIC;

CREATE TABLE idempotency_keys (
    scope       text        NOT NULL,
    key         text        NOT NULL,
    fingerprint bytea       NOT NULL,
    status      smallint    NOT NULL,
    etag        text        NOT NULL,
    location    text        NOT NULL,
    body        text        NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (scope, key)
);
-- Keys come in the order of their expiry, which is all that a block range index needs.
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys USING brin (expires_at);

-- Shared token buckets. Unlogged: after a crash of the database a full bucket is the right answer.
CREATE UNLOGGED TABLE rate_buckets (
    principal   text PRIMARY KEY,
    tokens      double precision NOT NULL,
    granted     bigint           NOT NULL,
    refilled_at timestamptz      NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE api_keys (
    id         uuid PRIMARY KEY,
    name       text        NOT NULL,
    digest     bytea       NOT NULL UNIQUE,
    can_read   boolean     NOT NULL,
    can_write  boolean     NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);

-- Status changes on their way to the webhook; a row is written with its change and deleted when it was delivered.
CREATE TABLE outbox (
    id         uuid PRIMARY KEY,
    kind       text        NOT NULL,
    payment_id uuid        NOT NULL,
    status     text        NOT NULL,
    version    integer     NOT NULL,
    trace_id   text        NOT NULL,
    at         timestamptz NOT NULL,
    attempts   integer     NOT NULL DEFAULT 0,
    due_at     timestamptz NOT NULL
);
CREATE INDEX outbox_by_due ON outbox (due_at);

-- Values that every task must share and nobody needs to configure, such as the key that signs cursors.
CREATE TABLE shared_values (
    name  text PRIMARY KEY,
    value bytea NOT NULL
);
