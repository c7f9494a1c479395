# syntax=docker/dockerfile:1
# Two stages: the first makes a virtual environment from the hashed lock, the second only runs it.
FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/bridge
COPY locks/postgres.txt locks/build.txt locks/
RUN /opt/bridge/bin/pip install --require-hashes --requirement locks/postgres.txt \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --requirement locks/build.txt
COPY pyproject.toml hatch_build.py LICENSE README.md .env.example config.yaml ./
COPY bridge bridge
COPY templates templates
COPY tests/stories.yaml tests/stories.yaml
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
    && /opt/bridge/bin/pip install --no-deps /tmp/wheel/*.whl

FROM python:3.13-slim-bookworm
ENV PATH=/opt/bridge/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin bridge \
    && install --directory --owner=bridge --group=bridge /data /etc/bridge
COPY --from=build /opt/bridge /opt/bridge
COPY --chown=bridge config.yaml /etc/bridge/config.yaml
COPY --chown=bridge templates /etc/bridge/templates
COPY --chown=bridge tests/stories.yaml /etc/bridge/tests/stories.yaml
USER bridge
# Everything that changes is below /data, so the root may be mounted read-only.
WORKDIR /data
VOLUME /data
ENV BRIDGE_CONFIG=/etc/bridge/config.yaml
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=5s --retries=3 CMD ["bridge", "health"]
ENTRYPOINT ["bridge"]
CMD ["run"]
