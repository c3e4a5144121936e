# rawcog as an image. It needs no writable file system beyond /dev/shm:
#   docker build -t rawcog .
#   docker run --read-only -p 8000:8000 -v ~/imagery:/imagery:ro rawcog /imagery
# The arguments are those of `rawcog serve`. Without any, RAWCOG_CONFIG names the config file; else the demo is served.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv --without-pip /opt/rawcog
COPY requirements.lock ./
RUN python -m pip --python /opt/rawcog/bin/python install --require-hashes -r requirements.lock
COPY pyproject.toml requirements.txt README.md LICENSE wsgi.py ./
COPY cogread cogread
COPY server server
COPY config config
COPY data data
RUN python -m pip wheel --no-deps --wheel-dir dist . \
    && python -m pip --python /opt/rawcog/bin/python install --no-deps --no-index dist/*.whl

FROM python:${PYTHON}-slim
COPY --from=build /opt/rawcog /opt/rawcog
ENV PATH=/opt/rawcog/bin:$PATH PORT=8000
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", \
    "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health/live', timeout=4)"]
ENTRYPOINT ["rawcog", "serve", "--host", "0.0.0.0"]
