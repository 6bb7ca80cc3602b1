# All images of green-ml; "make images" builds them. One target each: data-fetch, preprocessing, model-training,
# model-api, scheduler, data-source (the example's CSV over HTTP), tools (a shell with curl) and postgres (PostgreSQL and
# the migrations). Each holds its program, the libraries that needs, and a list of them in /usr/share/sbom; no package
# manager, and a shell only in the last three.
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS build
# Only the layers of the last stages are shipped, so nothing is tidied up here. All packages first: they are not fetched
# again when a source changes.
RUN apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends \
	gcc libc6-dev make pkg-config libpq-dev libcurl4-openssl-dev libjansson-dev libmicrohttpd-dev zlib1g-dev libssl-dev \
	ca-certificates busybox curl tzdata postgresql-15
WORKDIR /src
COPY Makefile CHANGELOG.md ./
COPY common common
COPY data data
COPY database database
COPY docs/openapi.json docs/
COPY data-fetch data-fetch
COPY preprocessing preprocessing
COPY model-training model-training
COPY model-api model-api
COPY scheduler scheduler
ARG VERSION
RUN make -j"$(nproc)" VERSION="$VERSION" && strip build/release/bin/* && install -d /usr/local/bin \
	&& install build/release/bin/* /usr/local/bin
COPY pipeline/image-root /usr/local/sbin/

# A program each.
FROM build AS data-fetch-root
RUN image-root /root-of-image /usr/local/bin/data-fetch
FROM build AS preprocessing-root
RUN image-root /root-of-image /usr/local/bin/preprocessing
FROM build AS model-training-root
RUN image-root /root-of-image /usr/local/bin/model-training
FROM build AS model-api-root
RUN image-root /root-of-image /usr/local/bin/model-api
FROM build AS scheduler-root
RUN image-root /root-of-image /usr/local/bin/scheduler

# Not programs of ours.
FROM build AS data-source-root
RUN image-root /root-of-image /usr/local/bin/generate /usr/bin/busybox \
	&& image-root --links /root-of-image busybox sh httpd
FROM build AS tools-root
RUN image-root /root-of-image /usr/bin/curl /usr/bin/busybox \
	&& image-root --links /root-of-image busybox sh cat head od tr sleep base64 printf test
FROM build AS postgres-root
COPY pipeline/specs /src/pipeline/specs
# Without the just-in-time compiler, whose libraries are larger than everything else together.
RUN rm -rf /usr/lib/postgresql/15/lib/bitcode /usr/lib/postgresql/15/lib/llvmjit* /usr/share/zoneinfo/right \
		/usr/share/zoneinfo/posix \
	&& install -d /usr/share/green-ml/pipeline \
	&& cp -r database /usr/share/green-ml/ && cp CHANGELOG.md /usr/share/green-ml/ \
	&& rm /usr/share/green-ml/database/*.c && cp -r pipeline/specs /usr/share/green-ml/pipeline/ \
	&& image-root --user postgres /root-of-image /usr/local/bin/register /usr/lib/postgresql/15 /usr/share/postgresql/15 \
		/usr/share/zoneinfo /usr/share/green-ml /bin/bash /usr/bin/env /bin/cat /bin/chmod /usr/bin/cut /bin/date \
		/usr/bin/dirname /usr/bin/head /usr/bin/id /bin/ls /bin/mkdir /bin/mktemp /bin/mv /bin/readlink /bin/rm /bin/sed /bin/sleep \
		/usr/bin/sha256sum /usr/bin/tail /usr/bin/tr /usr/bin/wc /usr/bin/mawk /bin/grep \
	&& ln -s mawk /root-of-image/usr/bin/awk && ln -s bash /root-of-image/usr/bin/sh

FROM scratch AS data-fetch
COPY --from=data-fetch-root /root-of-image/ /
USER 65532:65532
LABEL org.opencontainers.image.title="green-ml/data-fetch" \
	org.opencontainers.image.description="CSV to raw rows, exactly once" org.opencontainers.image.licenses="MIT"
ARG VERSION
LABEL org.opencontainers.image.version="${VERSION}"
ENTRYPOINT ["/usr/local/bin/data-fetch"]

FROM scratch AS preprocessing
COPY --from=preprocessing-root /root-of-image/ /
USER 65532:65532
LABEL org.opencontainers.image.title="green-ml/preprocessing" \
	org.opencontainers.image.description="raw rows to feature rows, exactly once" org.opencontainers.image.licenses="MIT"
ARG VERSION
LABEL org.opencontainers.image.version="${VERSION}"
ENTRYPOINT ["/usr/local/bin/preprocessing"]

FROM scratch AS model-training
COPY --from=model-training-root /root-of-image/ /
USER 65532:65532
LABEL org.opencontainers.image.title="green-ml/model-training" \
	org.opencontainers.image.description="grows a random forest and promotes it when it is no worse" \
	org.opencontainers.image.licenses="MIT"
ARG VERSION
LABEL org.opencontainers.image.version="${VERSION}"
ENTRYPOINT ["/usr/local/bin/model-training"]

FROM scratch AS model-api
COPY --from=model-api-root /root-of-image/ /
USER 65532:65532
LABEL org.opencontainers.image.title="green-ml/model-api" \
	org.opencontainers.image.description="predictions of the champion models over HTTP" \
	org.opencontainers.image.licenses="MIT"
ARG VERSION
LABEL org.opencontainers.image.version="${VERSION}"
EXPOSE 5000
ENTRYPOINT ["/usr/local/bin/model-api"]

FROM scratch AS scheduler
COPY --from=scheduler-root /root-of-image/ /
USER 65532:65532
LABEL org.opencontainers.image.title="green-ml/scheduler" \
	org.opencontainers.image.description="decides when a model is trained again" org.opencontainers.image.licenses="MIT"
ARG VERSION
LABEL org.opencontainers.image.version="${VERSION}"
ENTRYPOINT ["/usr/local/bin/scheduler"]

FROM scratch AS data-source
COPY --from=data-source-root /root-of-image/ /
USER 65532:65532
LABEL org.opencontainers.image.title="green-ml/data-source" \
	org.opencontainers.image.description="an example's CSV over HTTP" org.opencontainers.image.licenses="MIT AND GPL-2.0-only"
ARG VERSION
LABEL org.opencontainers.image.version="${VERSION}"
EXPOSE 8080
ENTRYPOINT ["/usr/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/data"]

FROM scratch AS tools
COPY --from=tools-root /root-of-image/ /
USER 65532:65532
LABEL org.opencontainers.image.title="green-ml/tools" \
	org.opencontainers.image.description="a small shell with curl" org.opencontainers.image.licenses="curl AND GPL-2.0-only"
ARG VERSION
LABEL org.opencontainers.image.version="${VERSION}"
ENTRYPOINT ["/usr/bin/busybox", "sh"]

FROM scratch AS postgres
COPY --from=postgres-root /root-of-image/ /
USER 65532:65532
LABEL org.opencontainers.image.title="green-ml/postgres" \
	org.opencontainers.image.description="PostgreSQL 15, the migrations and the program that registers pipelines" \
	org.opencontainers.image.licenses="PostgreSQL AND MIT AND GPL-3.0-or-later"
ARG VERSION
LABEL org.opencontainers.image.version="${VERSION}"
ENV PATH=/usr/local/bin:/usr/lib/postgresql/15/bin:/usr/bin:/bin
EXPOSE 5432
# Asks clients to go; with SIGTERM PostgreSQL waits until they do.
STOPSIGNAL SIGINT
ENTRYPOINT ["/usr/share/green-ml/database/serve"]
