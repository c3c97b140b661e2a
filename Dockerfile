# The project and all that it needs, for a CPU or, with CUDA's libraries from PyPI, for an NVIDIA GPU:
#
#   docker build -t pricefuse .                             docker run -it pricefuse make repro
#   docker build -t pricefuse:cuda --build-arg CPU= .       docker run -it --gpus all pricefuse:cuda make repro
#
# The stage `environment` has everything but the project's files: development containers mount a checkout instead.
FROM python:3.11-slim AS environment

# LightGBM needs OpenMP; git fetches and pushes by ssh.
RUN apt-get update && \
    apt-get install --yes --no-install-recommends git libgomp1 make openssh-client && \
    rm -rf /var/lib/apt/lists/*

# (WORKDIR alone would make a folder of root's.)
RUN useradd --create-home --uid 1000 user && install --directory --owner user --group user /home/user/pricefuse
USER user
WORKDIR /home/user/pricefuse

# 1: torch without CUDA; empty: with it.
ARG CPU=1
# The Makefile's environment, also for whoever calls `dvc` and `pricefuse` without it. In the home folder, because a
# development container gives that to a user with another id.
ENV CPU=$CPU VENV=/home/user/venv PATH=/home/user/venv/bin:$PATH PIP_NO_CACHE_DIR=1

# Only what names the requirements: edited code does not install them again. The editable install wants a README and src/.
COPY --chown=user:user Makefile requirements.txt constraints.txt pyproject.toml ./
RUN mkdir src && touch README.md && make setup

FROM environment AS project
COPY --chown=user:user . .
# DVC works in a git repository. This one has no history, and so neither the host's credentials nor its branches.
RUN git init --quiet --initial-branch main && \
    git config user.name user && git config user.email user@localhost && \
    git add --all && git commit --quiet --message "As the image was built"
CMD ["make", "help"]
