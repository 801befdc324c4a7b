#!/bin/sh
# The real mail programs that the scenarios use: installs them from Debian when this runs as root, else names them.
set -eu
missing=
command -v swaks >/dev/null 2>&1 || missing="$missing swaks"
command -v smtp-source >/dev/null 2>&1 || [ -x /usr/sbin/smtp-source ] || missing="$missing postfix"
command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
command -v git >/dev/null 2>&1 || missing="$missing git"
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
