# lib: the words of the end-to-end tests; see tests/README.md. To be sourced
# by a bash script as its first command:
#
#	. "$(dirname "$0")/lib.sh"
#
# What it promises: a command that fails without being asked about ends the
# test; whatever was started here ends with the test; ports are free ones on
# 127.0.0.1; all files are in $TMPDIR, which is the test's own.
#
#   need CMD...            skip the test, with the reason, without these
#   skip REASON            skip it
#   it SENTENCE            what the next lines show; named when they fail
#   is GOT WANT [WHAT]     equal strings
#   at_most GOT MAX [WHAT] numbers
#   at_least GOT MIN [WHAT]
#   has TEXT NEEDLE        TEXT contains NEEDLE;  has_not is its opposite
#   fails CMD...           CMD exits other than 0
#   exits CODE CMD...      CMD exits CODE; what it printed is in $OUT
#   soon SECONDS CMD...    CMD succeeds before SECONDS are over
#   show TEXT...           a line in the log
#
#   free_port              prints a port that is free and stays reserved
#   cert                   makes $CERT and $KEY
#   start NAME CMD...      in the background, log in $TMPDIR/NAME.log; $PID
#   wait_port PORT [PID]   until something listens there
#   listening PORT         succeeds when something does
#   stop PID [SIGNAL]      end it, wait for it; returns its exit code
#   start_nginx            HTTP/1.1 on $NGINX_PORT; serves $WWW
#   start_nghttpd [ARG...] h2c on $NGHTTPD_PORT; serves $WWW
#   start_backend [ARG...] tests/e2e/backend.py on $BACKEND_PORT
#   file NAME SIZE         a file of random bytes in $WWW; zeroes if "z"
#
#   ports                  sets $PORT (TLS), $CLEAR, $METRICS
#   conf                   writes stdin to $CONF
#   simple_conf SERVER [STATEMENTS]   one worker, TLS on $PORT, cleartext on
#                          $CLEAR, metrics, all to one server
#   start_heapgate [ARG..] runs it with -c $CONF; $HG; waits for $METRICS, or
#                          for $PORT if the config has no metrics
#   workers                pids of its workers, one a line
#   worker                 the first worker's pid
#   py [ARG...]            python3 with tests/h2.py at hand; script on stdin
#   start_py NAME [ARG...] the same in the background, as by start
#   get PATH [ARG...]      curl over TLS HTTP/2;  plain PATH: HTTP/1.1 on $CLEAR
#   metric PATTERN         sum of the metrics whose line begins with PATTERN
#                          (an extended regular expression)
#   load N CLIENTS STREAMS URL [ARG...]   h2load; $LOAD_OK, $LOAD_FAILED,
#                          its output in $TMPDIR/h2load.log
#   rss PID                resident kB
#   maps PID               names of the libraries it has mapped

set -eEu -o pipefail
: "${TOP:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
: "${B:=$TOP/build}"
: "${HEAPGATE:=$B/heapgate}" "${STRAY:=$B/tests/e2e/stray.so}"
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin
if [ -z "${HEAPGATE_TEST:-}" ]; then
	TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/heapgate-e2e.XXXXXX")
	OWN_TMPDIR=$TMPDIR
fi
export TMPDIR
cd "$TMPDIR"
WWW=$TMPDIR/www CONF=$TMPDIR/heapgate.conf
CERT=$TMPDIR/cert.pem KEY=$TMPDIR/key.pem
LIB_STARTED=() LIB_IT="starts" LIB_DONE=
mkdir -p "$WWW"

# --- saying --------------------------------------------------------------

show() { printf '%s\n' "$*"; }
it() { LIB_IT=$*; show "- $*"; }

lib_where() {
	local i
	for ((i = 1; i < ${#BASH_SOURCE[@]}; i++)); do
		case ${BASH_SOURCE[i]} in
		*/lib.sh) ;;
		*) show "at ${BASH_SOURCE[i]##*/}:${BASH_LINENO[i - 1]}"; return ;;
		esac
	done
}

flunk() {
	trap - ERR
	[ "$BASHPID" = $$ ] || { show "FAILED: $LIB_IT: $*" >&2; exit 1; }
	show "FAILED: $LIB_IT"
	lib_where
	show "$@"
	local log
	for log in "$TMPDIR"/*.log; do
		[ -s "$log" ] || continue
		show "--- ${log##*/}, last lines"
		tail -n 20 "$log"
	done
	exit 1
}

skip() { LIB_DONE=1; show "$*"; exit 77; }

need() {
	local c
	for c in "$@"; do
		command -v "$c" >/dev/null || skip "$c is not installed"
	done
}

is() { [ "$1" = "$2" ] || flunk "${3:-got}: '$1', wanted '$2'"; }
at_most() {
	awk "BEGIN { exit !($1 <= $2) }" || flunk "${3:-got}: $1, wanted at most $2"
}
at_least() {
	awk "BEGIN { exit !($1 >= $2) }" || flunk "${3:-got}: $1, wanted at least $2"
}
has() { case $1 in *"$2"*) ;; *) flunk "no '$2' in:" "$1" ;; esac; }
has_not() { case $1 in *"$2"*) flunk "'$2' is in:" "$1" ;; esac; }
fails() { ! "$@" || flunk "succeeded: $*"; }

exits() {
	local want=$1 code=0
	shift
	OUT=$("$@" 2>&1) || code=$?
	[ $code = "$want" ] || flunk "exit $code, wanted $want: $*" "$OUT"
}

soon() {
	local end=$((SECONDS + $1)) what="${*:2}"
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -le $end ] || flunk "not in time: $what"
		sleep 0.05
	done
}

# --- starting and ending -------------------------------------------------

free_port() {
	local port dir=${HEAPGATE_TEST_RUN:-$TMPDIR}
	while :; do
		port=$((10240 + (RANDOM * 32768 + RANDOM) % 21000))
		listening $port && continue
		mkdir "$dir/port-$port" 2>/dev/null && { echo $port; return; }
	done
}

listening() {
	local hex
	printf -v hex ':%04X' "$1"
	awk -v p="$hex" '$4 == "0A" && substr($2, length($2) - 4) == p { f = 1 }
		END { exit !f }' /proc/net/tcp /proc/net/tcp6
}

start() {
	local name=$1
	shift
	# Emptied before it starts: who waits for a line must not see an older one.
	: >"$TMPDIR/$name.log"
	# Without <&0 the shell would give it /dev/null.
	"$@" <&0 >"$TMPDIR/$name.log" 2>&1 &
	PID=$!
	LIB_STARTED+=("$PID")
}

alive() {
	local state
	state=$(sed -nE 's/^State:\s+(.).*/\1/p' "/proc/$1/status" 2>/dev/null) ||
		return 1
	[ -n "$state" ] && [ "$state" != Z ]
}
gone() { ! alive "$1"; }

wait_port() {
	local end=$((SECONDS + 15))
	until listening "$1"; do
		[ -z "${2:-}" ] || alive "$2" || flunk "it ended before it listened"
		[ $SECONDS -le $end ] || flunk "nothing listens on $1"
		sleep 0.02
	done
}

stop() {
	local code=0
	kill "-${2:-TERM}" "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || code=$?
	return $code
}

lib_end() {
	local code=$? pid
	trap - ERR EXIT
	set +e
	for pid in "${LIB_STARTED[@]}"; do kill "$pid" 2>/dev/null; done
	for pid in "${LIB_STARTED[@]}"; do
		for _ in {1..60}; do alive "$pid" || break; sleep 0.05; done
		alive "$pid" && kill -9 "$pid"
	done 2>/dev/null
	wait 2>/dev/null
	# What a sanitizer says, also of a worker that nobody waits for.
	if grep -qsE 'ERROR: [A-Za-z]+Sanitizer|: runtime error: ' "$TMPDIR"/*.log; then
		grep -hE -A 40 'ERROR: [A-Za-z]+Sanitizer|: runtime error: ' \
			"$TMPDIR"/*.log | head -n 100
		show "FAILED: a sanitizer has something to say"
		[ $code != 0 ] && [ $code != 77 ] || code=1
	fi
	[ -z "${OWN_TMPDIR:-}" ] || [ "${KEEP:-}" = 1 ] || rm -rf "$OWN_TMPDIR"
	[ $code != 0 ] || show "all shown"
	exit $code
}
trap lib_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'flunk "failed: $BASH_COMMAND"' ERR

# --- the others ----------------------------------------------------------

cert() {
	[ ! -e "$CERT" ] || return 0
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$KEY" -out "$CERT" -days 2 -subj /CN=localhost \
		-addext 'subjectAltName=DNS:localhost,DNS:*.example.com,IP:127.0.0.1' \
		2>"$TMPDIR/cert.err" || flunk "$(cat "$TMPDIR/cert.err")"
}

file() {
	case ${3:-} in
	z) truncate -s "$2" "$WWW/$1" ;;
	*) head -c "$(numfmt --from=iec "$2")" /dev/urandom >"$WWW/$1" ;;
	esac
	chmod 644 "$WWW/$1"
}

start_nginx() {
	need nginx
	local user=
	NGINX_PORT=$(free_port)
	mkdir -p "$TMPDIR/nginx"
	[ "$(id -u)" != 0 ] || user='user root;'
	cat >"$TMPDIR/nginx.conf" <<-CONF
		daemon off; worker_processes 1; $user
		pid $TMPDIR/nginx/pid; error_log stderr warn;
		events { worker_connections 4096; }
		http {
			access_log off; keepalive_requests 1000000;
			client_max_body_size 0; sendfile on;
			client_body_temp_path $TMPDIR/nginx; proxy_temp_path $TMPDIR/nginx;
			fastcgi_temp_path $TMPDIR/nginx; uwsgi_temp_path $TMPDIR/nginx;
			scgi_temp_path $TMPDIR/nginx;
			server { listen 127.0.0.1:$NGINX_PORT backlog=2048; root $WWW; }
		}
	CONF
	start nginx nginx -p "$TMPDIR" -c "$TMPDIR/nginx.conf" -e stderr
	NGINX_PID=$PID
	wait_port "$NGINX_PORT" "$PID"
}

start_nghttpd() {
	need nghttpd
	NGHTTPD_PORT=$(free_port)
	start nghttpd nghttpd --no-tls -a 127.0.0.1 -d "$WWW" "$@" "$NGHTTPD_PORT"
	NGHTTPD_PID=$PID
	wait_port "$NGHTTPD_PORT" "$PID"
}

start_backend() {
	need python3
	BACKEND_PORT=$(free_port)
	start backend python3 "$TOP/tests/e2e/backend.py" "$BACKEND_PORT" "$@"
	BACKEND_PID=$PID
	wait_port "$BACKEND_PORT" "$PID"
}

# --- heapgate ------------------------------------------------------------

ports() {
	PORT=$(free_port) CLEAR=$(free_port) METRICS=$(free_port)
	URL=https://127.0.0.1:$PORT
}

conf() { cat >"$CONF"; }

simple_conf() {
	cert
	conf <<-CONF
		workers ${WORKERS:-1}
		listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
		listen 127.0.0.1:$CLEAR
		route / app
		upstream app { server $1 }
		metrics 127.0.0.1:$METRICS
		${2:-}
	CONF
}

start_heapgate() {
	start heapgate "$HEAPGATE" -c "$CONF" "$@"
	HG=$PID
	if grep -qE '^[[:space:]]*metrics\b' "$CONF"; then
		wait_port "$METRICS" "$HG"
		soon 15 curl -fs "http://127.0.0.1:$METRICS/readyz"
	else
		wait_port "$PORT" "$HG"
	fi
}

workers() { tr ' ' '\n' <"/proc/$HG/task/$HG/children" | grep .; }
worker() { workers | head -n 1; }

export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$TOP/tests
py() { python3 - "$@"; }
start_py() { local name=$1; shift; start "$name" python3 - "$@"; }

get() { curl -sS --http2 --cacert "$CERT" "$URL$1" "${@:2}"; }
plain() { curl -sS --http1.1 "http://127.0.0.1:$CLEAR$1" "${@:2}"; }

metrics() { curl -fsS "http://127.0.0.1:$METRICS/metrics"; }
metric() {
	metrics | { grep -E "^($1)" || true; } | awk '{ n += $NF } END { printf "%.15g\n", n }'
}

load() {
	need h2load
	local n=$1 clients=$2 streams=$3 url=$4 line
	shift 4
	h2load -t 1 -n "$n" -c "$clients" -m "$streams" "$@" "$url" \
		>"$TMPDIR/h2load.log" 2>&1 || flunk "h2load failed"
	line=$(grep '^requests:' "$TMPDIR/h2load.log")
	LOAD_OK=$(sed -E 's/.* ([0-9]+) succeeded.*/\1/' <<<"$line")
	LOAD_FAILED=$(sed -E 's/.* ([0-9]+) failed.*/\1/' <<<"$line")
}

status_kb() { awk -v k="$2:" '$1 == k { print $2 }' "/proc/$1/status"; }
rss() { status_kb "$1" VmRSS; }
maps() { awk '$6 ~ /^\// { print $6 }' "/proc/$1/maps" | sort -u; }
