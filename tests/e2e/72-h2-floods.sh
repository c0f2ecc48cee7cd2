#!/usr/bin/env bash
# Frames that cost us more than they cost the client (CVE-2019-9511 to 9518):
# each connection ends with ENHANCE_YOUR_CALM before it has done harm.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/e2e/attacks.sh"

start_attacked
attacked settings_flood "goaway 11" control_flood
attacked settings_flood_without_reading "goaway 11" control_flood
attacked settings_window_flips "goaway 11" control_flood
attacked settings_table_size_flips "goaway 11" control_flood
attacked settings_with_many_entries "goaway 11" -
attacked ping_flood "goaway 11" control_flood
attacked ping_flood_without_reading "goaway 11" control_flood
attacked ping_ack_flood "goaway 11" control_flood
attacked priority_flood "goaway 11" control_flood
attacked priority_update_flood "goaway 11" control_flood
attacked unknown_frame_flood "goaway 11" control_flood
attacked reset_flood_on_a_closed_stream "goaway 11" control_flood
attacked empty_data_flood "goaway 11" empty_flood
attacked padding_flood "goaway 11" empty_flood
attacked data_dribble "goaway 11" empty_flood
attacked window_update_flood "goaway 11" window_flood
attacked one_byte_windows "goaway 11" window_flood
attacks_end
