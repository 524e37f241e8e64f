# The auditor with everything that it needs, as a user without rights: docker run --rm -v "$PWD:/src:ro" IMAGE
FROM python:3.12-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 auditor
COPY . /opt/backend-audit
RUN pip install --no-cache-dir /opt/backend-audit && rm -rf /opt/backend-audit
USER auditor
WORKDIR /src
ENTRYPOINT ["backend-audit"]
CMD ["scan", "/src"]
