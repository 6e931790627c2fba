# Dashcam as a service: the proxy on 8080, gateway and API on 8081, everything it keeps in /data.
#
#   docker build -t dashcam .
#   docker run -e DASHCAM_TOKEN=… -p 127.0.0.1:8080:8080 -p 127.0.0.1:8081:8081 -v dashcam:/data dashcam
#
# Clients: HTTPS_PROXY=http://RUN:TOKEN@127.0.0.1:8080. -e DASHCAM_ALLOW=… says which hosts may be called.

FROM python:3.13-slim AS build
ENV UV_PROJECT_ENVIRONMENT=/opt/dashcam \
    UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=1
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /src
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY sdk sdk
RUN uv sync --frozen --no-default-groups --no-install-workspace
COPY proxy proxy
COPY addons addons
RUN uv sync --frozen --no-default-groups --no-editable

FROM python:3.13-slim
RUN useradd --uid 10001 --home-dir /data --create-home dashcam
COPY --from=build /opt/dashcam /opt/dashcam
ENV PATH=/opt/dashcam/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DASHCAM_HOME=/data/home \
    DASHCAM_ALLOW=* \
    DASHCAM_STORE=sqlite:////data/recordings/dashcam.db
WORKDIR /data
USER 10001
VOLUME /data
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["python", "-c", "import http.client as http; asked = http.HTTPConnection('127.0.0.1', 8081, timeout=2); asked.request('GET', '/livez'); raise SystemExit(asked.getresponse().status != 200)"]
ENTRYPOINT ["dashcam"]
CMD ["up", "--listen", "0.0.0.0:8080", "--api", "0.0.0.0:8081"]
