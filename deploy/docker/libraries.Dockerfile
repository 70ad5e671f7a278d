# chasen/libraries: the base and our locked dependencies, shared by controller and
# invoker.  The wheels were fetched outside, so no package index is named here.
FROM chasen/base:bookworm AS build
COPY wheels /wheels
COPY runtime.txt /
RUN python3 -m venv /opt/chasen \
 && /opt/chasen/bin/pip install -q --disable-pip-version-check --no-index \
      --find-links=/wheels --require-hashes -r /runtime.txt \
 && /opt/chasen/bin/pip uninstall -q -y pip setuptools

FROM chasen/base:bookworm
LABEL chasen.image=1
COPY --from=build /opt/chasen /opt/chasen
RUN useradd --uid 10001 --create-home chasen \
 && install -d -o chasen -m 0700 /var/lib/chasen /var/lib/chasen/keys
COPY chasen.py /usr/local/bin/chasen
ENV PYTHONPATH=/opt/chasen/house PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    CHASEN_STATE_DIR=/var/lib/chasen PATH=/opt/chasen/bin:$PATH
