#!/usr/bin/env bash
# Streams that are begun to be reset, by the client (CVE-2023-44487) or by us
# for what it did (CVE-2025-8671): they draw from one budget.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/e2e/attacks.sh"

start_attacked

attacked rapid_reset "goaway 11" reset_flood
attacked made_you_reset_by_window_overflow "goaway 11" reset_flood
# On a slow machine the streams that are to be reset exceed the limit first.
attacked made_you_reset_by_content_length "goaway 1*" "(reset_flood|bad_request)"
attacked made_you_reset_by_malformed_heads "goaway 11" reset_flood
# On a slow machine more is on the way than the connection's window, too.
attacked made_you_reset_by_a_full_window "goaway [13]*" "(reset_flood|bad_request)"
attacked made_you_reset_by_trailers_that_do_not_end "goaway 11" reset_flood
attacked made_you_reset_by_bad_trailers "goaway 11" reset_flood
attacked made_you_reset_by_upper_case_trailers "goaway 11" reset_flood
attacked streams_beyond_the_limit "goaway 11" reset_flood
# What ends the connection at the first time.
attacked made_you_reset_by_zero_window_update "goaway 1" -
attacked made_you_reset_by_priority_length "goaway 6" -
attacked made_you_reset_by_data_after_the_end "goaway 5" bad_request
attacked made_you_reset_by_headers_after_the_end "goaway 5" bad_request

it "lets at most 100 requests of one rapid-reset client reach a server"
stop "$HG"
PEER=$(free_port)
sed -i "s/upstream app .*/upstream app { server 127.0.0.1:$PEER }/" "$CONF"
start_heapgate
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$TOP/tests:$TOP/tests/e2e \
	python3 - "$CLEAR" "$PEER" <<-'EOT'
	import sys, time
	import attack, h2peer
	clear, port = map(int, sys.argv[1:])
	server = h2peer.H1Server(port, lambda p: (p.head(), p.wait_eof()))
	for name in ("rapid_reset", "rapid_reset_in_small_steps"):
	    before = sum(len(p.heads) for p in server.conns)
	    c = attack.Attacker(clear)
	    try:
	        attack.ATTACKS[name](c)
	    except OSError:
	        pass
	    assert c.outcome() == ("goaway", 11), name
	    time.sleep(0.5)
	    n = sum(len(p.heads) for p in server.conns) - before
	    print(name, "reached the server", n, "times")
	    assert n <= 100, n
	    assert name == "rapid_reset" or n > 20, n
	EOT
attacks_end
