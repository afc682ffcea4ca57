# The CPU environment, from the lock; without a command it runs the recipe at its smallest size.
#   docker build -t r1 .                     from a git clone, whose .git DVC needs
#   docker run -v r1-data:/r1/data r1        the smoke recipe: minutes on two cores, 8 GiB
#   docker run -it -v r1-data:/r1/data r1 python -m r1 chat r1
# Code tasks (code=humaneval) run model-written code in bubblewrap, which needs user namespaces:
# Docker's default seccomp profile denies them, so add --security-opt seccomp=unconfined for these.
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends build-essential bubblewrap git libnuma1 make util-linux \
    && rm -rf /var/lib/apt/lists/* \
    && git config --system --add safe.directory /r1
WORKDIR /r1

# Before the code, so that a change of the code does not install everything again.
COPY Makefile pyproject.toml ./
COPY requirements requirements
RUN make setup PYTHON=python3

COPY . .
ENV PATH=/r1/.venv/bin:$PATH VIRTUAL_ENV=/r1/.venv
CMD ["sh", "-c", "python -m r1 compose profile=smoke && dvc repro"]
