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
need gsasl gsasl
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
else
  echo "impetus: for all tests install first: apt-get install$missing" >&2
  [ "${CI:-}" = true ] && exit 1 || exit 0
fi
