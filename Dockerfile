# The image of Hilera: hilerad, hileractl and hilera-sim on Debian 12, as user hilera (uid 990).
#
#   docker build -t hilera .
#   docker run -v hilera-journal:/var/lib/hilera -v ./hilera.yaml:/etc/hilera/hilera.yaml:ro -p 5600:5600/udp hilera

ARG BASE=debian:12-slim

FROM ${BASE} AS build
WORKDIR /src
COPY tools/deps tools/deps
RUN apt-get update && \
    apt-get install -y --no-install-recommends $(tools/deps --list build) && \
    rm -rf /var/lib/apt/lists/*
COPY . .
RUN cmake --preset release -DHILERA_TESTS=OFF -DHILERA_BENCH=OFF && \
    cmake --build build/release --target hilerad hileractl hilera-sim && \
    strip build/release/bin/hilerad build/release/bin/hileractl build/release/bin/hilera-sim

FROM ${BASE}
RUN apt-get update && \
    apt-get install -y --no-install-recommends \
      libev4 libboost-context1.74.0 libmariadb3 libyaml-cpp0.7 libprometheus-cpp-core1.0 libsodium23 \
      libspdlog1.10 libfmt9 libsqlite3-0 ca-certificates && \
    rm -rf /var/lib/apt/lists/* && \
    groupadd --system --gid 990 hilera && \
    useradd --system --uid 990 --gid hilera --home-dir /var/lib/hilera --shell /usr/sbin/nologin hilera && \
    install -d -o hilera -g hilera -m 0700 /var/lib/hilera && \
    install -d -o hilera -g hilera -m 0750 /run/hilera
COPY --from=build /src/build/release/bin/hilerad /src/build/release/bin/hileractl /src/build/release/bin/hilera-sim /usr/bin/
COPY config/hilera.yaml /etc/hilera/hilera.yaml

USER hilera
VOLUME /var/lib/hilera
EXPOSE 5600/udp 5027/udp 9850/tcp
# Alive, not ready: without its database Hilera goes on receiving, and must not be restarted for that.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["hileractl", "healthz"]
# The drain has its own deadline (drain.timeout, 30 s); `docker stop` needs --time above it, compose has it in its file.
STOPSIGNAL SIGTERM
ENTRYPOINT ["hilerad"]
CMD ["--config", "/etc/hilera/hilera.yaml"]
