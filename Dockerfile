# Keel in a minimal image: the binary, its C library and nothing else (no shell).
#
#   docker build -t keel .
#   docker run -p 8080:8080 -p 10000-10003:10000-10003/udp -p 10000-10003:10000-10003 -v keel-data:/data \
#       -e KEEL_ACCESS_TOKENS=a-token-of-your-own -e KEEL_ANNOUNCE=203.0.113.7 keel
#
# KEEL_ANNOUNCE is the address under which peers reach the host: the container cannot see it. Media takes
# one UDP and TCP port per worker from 10000; with another KEEL_WORKERS map as many, and each to the same number.
# Inside the container HTTP listens on every address, so Keel refuses to start without KEEL_ACCESS_TOKENS,
# or KEEL_ACCESS=open to let everyone in. Browsers give camera and microphone only to HTTPS pages: put a
# proxy that ends TLS in front, or mount a certificate and set KEEL_TLS_CERTIFICATE and KEEL_TLS_KEY.

FROM rust:1.95-bookworm AS builder
WORKDIR /src
COPY . .
# Named by `keel --version`: docker build --build-arg KEEL_COMMIT=$(git rev-parse --short HEAD)
ARG KEEL_COMMIT=""
# The image's own compiler, not a download of what rust-toolchain.toml names.
ENV RUSTUP_TOOLCHAIN=1.95.0
RUN cargo build --release --locked -p keel && mkdir /data

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=builder /src/target/release/keel /usr/local/bin/keel
COPY --from=builder --chown=nonroot:nonroot /data /data
ENV KEEL_HTTP_ADDRESSES=0.0.0.0 \
    KEEL_MEDIA_ADDRESSES=0.0.0.0 \
    KEEL_MEDIA_PORT=10000 \
    KEEL_WORKERS=4 \
    KEEL_DATA_DIR=/data
VOLUME /data
EXPOSE 8080/tcp 10000-10003/udp 10000-10003/tcp 3478/tcp 3478/udp 5349/tcp
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/usr/local/bin/keel", "--health-check"]
# SIGTERM, docker's default, ends calls in order within KEEL_SHUTDOWN_DEADLINE_S (10); docker waits as long
# before it kills, so give it more: docker stop --time 15.
ENTRYPOINT ["/usr/local/bin/keel"]
