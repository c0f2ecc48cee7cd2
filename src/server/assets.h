/*
 * assets: files that are built into the program; the Makefile makes C of them.
 * Texts that end with a NUL. dygraphs is empty when it was not installed.
 */
#ifndef HEAPGATE_ASSETS_H
#define HEAPGATE_ASSETS_H

extern const char dashboard_html[];
extern const char dashboard_css[];
extern const char dashboard_js[];
extern const char report_dygraphs_js[];
extern const char report_dygraphs_css[];

#endif
