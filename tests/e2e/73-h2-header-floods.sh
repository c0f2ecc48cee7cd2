#!/usr/bin/env bash
# Header blocks without end, or that grow when they are decoded
# (CVE-2024-27316, CVE-2016-1544, CVE-2016-6581).
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/e2e/attacks.sh"

start_attacked
attacked continuation_flood "goaway 11" header_flood
attacked empty_continuation_flood "goaway 11" header_flood
attacked large_continuation_flood "goaway 11" header_flood
attacked hpack_bomb "goaway 11" header_flood
attacked small_hpack_bombs "goaway 11" header_flood
attacked many_small_headers "goaway 11" header_flood
attacked heads_that_are_too_large "goaway 11" header_flood
attacked empty_header_blocks "goaway 11" "[a-z]*_flood"
attacks_end
