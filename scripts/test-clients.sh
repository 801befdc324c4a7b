#!/bin/sh
# The real mail programs that the scenarios use: installs them from Debian when this runs as root, else names them.
set -eu
missing=
need() { # need PROGRAM PACKAGE...: the packages are missing when the program is
  program=$1; shift
  command -v "$program" >/dev/null 2>&1 || [ -x "/usr/sbin/$program" ] || missing="$missing $*"
}
need swaks swaks
perl -MAuthen::SASL::Perl::DIGEST_MD5 -e 1 2>/dev/null || missing="$missing libauthen-sasl-perl libdigest-hmac-perl"   # swaks: DIGEST-MD5
perl -MNet::SSLeay -e 1 2>/dev/null || missing="$missing libnet-ssleay-perl"   # swaks: TLS
need smtp-source postfix
[ -x /usr/lib/dovecot/lmtp ] || missing="$missing dovecot-lmtpd"
need unbound unbound
need ldns-signzone ldnsutils
# Debian does not install Exim beside Postfix: its program alone is unpacked, with its libraries installed.
exim=/usr/local/lib/impetus-test/exim4
[ -x "$exim/usr/sbin/exim4" ] || missing="$missing libdb5.3 libgnutls-dane0 libidn12 libnsl2"
need gsasl gsasl
need pflogsumm pflogsumm
need curl curl
need python3 python3
need testssl testssl.sh
need openssl openssl
need git git
need opendkim opendkim
perl -MMail::DKIM::Verifier -e 1 2>/dev/null || missing="$missing libmail-dkim-perl"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "impetus: installing test clients:$missing" >&2
  if [ ! -e /usr/sbin/policy-rc.d ]; then   # no service may start on the tester's machine
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  apt-get update -qq >/dev/null 2>&1 || true
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 ||
    { echo "impetus: could not install:$missing" >&2; [ "${CI:-}" = true ] && exit 1 || exit 0; }
  if [ ! -x "$exim/usr/sbin/exim4" ]; then
    mkdir -p "$exim"
    (cd "$exim" && apt-get download -qq exim4-daemon-light >/dev/null 2>&1 && dpkg -x exim4-daemon-light_*.deb . && rm -f ./*.deb && chmod 0755 usr/sbin/exim4) ||
      { echo "impetus: could not unpack exim4-daemon-light" >&2; [ "${CI:-}" = true ] && exit 1 || exit 0; }
  fi
else
  echo "impetus: for all tests install first: apt-get install$missing" >&2
  [ "${CI:-}" = true ] && exit 1 || exit 0
fi
