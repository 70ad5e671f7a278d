# A stand-in for the image nginx where no image registry is reachable: Debian's nginx
# behind an entry point that knows the same folders as the official image's.
FROM chasen/base:bookworm
RUN apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
      curl gettext-base nginx-light \
 && apt-get clean && rm -rf /var/lib/apt/lists/* /etc/nginx/sites-enabled/* \
 && useradd --system --no-create-home --shell /usr/sbin/nologin nginx \
 && install -d /etc/nginx/templates /docker-entrypoint.d
COPY nginx-entrypoint.sh /docker-entrypoint.sh
EXPOSE 80
STOPSIGNAL SIGQUIT
ENTRYPOINT ["/docker-entrypoint.sh"]
CMD ["nginx", "-g", "daemon off;"]
