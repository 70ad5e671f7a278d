# chasen/controller: the front of the house, and the operator's commands.
FROM chasen/libraries
COPY house /opt/chasen/house
RUN ["/opt/chasen/bin/python", "-m", "compileall", "-q", "/opt/chasen/house"]
USER chasen
VOLUME /var/lib/chasen
ENTRYPOINT ["chasen"]
CMD ["controller"]
