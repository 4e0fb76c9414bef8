# One image for every service of the team server; docker-compose.yml says what each runs.
#
# Build arguments: TORCH_INDEX, where PyTorch's build without CUDA comes from; PIP_INDEX_URL, an
# index of your own; PIP_NO_INDEX=1, a build from the wheels in wheels/ alone
# (docs/team-server.md, Without network).
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG PIP_INDEX_URL=
ARG PIP_NO_INDEX=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_COMPILE=1 PIP_FIND_LINKS=/build \
    PATH=/opt/lrlab/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /build
# A pattern may match nothing, so the folder wheels/ is optional.
COPY pyproject.toml constraints.txt wheels/*.wh[l] ./
RUN python3 -m venv /opt/lrlab
RUN if ls torch-*.whl >/dev/null 2>&1; then index=""; else index="--index-url $TORCH_INDEX"; fi \
    && pip install --no-deps $index -c constraints.txt torch
RUN python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; print(*p["dependencies"], *p["optional-dependencies"]["server"], sep="\n")' > requirements.txt \
    && pip install --only-binary :all: -c constraints.txt -r requirements.txt
# The headers of torch serve compilers only. Some packages bring files that are meant for another
# Python and cannot be compiled by this one.
RUN rm -rf /opt/lrlab/lib/python3*/site-packages/torch/include \
    && { python -m compileall -qq -j 0 --invalidation-mode unchecked-hash /opt/lrlab/lib || true; }
COPY README.md ./
COPY src src
RUN pip install --no-deps --no-build-isolation . \
    && pip check \
    && python -m compileall -q --invalidation-mode unchecked-hash \
       "$(python -c 'import lrlab; print(lrlab.__path__[0])')"

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="lrlab" \
      org.opencontainers.image.description="The lrlab team server: MLflow, Dask and sweeps as a service" \
      org.opencontainers.image.version="${VERSION}"
# Volumes take their owner from the folders of the image that mounts them first. The standard
# library may come without bytecode, which a read-only container could never write.
RUN groupadd --gid 10001 lrlab \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin lrlab \
    && install -d -o 10001 -g 10001 -m 0700 /artifacts /backups /caddy \
    && python3 -m compileall -q -j 0 -x '/(test|tests|lib2to3|site-packages|dist-packages)/' \
       "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=build /opt/lrlab /opt/lrlab
ENV PATH=/opt/lrlab/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib GIT_PYTHON_REFRESH=quiet
USER 10001:10001
WORKDIR /tmp
CMD ["lrlab", "server", "--help"]
