# The payments API as one static file in an empty image.
#
#   docker build -t payments-api .
#   docker run --read-only -p 8000:8000 -e ADMIN_USER=admin -e ADMIN_PASS=... -e DATABASE_URL=postgres://... payments-api

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc g++ cmake make libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
# A static C library needs an explicit target, or build scripts would be linked against it too.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    target="$(rustc -vV | sed -n 's/^host: //p')" && \
    RUSTFLAGS="-C target-feature=+crt-static" \
    cargo build --locked --config api/profile.toml --profile service -p api --target "$target" && \
    mkdir -p /image/data && \
    cp "target/$target/service/payments-api" /image/payments-api

FROM scratch
COPY --from=build --chown=65532:65532 /image /
USER 65532:65532
# /data is where SQLite keeps its file when a volume is mounted there.
WORKDIR /data
ENV CONTAINER=1 PORT=8000
EXPOSE 8000 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["/payments-api", "healthcheck"]
ENTRYPOINT ["/payments-api"]
