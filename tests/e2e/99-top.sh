#!/usr/bin/env bash
# heapgate top: the same figures in a terminal, with ncurses and without.
. "$(dirname "$0")/lib.sh"

start_backend
ports
WORKERS=2 simple_conf "127.0.0.1:$BACKEND_PORT" "admin unix:$TMPDIR/admin.sock"
start_heapgate
top=("$HEAPGATE" top)

it "prints once, from the admin socket, the metrics address or the config"
for from in "-s $TMPDIR/admin.sock" "--url http://127.0.0.1:$METRICS" "-c $CONF"; do
	# shellcheck disable=SC2086
	exits 0 "${top[@]}" $from --once
	has "$OUT" "2 of 2 workers serve"
	has "$OUT" "worker 1"
	has "$OUT" "CPU/request"
	has "$OUT" "2 of 2"
done
exits 0 "${top[@]}" -c "$CONF" --once --arms
has_not "$OUT" "worker 1"
exits 0 "${top[@]}" -c "$CONF" --once # not a terminal: no escape sequences
has_not "$OUT" $'\033'

it "gives programs JSON"
sampled() {
	"${top[@]}" -c "$CONF" --once --json | python3 -c '
import json, sys
d = json.load(sys.stdin)
assert d["schema"] == 1 and len(d["workers"]) == 2
assert d["arms"][0]["now"]["anon_bytes"] > 100000, d
assert d["workers"][1]["now"]["streams"] == 0, d'
}
soon 10 sampled
"${top[@]}" -c "$CONF" --json -d 0.1 | head -n 3 >lines || true
is "$(wc -l <lines)" 3

it "says what is wrong"
exits 1 "${top[@]}" -s "$TMPDIR/none.sock" --once
has "$OUT" "none.sock: No such file or directory"
exits 1 "${top[@]}" --url "http://127.0.0.1:$(free_port)" --once
has "$OUT" "Connection refused"
exits 2 "${top[@]}" --url http://example.com:9180 --once
exits 2 "${top[@]}" --nonsense
exits 2 "${top[@]}" -d 0
exits 0 "${top[@]}" --help

it "keeps ncurses out of the workers"
for pid in "$HG" $(workers); do
	has_not "$(maps "$pid")" curses
done

need tmux
export TMUX='' TMUX_TMPDIR=$TMPDIR
tm() { tmux -f /dev/null -L top "$@"; }
screen() { tm capture-pane -p; }
shows() { screen | grep -qF -- "$1"; }
hides() { ! shows "$1"; }
start tmux tmux -f /dev/null -L top -D
soon 5 tm set -g status off

# in_terminal [VARIABLE=VALUE...]
in_terminal() {
	tm new-session -d -x 130 -y 20 \
		"env $* '$HEAPGATE' top -s '$TMPDIR/admin.sock' -d 0.2; echo left with \$?; sleep 60"
	soon 5 shows "worker 1"
	shows "q quits"
	tm send-keys w
	soon 5 hides "worker 1"
	shows "requests/s"
	tm send-keys Space
	soon 5 shows paused
	tm send-keys Space w
	soon 5 shows "worker 1"
	tm resize-window -x 40 -y 8
	soon 5 hides "requests/s"
	tm resize-window -x 130 -y 20
	soon 5 shows "requests/s"
}

it "is live in a terminal, obeys keys, fits a narrow one"
in_terminal TERM=screen-256color
tm send-keys C-c
soon 5 shows "left with 0"
hides "q quits"
tm kill-session

it "does without ncurses on a terminal that it does not know"
in_terminal TERM=unheard-of
tm send-keys q
soon 5 shows "left with 0"
tm kill-session

it "says so when heapgate goes, and goes on"
tm new-session -d -x 130 -y 20 "'$HEAPGATE' top -s '$TMPDIR/admin.sock' -d 0.2"
soon 5 shows "worker 1"
stop "$HG"
soon 5 shows "admin.sock: "
shows "worker 1"
tm send-keys q
ended() { ! tm has-session; }
soon 5 ended
