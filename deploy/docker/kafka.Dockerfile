# A stand-in for the image apache/kafka where no image registry is reachable: the same
# version of the same jars, the same names of environment variables and folders.
FROM chasen/base:bookworm
RUN apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
      default-jre-headless \
 && apt-get clean && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 1000 --create-home appuser \
 && install -d -o appuser /etc/kafka /var/lib/kafka/data
COPY jars /opt/kafka/libs
COPY log4j2.properties start.py /opt/kafka/
USER appuser
VOLUME /var/lib/kafka/data
EXPOSE 9092
ENTRYPOINT ["python3", "/opt/kafka/start.py"]
