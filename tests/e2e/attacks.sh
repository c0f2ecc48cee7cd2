# attacks: words of the tests in which one connection attacks. Sourced after
# lib.sh.
#
#   start_attacked         heapgate before nghttpd (/small, /big: 10 MiB) and
#                          backend.py (/never, /sum), with the default limits
#   attacked NAME OUTCOME REASON   runs tests/e2e/attack.py's attack NAME: the
#                          first connection ends with OUTCOME ("goaway 11"; a
#                          pattern), heapgate_rejected_total{reason=REASON}
#                          grows ("-": none), the worker by 8 MiB at most, and
#                          a bystander's p99 at most doubles
#   attacks_end            the last word: of a build with a sanitizer, which is
#                          slow and keeps memory of its own, that the bounds of
#                          both were not looked at

# What a bystander waits on a busy machine, in µs: below it twice means nothing.
NOISE_US=15000

start_attacked() {
	need nghttpd python3
	file small 100
	file big 10M
	start_nghttpd
	start_backend
	ports
	cert
	conf <<-CONF
		workers 1
		listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
		listen 127.0.0.1:$CLEAR
		route / files
		route /never app
		route /sum app
		upstream files { server 127.0.0.1:$NGHTTPD_PORT proto=h2c }
		upstream app { server 127.0.0.1:$BACKEND_PORT; max_fails 0 }
		metrics 127.0.0.1:$METRICS
	CONF
	start_heapgate
	plain /small -o /dev/null
	WORKER=$(worker)
}

field() { sed -E "s/.*\"$1\": \"?([^\",}]*).*/\1/" attack.json; }

rejected() { metric "heapgate_rejected_total\{.*reason=\"$1\""; }
counted_more() { [ "$(rejected "$1")" -gt "$2" ]; }

one_attack() {
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$TOP/tests timeout 60 \
		python3 "$TOP/tests/e2e/attack.py" "$CLEAR" "$WORKER" /small "$1" \
		"${ATTACK_SECONDS:-0.7}" >attack.json || flunk "$1: $(cat attack.json)"
}

calm() {
	local normal
	[ -z "${SANITIZE:-}" ] || return 0
	normal=$(field normal_us)
	[ "$normal" -ge $NOISE_US ] || normal=$NOISE_US
	[ "$(field attack_us)" -le $((2 * normal)) ]
}

attacks_end() {
	[ -z "${SANITIZE:-}" ] ||
		skip "all shown but memory and the bystander's time: a sanitizer changes both"
}

attacked() {
	local name=$1 before=0 i
	it "$name"
	[ "$3" = - ] || before=$(rejected "$3")
	for i in 1 2 3; do # others may use this machine too
		one_attack "$name"
		! calm || break
	done
	show "$(cat attack.json)"
	calm || flunk "the bystander's p99 in µs: $(cat attack.json)"
	# shellcheck disable=SC2254 # it is a pattern
	case $(field outcome) in $2) ;; *) flunk "ended otherwise: $(cat attack.json)" ;; esac
	[ -n "${SANITIZE:-}" ] || at_most "$(field grown_kib)" 8192 "KiB grown"
	[ "$3" = - ] || soon 3 counted_more "$3" "$before"
	is "$(worker)" "$WORKER" "the worker"
}
